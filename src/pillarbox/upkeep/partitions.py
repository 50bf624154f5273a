"""Makes the parts by time of PostgreSQL's growing tables before they are needed.

Touches the store. A duty of upkeep/runner.py. What is missing is seen in the
tables themselves, so it is due whenever something is, in whatever process;
until a part is made, its rows are kept in the part for the rest.
"""

from pillarbox.kit import log
from pillarbox.kit.clock import MINUTE, Clock, Millis
from pillarbox.store import partitions
from pillarbox.store.engine import Store


class Partitions:
    """See upkeep/runner.py for what a duty promises."""

    name = "partitions"
    topic = "partitions"

    def __init__(self, store: Store, days: int, clock: Clock) -> None:
        self._store = store
        self._days = days
        self._clock = clock
        self._not_before: Millis = 0
        self._log = log.named("partitions")

    async def due_at(self) -> Millis | None:
        now = self._clock.now()
        return max(now, self._not_before) if await self._store.read(partitions.wanted, now, self._days) else None

    async def work(self, now: Millis) -> None:
        """Make every part that is missing; each in a transaction of its own, so that writers wait for one table."""
        for part in await self._store.read(partitions.wanted, now, self._days):
            if await self._store.write(partitions.make, part):
                self._log.info("made a part", table=part.table, name=part.name)
        self._not_before = now + MINUTE  # what something in the rest is in the way of can be made later
