"""Receiving: claim visible messages, and wait for them when there are none.

Touches the store. Called by api/sqs/messages.py. A claim hides its messages
and takes their dead letters out in one transaction. Who waits is woken by a
commit that touched the queue, or by the clock when a hidden message comes back;
nobody looks again without a reason.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queue_content, queues
from pillarbox.pubsub.queue_attributes import LONGEST_VISIBILITY_SECONDS, LONGEST_WAIT_SECONDS, Redrive
from pillarbox.pubsub.queue_errors import InvalidParameter, QueueMissing, TooManyInFlight
from pillarbox.pubsub.queue_names import arn_of, place_of_arn
from pillarbox.pubsub.queues import Queue
from pillarbox.pubsub.receipts import Receipt, handle_of
from pillarbox.store import queue_messages as stored
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Touch
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
    """What a receiver asks for; None means what the queue says."""

    scope: Scope
    queue_name: str
    most: int = 1
    visibility_seconds: int | None = None
    wait_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    row: ClaimedRow
    receipt_handle: str

    @property
    def system(self) -> dict[str, str]:
        """Return every system attribute that it has."""
        return {
            "SenderId": self.row.sender_id,
            "SentTimestamp": str(self.row.sent_at),
            "ApproximateReceiveCount": str(self.row.receive_count),
            "ApproximateFirstReceiveTimestamp": str(self.row.first_received_at),
            **queue_content.system_from_json(self.row.system),
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at a queue gave. `look_again_at` is when a further look may give more."""

    queue: Queue
    messages: list[ReceivedMessage]
    look_again_at: Millis | None
    in_flight: int | None  # None when it was not counted


async def receive(store: Store, wish: Wish, now: Millis) -> list[ReceivedMessage]:
    """Return messages that nobody else gets while they are hidden; waits for the first when asked to."""
    _check(wish)
    room = _room_of(store)
    found = await _claim(store, room, wish, now)
    wait = found.queue.number("ReceiveMessageWaitTimeSeconds") if wish.wait_seconds is None else wish.wait_seconds
    if found.messages or not wait:
        if not found.messages and found.in_flight is not None and found.in_flight >= MOST_IN_FLIGHT:
            raise TooManyInFlight(f"Queue {wish.queue_name} has {MOST_IN_FLIGHT} messages in flight already.")
        return found.messages
    return await _wait(store, room, wish, now, wait)


async def _wait(store: Store, room: "_Room", wish: Wish, now: Millis, wait_seconds: int) -> list[ReceivedMessage]:
    clock = asyncio.get_running_loop().time
    start = clock()
    with room.waiting(store, queues.topic_of(wish.scope, wish.queue_name)) as woken:
        while True:
            woken.clear()
            at = now + int((clock() - start) * SECOND)
            found = await _claim(store, room, wish, at)
            left = start + wait_seconds - clock()
            if found.messages or left <= 0:
                return found.messages
            if found.look_again_at is not None:
                left = min(left, (found.look_again_at - at) / SECOND)
            try:
                async with asyncio.timeout(left):
                    await woken.wait()
            except TimeoutError:
                pass  # a last look, or one at what has become visible by now


async def _claim(store: Store, room: "_Room", wish: Wish, now: Millis) -> Claim:
    """Claim once; count first what is in flight when the limit could be near."""
    place = (wish.scope, wish.queue_name)
    count = room.allowance[place] < wish.most
    found = await store.write(claim, wish, now, count)
    if found.in_flight is not None:
        room.allowance[place] = MOST_IN_FLIGHT - found.in_flight
    room.allowance[place] -= len(found.messages)
    return found


def claim(wish: Wish, now: Millis, count: bool) -> Plan[Claim]:
    """Hide up to `wish.most` messages and return them; move the dead ones among them on the way.

    With `count`, what is in flight is counted first and the limit is kept.
    """
    queue = yield from queues.find(wish.scope, wish.queue_name)
    in_flight = (yield from stored.in_flight(queue.key, now)) if count else None
    most = min(wish.most, MOST_IN_FLIGHT - (in_flight or 0))
    seconds = queue.number("VisibilityTimeout") if wish.visibility_seconds is None else wish.visibility_seconds
    dead_letters = yield from _dead_letters(wish, queue)
    live: list[ClaimedRow] = []
    finished = False
    for _ in range(_ROUNDS):
        if len(live) >= most:
            break
        taken = [row.number for row in live]
        rows = yield from stored.claim(queue.key, most - len(live), now, now + seconds * SECOND, taken)
        good = yield from _sort_out(queue, rows, dead_letters, now)
        live += good
        if finished := len(good) == len(rows):
            break
    look_again_at = (yield from stored.next_visible_at(queue.key, now)) if finished else now
    messages = [ReceivedMessage(row, _handle(queue, row, now)) for row in live]
    return Claim(queue, messages, look_again_at if most > 0 else None, in_flight)


