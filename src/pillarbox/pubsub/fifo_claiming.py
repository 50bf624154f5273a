"""Which messages a receiver of a FIFO queue gets: those of one group first, in order, while nobody holds any of it.

Plans only. Called by claiming.py. A group whose messages are held gives none
until they are deleted or let go. A receiver that lost the answer gets the same
messages with the same handles when it asks with the same attempt id.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.pubsub import dead_letter_queues
from pillarbox.pubsub.dead_letter_queues import DeadLetters
from pillarbox.pubsub.fifo import DEDUPLICATION
from pillarbox.pubsub.queues import Queue
from pillarbox.store import fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.fifo_messages import Attempt
from pillarbox.store.plan import Plan
from pillarbox.store.queue_messages import ClaimedRow

_ROUNDS = 20  # a look that finds only dead letters and expired messages stops after so many tries

_numbers = msgspec.json.Decoder(list[tuple[int, int]]).decode


class Taken(NamedTuple):
    """What a look gave, and when: earlier than now for what was given before."""

    rows: list[ClaimedRow]
    received_at: Millis
    look_again_at: Millis | None


def take(
    queue: Queue, most: int, now: Millis, until: Millis, letters: DeadLetters | None, attempt_id: str | None
) -> Plan[Taken]:
    """Hide up to `most` messages until then and return them, or those that this attempt was given before."""
    if attempt_id is None:
        return (yield from _take(queue, most, now, until, letters))
    before = yield from fifo_messages.attempt(queue.key, attempt_id, now, now + DEDUPLICATION)
    if before.numbers and before.shown_at > now:
        again = yield from _again(queue, before)
        if again:
            yield from fifo_messages.show_all_at([row.number for row in again], until)
            yield from _settle(queue, again)
            yield from fifo_messages.keep_attempt(queue.key, attempt_id, before._replace(shown_at=until))
            return Taken(again, before.received_at, None)
    taken = yield from _take(queue, most, now, until, letters)
    if taken.rows:
        numbers = msgspec.json.encode([(row.number, row.receive_count) for row in taken.rows]).decode()
        yield from fifo_messages.keep_attempt(queue.key, attempt_id, Attempt(now, until, numbers))
    return taken


def _again(queue: Queue, before: Attempt) -> Plan[list[ClaimedRow]]:
    """Return what was given before; nothing when any of it was deleted, let go or held longer since."""
    found = []
    for number, receive_count in _numbers(before.numbers):
        row = yield from fifo_messages.still_held(queue.key, number, receive_count, before.shown_at)
        if row is None:
            return []
        found.append(row)
    return found


def _take(queue: Queue, most: int, now: Millis, until: Millis, letters: DeadLetters | None) -> Plan[Taken]:
    live: list[ClaimedRow] = []
    groups = (yield from fifo_messages.ready_groups(queue.key, now, most)) if most > 0 else []
    rounds = _ROUNDS
    for group in groups:
        last = -1
        while rounds and len(live) < most:
            rounds -= 1
            rows = yield from fifo_messages.next_of_group(queue.key, group, last, most - len(live), now)
            if not rows:
                break
            last = rows[-1].number
            live += yield from _sort_out(queue, rows, letters, now, until)
        yield from fifo_messages.settle(queue.key, group)
    look_again_at = (yield from fifo_messages.next_ready_at(queue.key, now)) if not groups else now
    return Taken(live, now, look_again_at)


def _sort_out(
    queue: Queue, rows: list[ClaimedRow], letters: DeadLetters | None, now: Millis, until: Millis
) -> Plan[list[ClaimedRow]]:
    """Remove what is too old, move what is dead, and hide and return the others."""
    sent_until = queue.sent_until(now)
    expired = [row for row in rows if row.sent_at <= sent_until]
    yield from stored.take_away([row.number for row in expired])
    good = [row for row in rows if row.sent_at > sent_until]
    if letters is not None:
        most = letters.most_receipts
        yield from dead_letter_queues.bury(letters, [row for row in good if row.receive_count >= most], now)
        good = [row for row in good if row.receive_count < most]
    yield from fifo_messages.hold([row.number for row in good], now, until)
    return [
        row._replace(
            receive_count=row.receive_count + 1,
            first_received_at=now if row.first_received_at is None else row.first_received_at,
        )
        for row in good
    ]


def _settle(queue: Queue, rows: list[ClaimedRow]) -> Plan[None]:
    for group in sorted({row.message_group for row in rows if row.message_group is not None}):
        yield from fifo_messages.settle(queue.key, group)
