"""The duty that does replays.

Touches the store. Run by upkeep's runner, in one process at a time; a replay
that its process died over is found again by its row, and goes on from there.
"""

from pillarbox.kit.clock import Millis
from pillarbox.pubsub import replaying
from pillarbox.store.engine import Store

_AT_ONCE = 20


class TopicReplayer:
    """Does one step of each replay that is under way."""

    name = "topic-replays"
    topic = replaying.ACTIVE[1]

    def __init__(self, store: Store) -> None:
        self._store = store

    async def due_at(self) -> Millis | None:
        return 0 if await self._store.read(replaying.under_way, 1) else None

    async def work(self, now: Millis) -> None:
        for active in await self._store.read(replaying.under_way, _AT_ONCE):
            await self._store.write(replaying.step, active, now)