@dataclass(frozen=True, slots=True)
class _DeadLetters:
    """Where dead letters go, when that queue is there."""

    redrive: Redrive
    scope: Scope
    name: str
    source_arn: str
    key: str


def _dead_letters(wish: Wish, queue: Queue) -> Plan[_DeadLetters | None]:
    redrive = queue.redrive
    place = place_of_arn(redrive.target_arn) if redrive else None
    if redrive is None or place is None:
        return None
    try:
        target = yield from queues.find(*place)
    except QueueMissing:
        return None  # rather received once more than lost
    return _DeadLetters(redrive, *place, arn_of(wish.scope, wish.queue_name), target.key)


def _sort_out(
    queue: Queue, rows: list[ClaimedRow], dead_letters: _DeadLetters | None, now: Millis
) -> Plan[list[ClaimedRow]]:
    """Remove the expired among claimed messages, move the dead letters, return the others."""
    sent_until = queue.sent_until(now)
    expired = [row for row in rows if row.sent_at <= sent_until]
    if expired:
        yield from stored.remove([(queue.key, row.number) for row in expired])
        yield from stored.remove_expired(queue.key, sent_until, now, _EXPIRED_AT_ONCE)
    good = [row for row in rows if row.sent_at > sent_until]
    if dead_letters is None:
        return good
    most = dead_letters.redrive.max_receive_count
    dead = [row for row in good if row.receive_count > most]
    if dead:
        moves = [(row.number, _with_source(row.system, dead_letters.source_arn)) for row in dead]
        yield from stored.move(dead_letters.key, moves, now)
        yield Touch(queues.topic_of(dead_letters.scope, dead_letters.name))
    return [row for row in good if row.receive_count <= most]


def _with_source(system: str, source_arn: str) -> str:
    known = queue_content.system_from_json(system)
    return queue_content.system_to_json({**known, "DeadLetterQueueSourceArn": source_arn})


def _handle(queue: Queue, row: ClaimedRow, now: Millis) -> str:
    return handle_of(Receipt(queue.queue_id, row.number, now, row.receive_count))


def _check(wish: Wish) -> None:
    if not 1 <= wish.most <= 10:
        raise InvalidParameter.value(wish.most, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
    if wish.wait_seconds is not None and not 0 <= wish.wait_seconds <= LONGEST_WAIT_SECONDS:
        raise InvalidParameter.value(wish.wait_seconds, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
    visibility = wish.visibility_seconds
    if visibility is not None and not 0 <= visibility <= LONGEST_VISIBILITY_SECONDS:
        raise InvalidParameter.value(visibility, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")


@dataclass(slots=True, weakref_slot=True)
class _Room:
    """Who waits in this process, and how many more may be received before counting again.

    What comes back or is deleted only makes room, so an allowance errs on the
    side of counting. Several processes on one store keep the limit each for itself.
    """

    waiters: dict[str, set[asyncio.Event]] = field(default_factory=dict)
    allowance: Counter[tuple[Scope, str]] = field(default_factory=Counter)

    @contextmanager
    def waiting(self, store: Store, topic: str) -> Iterator[asyncio.Event]:
        if topic not in self.waiters:
            self.waiters[topic] = set()
            store.listen(topic, lambda: self._wake(topic))
        woken = asyncio.Event()
        self.waiters[topic].add(woken)
        try:
            yield woken
        finally:
            self.waiters[topic].discard(woken)

    def _wake(self, topic: str) -> None:
        for woken in self.waiters[topic]:
            woken.set()


_ROOMS: "WeakKeyDictionary[Store, _Room]" = WeakKeyDictionary()


def _room_of(store: Store) -> _Room:
    return _ROOMS.setdefault(store, _Room())
