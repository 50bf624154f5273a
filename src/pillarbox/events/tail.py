"""The end of the event log, read and decoded once for all followers of a process.

Touches the store, and keeps a few batches in memory for a moment. Followers
stand at nearly the same place: who comes to where another has just read is
given the same events. Read by events/follow.py.
"""

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from pillarbox.events.types import Event, fact_from_json
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import events as stored
from pillarbox.store.engine import Store
from pillarbox.store.events import EventRow, Position

_BATCH = 500
_MOST_KEPT = 16
# A hint of another process, that events have moved, may be lost.
_KEEP: Millis = 2 * SECOND


class Entry(NamedTuple):
    """An event, where it stands, and the shard that it is followed in."""

    position: Position
    shard: int
    event: Event


class Batch(NamedTuple):
    """Events in the order of the log; `is_full` when there may be more at once."""

    entries: list[Entry]
    is_full: bool


class Tail:
    """Reads through a memory of what was read last.

    What was followed once stays as it is, and nothing comes between: only what an upstream's message is taken for may
    change (store/upstream_ids.py), and then all is read again.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: OrderedDict[Position, tuple[Batch, Millis]] = OrderedDict()
        self._asking: dict[Position, asyncio.Task[Batch]] = {}
        store.listen(stored.RECORDED, self._ask_anew)
        store.listen(stored.MOVED, self._forget)

    async def after(self, position: Position) -> Batch:
        """Return the next events behind a position, of every shard."""
        if (kept := self._known_after(position)).entries:
            return kept
        asking = self._asking.get(position)
        if asking is None:
            asking = self._asking[position] = asyncio.create_task(self._ask(position))
        return await asyncio.shield(asking)

    def _known_after(self, position: Position) -> Batch:
        """Return what is remembered behind a position: who rests for longer takes together what others took apart."""
        now, entries, is_full = self._clock.now(), list[Entry](), False
        while len(entries) < _BATCH and (kept := self._kept.get(position)) and now - kept[1] < _KEEP:
            entries += kept[0].entries
            position, is_full = entries[-1].position, kept[0].is_full
        return Batch(entries, is_full or len(entries) >= _BATCH)

    async def _ask(self, position: Position) -> Batch:
        asking, kept, now = self._asking, self._kept, self._clock.now()
        try:
            rows = await self._store.read(stored.after, position, _BATCH)
        finally:
            asking.pop(position, None)
        batch = Batch([Entry(place, row.shard, event_of(row)) for place, row in rows], len(rows) == _BATCH)
        if rows:
            kept[position] = (batch, now)
            while len(kept) > _MOST_KEPT:
                kept.popitem(last=False)
        return batch

    def _ask_anew(self) -> None:
        self._asking = {}  # who asks from now on must see what has been recorded

    def _forget(self) -> None:
        self._asking, self._kept = {}, OrderedDict()


def event_of(row: EventRow) -> Event:
    """Return a stored row as the event that it is."""
    return Event(
        row.event_id,
        Scope(row.account, row.region),
        row.message_id,
        row.happened_at,
        row.recorded_at,
        fact_from_json(row.fact),
    )
