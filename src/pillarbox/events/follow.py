"""Follow the event log from a saved cursor, at least once.

Touches the store. destinations/ and stats/ each run one `Follower`; the plan
that they give does its work in the same transaction that moves the cursor, so
that its effect happens once. Shards are leased: more processes share them, and
a dead one's shards are taken over when its lease ends.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from pillarbox.events.tail import Tail
from pillarbox.events.types import Event
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import EVENT_SHARDS, new_token
from pillarbox.store import events as stored
from pillarbox.store.engine import Store
from pillarbox.store.events import Position
from pillarbox.store.plan import Plan

# A lease may be short: what is done under a lost one is undone, as it moves the cursor in the same transaction.
_LEASE: Millis = 10 * SECOND
_LOOK_AGAIN: Millis = 2 * SECOND
_IDLE_SECONDS = 1.0
_GATHER_SECONDS = 0.03
# So many at once come from a stream: who is patient lets the next ones gather for longer.
_MANY = 16
_GATHER_MANY_SECONDS = 0.25

BEHIND = metrics.gauge(
    "follower_behind_seconds",
    labels=("follower",),
    doc="Age of the oldest event that a follower has not yet seen; a steady rise means that it is too slow or stuck.",
)

Work = Callable[[Sequence[Event]], Plan[Any]]


class _LeaseLost(Exception):
    """Another process has taken a shard over; undoes the transaction."""


class Follower:
    """Feeds every event to `work`, in order within a shard, until cancelled.

    A failure of `work` is logged and tried again: a follower never skips.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        work: Work,
        clock: Clock,
        courtesy: Courtesy | None = None,
        tail: Tail | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Followers of one process may share what they read by one `tail`.

        A `patient` one does in larger batches what nobody waits for: when events come in a stream, a quarter of a
        second later.
        """
        self._name = name
        self._tail = tail or Tail(store, clock)
        self._courtesy = courtesy or Courtesy()
        self._store = store
        self._work = work
        self._clock = clock
        self._lease = new_token()
        self._positions: dict[int, Position] = {}
        self._renew_at: Millis = 0
        self._patient = patient
        self._more = False
        self._done = 0
        self._woken = asyncio.Event()
        self._log = log.named(f"follower.{name}")
        store.listen(stored.RECORDED, self._woken.set)

    async def run(self) -> None:
        try:
            while True:
                await self._courtesy.give_way()
                if not await self._step_safely():
                    await self._wait()
                elif not self._more:  # let some events gather: a batch costs the same for one as for many
                    await asyncio.sleep(self._gather_seconds())
        finally:  # whoever comes next need not wait for the lease to end
            with contextlib.suppress(Unavailable):
                await self._store.write(stored.release_cursors, self._name, self._lease)

    def _gather_seconds(self) -> float:
        return _GATHER_MANY_SECONDS if self._patient and self._done >= _MANY else _GATHER_SECONDS

    async def _step_safely(self) -> bool:
        try:
            return await self.step()
        except Unavailable as error:
            self._log.error("cannot follow", why=str(error))
        except Exception:
            self._log.exception("work on events failed; the same events are tried again")
        return False

    async def step(self) -> bool:
        """Feed one batch; say whether there was one."""
        now = self._clock.now()
        if now >= self._renew_at:
            await self._renew(now)
        if not self._positions:
            BEHIND.labels(self._name).set(0)
            return False
        start = min(self._positions.values())
        found, self._more = await self._tail.after(start)
        if not found:
            await self._note_unsettled(start, now)
            return False
        end = found[-1].position
        due = [one.event for one in found if one.position > self._positions.get(one.shard, end)]
        BEHIND.labels(self._name).set(max(0, now - due[0].recorded_at) / 1000 if due else 0)
        moved = {shard: max(end, position) for shard, position in self._positions.items()}
        try:
            await self._store.write(self._do, due, moved)
        except Exception as error:
            # The cursors are read again: after a lost connection nobody knows whether they have moved.
            self._positions, self._renew_at = {}, 0
            if isinstance(error, _LeaseLost):  # whoever holds the shards now does this work
                return False
            raise
        self._positions = moved
        self._done = len(due)
        return True

    def _do(self, events: Sequence[Event], moved: dict[int, Position]) -> Plan[None]:
        if (yield from stored.move_cursors(self._name, self._lease, moved)) < len(moved):
            raise _LeaseLost
        if events:
            yield from self._work(events)

    async def _renew(self, now: Millis) -> None:
        shards = list(range(EVENT_SHARDS))
        leased = await self._store.write(stored.lease_cursors, self._name, shards, self._lease, now, now + _LEASE)
        self._positions = leased
        self._renew_at = now + (_LEASE // 2 if leased else _LOOK_AGAIN)

    async def _note_unsettled(self, position: Position, now: Millis) -> None:
        """Tell of events that are there but must wait for an older transaction to end."""
        oldest = await self._store.read(stored.oldest_after, position)
        BEHIND.labels(self._name).set(0 if oldest is None else max(0, now - oldest) / 1000)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._woken.wait()
        self._woken.clear()
