"""Looks at a queue: which messages receivers get now.

Plans only. Called by receive.py. In one transaction the messages are hidden
from everybody else, those too old are removed and dead letters are moved; who
looks at the same time as others, and as they do, looks together with them.
How a FIFO queue chooses is fifo_claiming.py, a fair one fair_claiming.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import dead_letter_queues, fair_claiming, fifo, fifo_claiming, queue_access, queue_content, queues
from pillarbox.pubsub.dead_letter_queues import DeadLetters
from pillarbox.pubsub.fifo_claiming import Taken
from pillarbox.pubsub.queue_access import Asking
from pillarbox.pubsub.queue_errors import AccessDenied, QueueMissing
from pillarbox.pubsub.queues import Queue
from pillarbox.pubsub.receipts import Receipt, handle_of
from pillarbox.store import fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan
from pillarbox.store.queue_messages import ClaimedRow

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MOST_IN_FLIGHT = 120_000
# Every system attribute that may be asked for; a standard queue's messages never have some of them.
SYSTEM_ATTRIBUTES = frozenset(
    {
        "AWSTraceHeader",
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "DeadLetterQueueSourceArn",
        "MessageDeduplicationId",
        "MessageGroupId",
        "SenderId",
        "SentTimestamp",
        "SequenceNumber",
    }
)
_ROUNDS = 20  # a claim that finds only dead letters and expired messages stops after so many tries
_EXPIRED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a receiver asks for; None means what the queue says. `asking` is who they are."""

    scope: Scope
    queue_name: str
    most: int = 1
    visibility_seconds: int | None = None
    wait_seconds: int | None = None
    attempt_id: str | None = None
    asking: Asking | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    row: ClaimedRow
    receipt_handle: str
    is_in_order: bool

    @property
    def system(self) -> dict[str, str]:
        """Return every system attribute that it has."""
        number = {"SequenceNumber": fifo.sequence_number(self.row.number)} if self.is_in_order else {}
        return {
            "SenderId": self.row.sender_id,
            "SentTimestamp": str(self.row.sent_at),
            "ApproximateReceiveCount": str(self.row.receive_count),
            "ApproximateFirstReceiveTimestamp": str(self.row.first_received_at),
            **queue_content.system_from_json(self.row.system),
            **number,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at a queue gave. `look_again_at` is when a further look may give more."""

    queue: Queue
    messages: list[ReceivedMessage]
    look_again_at: Millis | None
    in_flight: int | None  # None when it was not counted

    @property
    def is_full(self) -> bool:
        return self.in_flight is not None and self.in_flight >= MOST_IN_FLIGHT


class Look(NamedTuple):
    """What a receiver asks for now. With `counts`, what is in flight is counted first and the limit is kept."""

    wish: Wish
    at: Millis
    counts: bool = False

    @property
    def is_alone(self) -> bool:
        """Say that it is told apart from others: it counts, is known by an id, or what it gets depends on groups."""
        return self.counts or self.wish.attempt_id is not None or self.wish.queue_name.endswith(".fifo")


def claim_together(looks: Sequence[Look]) -> Plan[list[Claim | Refusal]]:
    """Give each receiver messages, the first the oldest; a refusal is the exception to raise. For `store.commit`."""
    alike: dict[object, list[int]] = {}
    for place, look in enumerate(looks):
        wish = look.wish
        key = place if look.is_alone else (wish.scope, wish.queue_name, wish.visibility_seconds)
        alike.setdefault(key, []).append(place)
    verdicts: dict[int, Claim | Refusal] = {}
    for places in alike.values():
        some = [looks[place] for place in places]
        verdicts.update(zip(places, (yield from _claim_alike(some)), strict=True))
    return [verdicts[place] for place in range(len(looks))]


def _claim_alike(looks: Sequence[Look]) -> Plan[list[Claim | Refusal]]:
    if len(looks) == 1:
        try:
            return [(yield from claim(*looks[0]))]
        except Refusal as refusal:
            return [refusal]
    first = looks[0].wish
    try:
        queue = yield from queues.find(first.scope, first.queue_name)
    except QueueMissing:  # strangers are told something else
        alone = []
        for look in looks:
            alone += yield from _claim_alike([look])
        return alone
    refusals = [_refusal_of(queue, look.wish) for look in looks]
    now, wanted = max(look.at for look in looks), [look.wish.most for look in looks]
    most = sum(count for count, refusal in zip(wanted, refusals, strict=True) if refusal is None)
    taken = yield from _take(queue, first, most, now)
    rows = iter(taken.rows)
    return [
        Claim(queue, _received(queue, list(islice(rows, count)), now), taken.look_again_at, None)
        if refusal is None
        else refusal
        for count, refusal in zip(wanted, refusals, strict=True)
    ]


def _refusal_of(queue: Queue, wish: Wish) -> Refusal | None:
    try:
        if wish.asking is not None:
            queue_access.check(queue, wish.scope, wish.queue_name, wish.asking)
    except AccessDenied as denied:
        return denied
    return None


def claim(wish: Wish, now: Millis, count: bool = False) -> Plan[Claim]:
    """Hide up to `wish.most` messages and return them; move the dead ones among them on the way."""
    queue = (
        yield from queues.find(wish.scope, wish.queue_name)
        if wish.asking is None
        else queue_access.enter(wish.scope, wish.queue_name, wish.asking)
    )
    if wish.attempt_id is not None:
        fifo.check_attempt_id(wish.attempt_id, is_fifo=queue.is_fifo)
    in_flight = (yield from stored.in_flight(queue.key, now)) if count else None
    most = min(wish.most, MOST_IN_FLIGHT - (in_flight or 0))
    taken = yield from _take(queue, wish, most, now)
    messages = _received(queue, taken.rows, taken.received_at)
    return Claim(queue, messages, taken.look_again_at if most > 0 else None, in_flight)


def _take(queue: Queue, wish: Wish, most: int, now: Millis) -> Plan[Taken]:
    seconds = queue.number("VisibilityTimeout") if wish.visibility_seconds is None else wish.visibility_seconds
    until = now + seconds * SECOND
    letters = yield from dead_letter_queues.of(wish.scope, wish.queue_name, queue)
    if queue.is_fifo:
        return (yield from fifo_claiming.take(queue, most, now, until, letters, wish.attempt_id))
    live: list[ClaimedRow] = []
    finished = False
    for _ in range(_ROUNDS):
        if len(live) >= most:
            break
        known = [row.number for row in live]
        rows = yield from (
            fair_claiming.claim(queue.key, most - len(live), now, until)
            if queue.is_fair
            else stored.claim(queue.key, most - len(live), now, until, known)
        )
        good = yield from _sort_out(queue, rows, letters, now)
        live += good
        # A tenant may have had less to give than its share.
        if finished := not rows if queue.is_fair else len(good) == len(rows):
            break
    none_left = finished and len(live) < most
    return Taken(live, now, (yield from _next_visible_at(queue, now)) if none_left else now)


def _next_visible_at(queue: Queue, now: Millis) -> Plan[Millis | None]:
    times = [(yield from stored.next_visible_at(queue.key, now))]
    if queue.is_fair:
        times.append((yield from fifo_messages.next_ready_at(queue.key, now)))
    return min((at for at in times if at is not None), default=None)


def _sort_out(queue: Queue, rows: list[ClaimedRow], letters: DeadLetters | None, now: Millis) -> Plan[list[ClaimedRow]]:
    """Remove the expired among claimed messages, move the dead letters, return the others."""
    sent_until = queue.sent_until(now)
    expired = [row for row in rows if row.sent_at <= sent_until]
    if expired:
        yield from stored.remove([(queue.key, row.number) for row in expired])
        for tenant in {row.message_group for row in expired}:
            yield from stored.remove_expired(queue.key, tenant, sent_until, now, _EXPIRED_AT_ONCE)
    good = [row for row in rows if row.sent_at > sent_until]
    if letters is None:
        return good
    dead = [row for row in good if row.receive_count > letters.most_receipts]
    yield from dead_letter_queues.bury(letters, dead, now)
    return [row for row in good if row.receive_count <= letters.most_receipts]


def _received(queue: Queue, rows: Sequence[ClaimedRow], at: Millis) -> list[ReceivedMessage]:
    return [
        ReceivedMessage(row, handle_of(Receipt(queue.queue_id, row.number, at, row.receive_count)), queue.is_fifo)
        for row in rows
    ]
