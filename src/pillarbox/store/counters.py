"""Sums by account, region, dimension, member, time and name, and what makes them count each thing once.

Plans only. Written by stats/follow.py, read by stats/query.py; what dimensions
and names mean is said in stats/fold.py. A bucket begins at `bucket_at` and is
`step` milliseconds long.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import DAY, MINUTE, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Row, Rows
from pillarbox.store.scopes import scopes_in

_COLUMNS = "account, region, dimension, step, member, bucket_at, name, total"
_OF_ONE = (
    "account = ? AND region = ? AND dimension = ? AND step = ? AND member = ? AND bucket_at >= ? AND bucket_at < ?"
)
_KEYS_AT_ONCE = 100
# The members that have counters of their own on any day of a time.
_NAMED = (
    "SELECT DISTINCT member FROM counter_members"
    " WHERE account = ? AND region = ? AND dimension = ? AND day_at >= ? AND day_at < ?"
)


class CounterRow(NamedTuple):
    """`total` is what is added, or what has come together."""

    account: str
    region: str
    dimension: str
    step: Millis
    member: str
    bucket_at: Millis
    name: str
    total: int


class FirstHit(NamedTuple):
    """When a recipient first did something with a message; `mark` says what."""

    account: str
    message_id: str
    recipient: str
    mark: str
    happened_at: Millis

    @property
    def key(self) -> tuple[str, str, str]:
        return self.message_id, self.recipient, self.mark


def add(rows: Sequence[CounterRow]) -> Plan[None]:
    """Add to the totals."""
    # In one order for everybody, so that two processes that add at the same time never wait for each other.
    yield Many(
        f"INSERT INTO counters ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, dimension, step, member, bucket_at, name)"
        " DO UPDATE SET total = counters.total + excluded.total",
        sorted(rows),
    )


def series(
    scope: Scope, dimension: str, member: str, step: Millis, since: Millis, until: Millis
) -> Plan[list[CounterRow]]:
    """Return every bucket that begins from `since` to before `until`, the oldest first."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM counters WHERE {_OF_ONE} AND total <> 0 ORDER BY bucket_at, name",
        (*scope, dimension, step, member, since, until),
    )
    return [CounterRow(*row) for row in rows]


def totals(
    scope: Scope, dimension: str, member: str, step: Millis, since: Millis, until: Millis
) -> Plan[dict[str, int]]:
    """Return what the buckets that begin from `since` to before `until` come to, by name."""
    rows = yield Rows(
        f"SELECT name, sum(total) FROM counters WHERE {_OF_ONE} GROUP BY name HAVING sum(total) <> 0",
        (*scope, dimension, step, member, since, until),
    )
    return {row[0]: int(row[1]) for row in rows}


def members(scope: Scope, dimension: str, since: Millis, until: Millis) -> Plan[list[str]]:
    """Return the members that have counters of their own on any day of a time."""
    rows = yield Rows(_NAMED, (*scope, dimension, since - since % DAY, until))
    return [row[0] for row in rows]


def by_member(
    scope: Scope, dimension: str, step: Millis, since: Millis, until: Millis
) -> Plan[dict[str, dict[str, int]]]:
    """Return the sums of every member by name; whole days decide which members are looked for."""
    rows = yield Rows(
        f"SELECT c.member, c.name, sum(c.total) FROM ({_NAMED}) AS m JOIN counters c ON c.account = ?"
        " AND c.region = ? AND c.dimension = ? AND c.step = ? AND c.member = m.member"
        " AND c.bucket_at >= ? AND c.bucket_at < ? GROUP BY c.member, c.name HAVING sum(c.total) <> 0",
        (*scope, dimension, since - since % DAY, until, *scope, dimension, step, since, until),
    )
    return _nested(rows)


