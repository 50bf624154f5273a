"""For how many days accounts keep what they sent, where those are not the days that the settings name for all.

Plans only. Called by operate/accounts.py, which sets them, by upkeep/, which
drops what was kept for long enough, and by the embedded store, which gives the
bodies of such an account files of their own.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import nouns
from pillarbox.store.plan import Plan, Rows, Touch

_HERE = Scope("", "")
_BODIES, _HISTORY = "bodies-days", "history-days"


class Days(NamedTuple):
    """For how long things are kept; 0 is for ever, and None as long as for all."""

    bodies: int | None = None
    history: int | None = None


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


def longest(common: Days) -> Plan[Days]:
    """Return the most days that any account keeps things, where `common` holds for those without their own."""
    each = [common, *(yield from every()).values()]
    return Days(
        _most([one.bodies for one in each], common.bodies), _most([one.history for one in each], common.history)
    )


def _most(days: list[int | None], common: int | None) -> int:
    counts = [(common if one is None else one) or 0 for one in days]
    return 0 if 0 in counts else max(counts)


def _of(kind: str) -> Plan[dict[str, int]]:
    rows = yield Rows(
        "SELECT name, document FROM nouns WHERE account = '' AND region = '' AND kind = ? ORDER BY name", (kind,)
    )
    return {name: int(days) for name, days in rows}
