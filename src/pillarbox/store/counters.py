"""Sums by account, region, dimension, member, name and time bucket.

Plans only. Written by stats/follow.py, read by stats/query.py; what a name
means is said in stats/fold.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Rows

_COLUMNS = "account, region, dimension, member, name, bucket_at, total"
_OF_ONE = "account = ? AND region = ? AND dimension = ? AND member = ? AND bucket_at >= ? AND bucket_at < ?"


class CounterRow(NamedTuple):
    """`total` is what is added, or what has come together; a bucket begins at `bucket_at`."""

    account: str
    region: str
    dimension: str
    member: str
    name: str
    bucket_at: Millis
    total: int


def add(rows: Sequence[CounterRow]) -> Plan[None]:
    """Add to the totals."""
    # In one order for everybody, so that two processes that add at the same time never wait for each other.
    yield Many(
        f"INSERT INTO counters ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, dimension, member, name, bucket_at)"
        " DO UPDATE SET total = counters.total + excluded.total",
        sorted(rows),
    )


def totals(scope: Scope, dimension: str, member: str, since: Millis, until: Millis) -> Plan[dict[str, int]]:
    """Return the sums by name over the buckets that begin from `since` to before `until`."""
    rows = yield Rows(
        f"SELECT name, sum(total) FROM counters WHERE {_OF_ONE} GROUP BY name",
        (*scope, dimension, member, since, until),
    )
    return {name: int(total) for name, total in rows}


def series(scope: Scope, dimension: str, member: str, since: Millis, until: Millis) -> Plan[list[CounterRow]]:
    """Return every bucket from `since` to before `until`, the oldest first."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM counters WHERE {_OF_ONE} ORDER BY bucket_at, name",
        (*scope, dimension, member, since, until),
    )
    return [CounterRow(*row) for row in rows]
