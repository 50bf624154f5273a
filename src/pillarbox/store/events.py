"""The event log, the keys that make facts unique, and the cursors of its followers.

Plans only. Written by events/record.py and nobody else; read by followers
(events/follow.py) and by whoever shows a message's history.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import DAY, Millis
from pillarbox.store.plan import Many, Plan, Rows, Touch

_COLUMNS = "event_id, account, region, shard, message_id, kind, happened_at, recorded_at, fact"
# Only what every transaction older than the oldest running one has committed may be followed: a
# sequence number is given before its commit, so a late commit would otherwise be stepped over.
# https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
_SETTLED = "/*pg: AND tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint */"

# The log has many parts: to plan each look at the next few events would cost several times the look.
# https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-PLAN-CACHE-MODE
_AS_PLANNED_BEFORE = "SELECT 1 /*pg: , set_config('plan_cache_mode', 'force_generic_plan', true) */"
# The same place in the log for both engines. SQLite takes the first column alone from `(tx, seq) > (?, ?)`, as `seq` is
# its row number, and would go through the whole log; there `tx` is always the same.
# https://www.sqlite.org/rowvalue.html
_BEHIND = "/*pg: (tx, seq) > ( --*/ tx =\n ? /*pg: , --*/ AND seq >\n ? /*pg: ) */"

_KEYS_AT_ONCE = 100

# What is touched when facts are recorded, and when facts that were recorded have moved to another message.
RECORDED, MOVED = "events", "moved-events"


class EventRow(NamedTuple):
    event_id: str
    account: str
    region: str
    shard: int
    message_id: str
    kind: str
    happened_at: Millis
    recorded_at: Millis
    fact: str


class Position(NamedTuple):
    """A place in the log, in the order in which commits became visible."""

    tx: int
    seq: int


def append(rows: Sequence[EventRow]) -> Plan[None]:
    """Add facts that are known to be new."""
    yield Many(f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    yield Touch(RECORDED)


def first_seen(account: str, fact_key: str, now: Millis) -> Plan[bool]:
    """Say whether this fact is told for the first time, and remember that it was told."""
    rows = yield Rows(
        "INSERT INTO seen (account, fact_key, recorded_at) VALUES (?, ?, ?)"
        " ON CONFLICT (account, fact_key) DO NOTHING RETURNING fact_key",
        (account, fact_key, now),
    )
    return bool(rows)


def first_seen_among(keys: Sequence[tuple[str, str]], now: Millis) -> Plan[set[tuple[str, str]]]:
    """Return those (account, key) that are told for the first time, and remember that they were told."""
    new: set[tuple[str, str]] = set()
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        marks = ", ".join(["(?, ?, ?)"] * len(some))
        rows = yield Rows(
            f"INSERT INTO seen (account, fact_key, recorded_at) VALUES {marks}"
            " ON CONFLICT (account, fact_key) DO NOTHING RETURNING account, fact_key",
            [value for account, fact_key in some for value in (account, fact_key, now)],
        )
        new.update((row[0], row[1]) for row in rows)
    return new


def of_message(message_id: str) -> Plan[list[EventRow]]:
    # Nothing is told of a message before it was sent: older parts of the log need no look. Clocks may differ somewhat.
    # The time in the id would not do, since ids of mail that others sent may hold anything.
    sent = yield Rows("SELECT accepted_at FROM messages WHERE message_id = ?", (message_id,))
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM events WHERE message_id = ? AND recorded_at >= ? ORDER BY happened_at, seq",
        (message_id, sent[0][0] - DAY if sent else 0),
    )
    return [EventRow(*row) for row in rows]


def after(position: Position, limit: int) -> Plan[list[tuple[Position, EventRow]]]:
    """Return the next facts behind `position`, of every shard, in their order."""
    yield Rows(_AS_PLANNED_BEFORE)
    rows = yield Rows(
        f"SELECT tx, seq, {_COLUMNS} FROM events WHERE {_BEHIND} {_SETTLED} ORDER BY tx, seq LIMIT ?",
        (*position, limit),
    )
    return [(Position(*row[:2]), EventRow(*row[2:])) for row in rows]


def newest(limit: int) -> Plan[list[EventRow]]:
    """Return the facts that were recorded last, the newest first."""
    rows = yield Rows(f"SELECT {_COLUMNS} FROM events ORDER BY tx DESC, seq DESC LIMIT ?", (limit,))
    return [EventRow(*row) for row in rows]


def oldest_after(position: Position) -> Plan[Millis | None]:
    """Return when the first fact behind `position` was recorded, whether or not it may be followed yet."""
    yield Rows(_AS_PLANNED_BEFORE)
    rows = yield Rows(
        f"SELECT recorded_at FROM events WHERE {_BEHIND} ORDER BY tx, seq LIMIT 1",
        position,
    )
    return rows[0][0] if rows else None


def last_position() -> Plan[Position]:
    rows = yield Rows("SELECT tx, seq FROM events ORDER BY tx DESC, seq DESC LIMIT 1")
    return Position(*rows[0]) if rows else Position(0, 0)


def lease_cursors(
    follower: str, shards: Sequence[int], lease: str, now: Millis, until: Millis
) -> Plan[dict[int, Position]]:
    """Take (or keep) the lease of the shards that nobody else holds; return where each stands."""
    yield Many(
        "INSERT INTO cursors (follower, shard, tx, seq, lease, leased_until) VALUES (?, ?, 0, 0, '', 0)"
        " ON CONFLICT (follower, shard) DO NOTHING",
        [(follower, shard) for shard in shards],
    )
    marks = ", ".join("?" * len(shards))
    rows = yield Rows(
        f"UPDATE cursors SET lease = ?, leased_until = ? WHERE follower = ? AND shard IN ({marks})"
        " AND (lease = ? OR leased_until <= ?) RETURNING shard, tx, seq",
        (lease, until, follower, *shards, lease, now),
    )
    return {row[0]: Position(row[1], row[2]) for row in rows}


def release_cursors(follower: str, lease: str) -> Plan[None]:
    """End a lease before its time."""
    yield Rows(
        "UPDATE cursors SET lease = '', leased_until = 0 WHERE follower = ? AND lease = ?",
        (follower, lease),
    )


def move_cursors(follower: str, lease: str, positions: dict[int, Position]) -> Plan[int]:
    """Move cursors in the transaction of what was done with the events; return how many were still leased."""
    moved = 0
    for position, shards in _by_position(positions).items():
        marks = ", ".join("?" * len(shards))
        rows = yield Rows(
            f"UPDATE cursors SET tx = ?, seq = ? WHERE follower = ? AND lease = ? AND shard IN ({marks})"
            " RETURNING shard",
            (*position, follower, lease, *shards),
        )
        moved += len(rows)
    return moved


def rewind(follower: str) -> Plan[None]:
    """Let a follower begin at the first event again; who is about to move its cursors loses the lease."""
    yield Rows("UPDATE cursors SET tx = 0, seq = 0, lease = '', leased_until = 0 WHERE follower = ?", (follower,))


def left_for(follower: str) -> Plan[int]:
    """Return how many facts a follower still has to see."""
    first = yield Rows("SELECT min(tx), min(seq) FROM cursors WHERE follower = ?", (follower,))
    rows = yield Rows(f"SELECT count(*) FROM events WHERE {_BEHIND}", (first[0][0] or 0, first[0][1] or 0))
    return int(rows[0][0])


def _by_position(positions: dict[int, Position]) -> dict[Position, list[int]]:
    grouped: dict[Position, list[int]] = {}
    for shard, position in positions.items():
        grouped.setdefault(position, []).append(shard)
    return grouped