def by_time_and_member(
    scope: Scope, dimension: str, name: str, step: Millis, since: Millis, until: Millis
) -> Plan[list[tuple[Millis, str, int]]]:
    """Return one name's totals of every member (bucket, member, total), the oldest first."""
    rows = yield Rows(
        f"SELECT c.bucket_at, c.member, c.total FROM ({_NAMED}) AS m JOIN counters c ON c.account = ?"
        " AND c.region = ? AND c.dimension = ? AND c.step = ? AND c.member = m.member"
        " AND c.bucket_at >= ? AND c.bucket_at < ? AND c.name = ? AND c.total <> 0 ORDER BY c.bucket_at, c.member",
        (*scope, dimension, since - since % DAY, until, *scope, dimension, step, since, until, name),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def astray(scope: Scope, dimension: str, step: Millis, since: Millis, until: Millis) -> Plan[list[CounterRow]]:
    """Return what sums of a step lack to be what their days come to; `since` and `until` are where some begin."""
    lacking = f"sum(CASE c.step WHEN {DAY} THEN c.total ELSE -c.total END)"
    rows = yield Rows(
        f"SELECT c.member, c.bucket_at - c.bucket_at % {step}, c.name, {lacking} FROM ({_NAMED}) AS m"
        f" JOIN counters c ON c.account = ? AND c.region = ? AND c.dimension = ? AND c.step IN ({DAY}, {step})"
        " AND c.member = m.member AND c.bucket_at >= ? AND c.bucket_at < ?"
        f" GROUP BY c.member, c.bucket_at - c.bucket_at % {step}, c.name HAVING {lacking} <> 0",
        (*scope, dimension, since, until, *scope, dimension, since, until),
    )
    return [CounterRow(*scope, dimension, step, member, at, name, int(total)) for member, at, name, total in rows]


def scopes() -> Plan[list[Scope]]:
    """Return every account and region that has counters."""
    return (yield from scopes_in("counters"))


def dimensions(scope: Scope) -> Plan[list[str]]:
    """Return the dimensions in which anything was counted, by stepping from one to the next."""
    found: list[str] = []
    last = ""
    while rows := (
        yield Rows(
            "SELECT dimension FROM counters WHERE account = ? AND region = ? AND dimension > ?"
            " ORDER BY dimension LIMIT 1",
            (*scope, last),
        )
    ):
        last = rows[0][0]
        found.append(last)
    return found


def admit(scope: Scope, dimension: str, day_at: Millis, wanted: Sequence[str], most: int, other: str) -> Plan[set[str]]:
    """Give members counters of their own on a day, `most` at the most; return which of `wanted` have them.

    Where some do not, `other` is a member too.
    """
    where = (*scope, dimension, day_at)
    named: set[str] = set()
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        some = wanted[start : start + _KEYS_AT_ONCE]
        rows = yield Rows(
            "SELECT member FROM counter_members WHERE account = ? AND region = ? AND dimension = ? AND day_at = ?"
            f" AND member IN ({', '.join('?' * len(some))})",
            (*where, *some),
        )
        named.update(row[0] for row in rows)
    new = [member for member in wanted if member not in named]
    if new:
        rows = yield Rows(
            "SELECT count(*) FROM counter_members WHERE account = ? AND region = ? AND dimension = ? AND day_at = ?",
            where,
        )
        let_in = new[: max(0, most - rows[0][0])]
        named.update(let_in)
        yield Many(
            "INSERT INTO counter_members (account, region, dimension, day_at, member) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (account, region, dimension, day_at, member) DO NOTHING",
            sorted((*where, member) for member in (let_in if len(let_in) == len(new) else [*let_in, other])),
        )
    return named


def first_hits(keys: Sequence[tuple[str, str, str]]) -> Plan[dict[tuple[str, str, str], Millis]]:
    """Return when those (message, recipient, mark) were first seen that were seen."""
    found: dict[tuple[str, str, str], Millis] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        rows = yield Rows(
            "SELECT message_id, recipient, mark, happened_at FROM first_hits"
            f" WHERE (message_id, recipient, mark) IN (VALUES {', '.join(['(?, ?, ?)'] * len(some))})",
            [part for key in some for part in key],
        )
        found.update({(row[0], row[1], row[2]): row[3] for row in rows})
    return found


def put_first_hits(hits: Sequence[FirstHit]) -> Plan[None]:
    """Keep when something was first seen, in place of what was known before."""
    yield Many(
        "INSERT INTO first_hits (account, message_id, recipient, mark, happened_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (message_id, recipient, mark) DO UPDATE SET happened_at = excluded.happened_at",
        sorted(hits),
    )


def forget_minutes(before: Millis) -> Plan[None]:
    """Drop the buckets of a minute that began before."""
    yield Rows(f"DELETE FROM counters WHERE step = {MINUTE} AND bucket_at < ?", (before,))


def forget_dimension(scope: Scope, dimension: str) -> Plan[None]:
    """Drop all that was counted by a dimension."""
    yield Rows("DELETE FROM counters WHERE account = ? AND region = ? AND dimension = ?", (*scope, dimension))
    yield Rows("DELETE FROM counter_members WHERE account = ? AND region = ? AND dimension = ?", (*scope, dimension))


def forget_all() -> Plan[None]:
    """Drop every sum; which members have counters of their own stays as it was decided."""
    yield Rows("DELETE FROM counters")
    yield Rows("DELETE FROM first_hits")


def _nested(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for member, name, total in rows:
        found.setdefault(member, {})[name] = int(total)
    return found
