"""Receiving: claim visible messages, and wait for them when there are none.

Touches the store. Called by api/sqs/messages.py. What a look at a queue gives
is claiming.py. Who waits is woken by a commit that touched the queue, or by the
clock when a hidden message comes back; nobody looks again without a reason.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queues
from pillarbox.pubsub.claiming import MOST_IN_FLIGHT, Claim, Look, ReceivedMessage, Wish, claim_together
from pillarbox.pubsub.queue_attributes import LONGEST_VISIBILITY_SECONDS, LONGEST_WAIT_SECONDS
from pillarbox.pubsub.queue_errors import InvalidParameter, TooManyInFlight
from pillarbox.store.engine import Store


async def receive(store: Store, wish: Wish, now: Millis) -> list[ReceivedMessage]:
    """Return messages that nobody else gets while they are hidden; waits for the first when asked to."""
    _check(wish)
    room, start = _room_of(store), asyncio.get_running_loop().time()
    found = await _claim(store, room, wish, now)
    wait = found.queue.number("ReceiveMessageWaitTimeSeconds") if wish.wait_seconds is None else wish.wait_seconds
    if found.messages or not wait:
        if not found.messages and found.is_full and not found.queue.is_fifo:
            raise TooManyInFlight(f"Queue {wish.queue_name} has {MOST_IN_FLIGHT} messages in flight already.")
        return found.messages
    return await _wait(store, room, wish, (now, start), wait)


def let_go(store: Store) -> None:
    """Let nobody wait from now on, since this process stops: who does is told what there is."""
    room = _room_of(store)
    room.lets_go = True
    for waiters in room.waiters.values():
        for woken in waiters:
            woken.set()


async def _wait(
    store: Store, room: "_Room", wish: Wish, asked: tuple[Millis, float], wait_seconds: int
) -> list[ReceivedMessage]:
    """Look again whenever there is a reason to; `asked` is when the receiver came, by both clocks."""
    clock = asyncio.get_running_loop().time
    now, start = asked
    with room.waiting(store, queues.topic_of(wish.scope, wish.queue_name)) as woken:
        while True:
            woken.clear()
            at = now + int((clock() - start) * SECOND)
            found = await _claim(store, room, wish, at)
            left = start + wait_seconds - clock()
            if found.messages or left <= 0 or room.lets_go:
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
    found = await store.commit(claim_together, Look(wish, now, count))
    if isinstance(found, Refusal):
        raise found
    if found.in_flight is not None:
        room.allowance[place] = MOST_IN_FLIGHT - found.in_flight
    room.allowance[place] -= len(found.messages)
    return found


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

    waiters: dict[str, dict[asyncio.Event, None]] = field(default_factory=dict)  # the longest waiting first
    allowance: Counter[tuple[Scope, str]] = field(default_factory=Counter)
    lets_go: bool = False

    @contextmanager
    def waiting(self, store: Store, topic: str) -> Iterator[asyncio.Event]:
        if topic not in self.waiters:
            self.waiters[topic] = {}
            store.listen(topic, lambda: self._wake(topic))
        woken = asyncio.Event()
        self.waiters[topic][woken] = None
        try:
            yield woken
        finally:
            del self.waiters[topic][woken]
            self._wake(topic)

    def _wake(self, topic: str) -> None:
        """Wake one, who wakes the next on leaving: where one finds nothing, the others would not either."""
        for woken in self.waiters[topic]:
            woken.set()
            return


_ROOMS: "WeakKeyDictionary[Store, _Room]" = WeakKeyDictionary()


def _room_of(store: Store) -> _Room:
    return _ROOMS.setdefault(store, _Room())
