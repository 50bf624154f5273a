"""Removes bodies that are kept outside the store: those kept for long enough, and those that nothing refers to.

Touches the place (store/places.py), in threads, and the store. A duty of
upkeep/runner.py, hour by hour: what was put away in an hour is looked through
once, when whoever put it there has long ended. Nothing is removed from a place
that another store uses.
"""

import asyncio
import time
from collections.abc import Iterator

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import HOUR, Clock, Millis
from pillarbox.kit.ids import Scope, new_token
from pillarbox.store import account_times, body_references, elsewhere, messages, nouns, retention
from pillarbox.store.account_times import Before, Days
from pillarbox.store.engine import Store
from pillarbox.store.places import Place
from pillarbox.store.plan import Plan
from pillarbox.upkeep.retention import DROPPED, Kept

_HERE = (Scope("", ""), "upkeep-due", "bodies-elsewhere")
_OWNER = (Scope("", ""), "bodies-place", "owner")
_MARK = "owner"
_SETTLED: Millis = HOUR  # after which nobody can still be about to refer to what was put away
_PAGE = 1_000
_AT_ONCE = 5_000

ORPHANS = metrics.counter(
    "bodies_orphans_removed_total",
    doc="Pieces with bodies removed that no message refers to: what put them there was ended before it could promise.",
)


class BodiesElsewhere:
    """See upkeep/runner.py for what a duty promises."""

    name = "bodies-elsewhere"
    topic = "retention"

    def __init__(self, store: Store, place: Place, kept: Kept, clock: Clock) -> None:
        self._store = store
        self._place = place
        self._kept = kept
        self._clock = clock
        self._log = log.named("bodies")

    async def due_at(self) -> Millis:
        hour = await self._store.read(_next_hour)
        return 0 if hour is None else hour + HOUR + _SETTLED

    async def work(self, now: Millis) -> None:
        """Drop what is too old, and look through the next hour."""
        hour = await self._store.read(_next_hour)
        if hour is None:
            await self._store.write(_set_next_hour, now - now % HOUR)
            return
        if not await self._is_ours():
            self._log.error("another store keeps its bodies in this place: nothing is removed there")
        else:
            await self._drop(now)
            await self._look_through(hour)
        await self._store.write(_set_next_hour, hour + HOUR)

    async def _is_ours(self) -> bool:
        """Say whether the place bears our mark, and put it there when it bears none."""
        mine = await self._store.write(_owner, self._clock.now())
        theirs = await asyncio.to_thread(self._place.get, _MARK, 0, len(mine))
        if theirs is None:
            await asyncio.to_thread(self._place.put, _MARK, mine)
        return theirs in (None, mine)

    async def _drop(self, now: Millis) -> None:
        """Remove the pieces of days that ended before their account keeps anything of them."""
        common = Days(self._kept.bodies_days, self._kept.history_days)
        before, _ = await self._store.read(account_times.befores, common, now)
        shortest = before.shortest()
        for day in await asyncio.to_thread(self._place.folders, ""):
            if day < _day(shortest):
                for account in await asyncio.to_thread(self._place.folders, f"{day}/"):
                    await self._drop_day(day, account, before)

    async def _drop_day(self, day: str, account: str, before: Before) -> None:
        oldest = await self._store.read(retention.oldest_waiting, account)
        limit = before.of(account)
        if day < _day(limit if oldest is None else min(limit, oldest)):
            names = await asyncio.to_thread(self._place.names, f"{day}/{account}/")
            for some in _portions(names):
                await asyncio.to_thread(self._place.remove, some)
            DROPPED.labels("bodies elsewhere").inc(len(names))
            self._log.info("dropped what was kept for long enough", day=day, account=account, pieces=len(names))

    async def _look_through(self, hour: Millis) -> None:
        """Remove the pieces of an hour that nothing refers to."""
        for account in await asyncio.to_thread(self._place.folders, f"{_day(hour)}/"):
            beginning = elsewhere.beginning(account, hour)
            there = await asyncio.to_thread(self._place.names, beginning)
            # Then what they are made of is here, and their bodies may come at any moment: all goes with its day.
            waits = await self._store.read(body_references.are_to_come, account, hour, hour + HOUR)
            if there and not waits:
                orphans = sorted(set(there) - await self._referred_to(account, hour))
                for some in _portions(orphans):
                    await asyncio.to_thread(self._place.remove, some)
                    ORPHANS.inc(len(some))
                    self._log.warning("removed bodies that nothing refers to", pieces=len(some), first=some[0])

    async def _referred_to(self, account: str, hour: Millis) -> set[str]:
        pieces: set[str] = set()
        for scope in await self._store.read(messages.scopes):
            after: tuple[Millis, str] = (hour, "")
            while scope.account == account and (
                page := await self._store.read(body_references.page, scope, after, hour + HOUR, _PAGE)
            ):
                pieces.update(elsewhere.piece_of(body) for _, _, body in page if elsewhere.is_elsewhere(body))
                after = page[-1][:2]
        return pieces


def _portions(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))


def _day(at: Millis) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at // 1000))


def _next_hour() -> Plan[Millis | None]:
    noun = yield from nouns.get(*_HERE)
    return int(noun.document) if noun else None


def _set_next_hour(hour: Millis) -> Plan[None]:
    if not (yield from nouns.create(*_HERE, str(hour), hour)):
        yield from nouns.change(*_HERE, lambda _: str(hour), hour)


def _owner(now: Millis) -> Plan[bytes]:
    """Return what this store marks its place with."""
    yield from nouns.create(*_OWNER, new_token(), now)
    noun = yield from nouns.get(*_OWNER)
    assert noun is not None
    return noun.document.encode()
