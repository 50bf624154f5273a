"""Makes the sums of four weeks what their days come to.

Touches the store. Run by a Runner where several programs may share a store: one
of the release before, which works until a rollout has passed it, adds to days
alone. Each program looks when it starts, which the last one does when nobody of
before is left where it runs, after an hour and then once a day. What is astray
is added, so that what others count meanwhile stays.
"""

from pillarbox.kit.clock import DAY, HOUR, Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.stats.follow import counts_by
from pillarbox.stats.spans import FOUR_WEEKS
from pillarbox.store import counters
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan


class FourWeekSums:
    """Looks at the four weeks that it is in and those before, at one dimension of an account and region at a time."""

    name = topic = "four-week-sums"

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._due_at = clock.now()
        self._pauses = [HOUR]
        self._left: list[tuple[Scope, str]] = []

    async def due_at(self) -> Millis | None:
        return self._due_at

    async def work(self, now: Millis) -> None:
        if not self._left:
            self._left = await self._store.read(_counted)
        if self._left:
            began_at = now - now % FOUR_WEEKS
            about = (*self._left[-1], FOUR_WEEKS, began_at - FOUR_WEEKS, began_at + FOUR_WEEKS)
            if rows := await self._store.read(counters.astray, *about):
                await self._store.write(counters.add, rows)
            self._left.pop()
        if not self._left:
            self._due_at = now + (self._pauses.pop() if self._pauses else DAY)


def _counted() -> Plan[list[tuple[Scope, str]]]:
    """Return all that is counted by four weeks."""
    found = []
    for scope in (yield from counters.scopes()):
        dimensions = yield from counters.dimensions(scope)
        found += [(scope, one) for one in dimensions if counts_by(one, FOUR_WEEKS)]
    return found
