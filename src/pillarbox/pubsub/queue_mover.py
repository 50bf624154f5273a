"""The duty that does message move tasks.

Touches the store. Run by upkeep's runner, in one process at a time; a task that
its process died over is found again by its row, and goes on from there.
"""

from pillarbox.kit.clock import Millis
from pillarbox.pubsub import move_tasks
from pillarbox.store.engine import Store


class QueueMover:
    """Does one step of each task that is due."""

    name = "queue-moves"
    topic = move_tasks.ACTIVE[1]

    def __init__(self, store: Store) -> None:
        self._store = store

    async def due_at(self) -> Millis | None:
        return await self._store.read(move_tasks.next_step_at)

    async def work(self, now: Millis) -> None:
        for active in await self._store.read(move_tasks.due, now):
            await self._store.write(move_tasks.step, active, now)
