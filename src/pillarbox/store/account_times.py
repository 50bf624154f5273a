"""For how many days accounts keep what they sent, where those are not the days that the settings name for all.

Plans only. Called by operate/accounts.py, which sets them, by upkeep/, which
drops what was kept for long enough, and by the embedded store, which gives the
bodies of such an account files of their own.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import nouns
from pillarbox.store.plan import Plan, Rows, Touch

_HERE = Scope("", "")
_BODIES, _HISTORY = "bodies-days", "history-days"


class Days(NamedTuple):
    """For how long things are kept; 0 is for ever, and None as long as for all."""

    bodies: int | None = None
    history: int | None = None


class Before(NamedTuple):
    """Before when things are no longer kept: of most accounts, and of those that have days of their own."""

    common: Millis
    own: Mapping[str, Millis]

    def of(self, account: str) -> Millis:
        return self.own.get(account, self.common)

    def shortest(self) -> Millis:
        """Return before when there is an account that keeps nothing."""
        return max((self.common, *self.own.values()))

    def longest(self) -> Millis:
        """Return before when no account keeps anything."""
        return min((self.common, *self.own.values()))


def accounts() -> Plan[frozenset[str]]:
    """Return the accounts that keep bodies for a time of their own."""
    return frozenset((yield from _of(_BODIES)))


def every() -> Plan[dict[str, Days]]:
    """Return the accounts that have days of their own, and those."""
    bodies, history = (yield from _of(_BODIES)), (yield from _of(_HISTORY))
    return {one: Days(bodies.get(one), history.get(one)) for one in sorted(bodies.keys() | history.keys())}


def get(account: str) -> Plan[Days]:
    return (yield from every()).get(account, Days())


def put(account: str, days: Days, now: Millis) -> Plan[None]:
    """Give an account days of its own, and none where they are None."""
    for kind, count in ((_BODIES, days.bodies), (_HISTORY, days.history)):
        yield from nouns.delete(_HERE, kind, account)
        if count is not None:
            yield from nouns.create(_HERE, kind, account, str(count), now)
    yield Touch("retention")


def befores(common: Days, now: Millis) -> Plan[tuple[Before, Before]]:
    """Return before when bodies, and before when history, are no longer kept; `common` is for who has no days."""
    own = yield from every()
    bodies, history = ({name: days[at] for name, days in own.items()} for at in (0, 1))
    return _before(common.bodies, bodies, now), _before(common.history, history, now)


def _before(common: int | None, own: Mapping[str, int | None], now: Millis) -> Before:
    return Before(_at(common, now), {name: _at(days, now) for name, days in own.items() if days is not None})


def _at(days: int | None, now: Millis) -> Millis:
    return now - days * DAY if days else 0  # nothing is older than the epoch


def _of(kind: str) -> Plan[dict[str, int]]:
    rows = yield Rows(
        "SELECT name, document FROM nouns WHERE account = '' AND region = '' AND kind = ? ORDER BY name", (kind,)
    )
    return {name: int(days) for name, days in rows}
