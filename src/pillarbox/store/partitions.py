"""The parts by time of PostgreSQL's growing tables: which there are, which are needed, making and dropping them.

Plans only; the embedded store has no parts and answers so. Called by
upkeep/partitions.py (ahead of time), store/retention.py (which drops them
whole) and store/tables.py (when a store is filled). Tables keyed by MessageId
are parted by what the id begins with, its region and its time; the log by when
an event was recorded, and what messages are found by, by their week. What fits
no part lies in the part `…_rest`, so that no insertion ever fails. Rows never
move from one part into another: a snapshot of before the move finds nothing in
the new part, so that messages that are there would be missed, and a follower of
the log would pass over events that nobody is told of again.
"""

import re
import time
from collections.abc import Iterable
from typing import NamedTuple

from pillarbox.kit.clock import DAY, MINUTE, Millis
from pillarbox.kit.ids import read_message_id
from pillarbox.store.message_terms import WEEK
from pillarbox.store.plan import Plan, Rows

# What hangs on a message goes before it, so that an interrupted round finds the rest by the message.
KEYED_BY_MESSAGE = ("recipients", "captures", "conversations", "first_hits", "messages")
EVENTS, TERMS = "events", "message_terms"
# The tables that have parts, and by which column.
KEYS = {**dict.fromkeys(KEYED_BY_MESSAGE, "message_id"), EVENTS: "recorded_at", TERMS: "week_at"}
# Behind the name of a table: only what lies in no part.
REST = "/*pg:_rest*/"
DEFAULT_DAYS = 7

_AHEAD: Millis = WEEK
# A part begins after whatever is being written while it is made, by any machine's clock.
_SOON: Millis = MINUTE
_MOST_REGIONS = 1_000
_CODE, _TIME = 4, 12  # hexadecimal digits of a MessageId
_BOUNDS = re.compile(r"FROM \('([0-9a-f]{16})'\) TO \('([0-9a-f]{16})'\)|FROM \('(\d+)'\) TO \('(\d+)'\)")


class Partition(NamedTuple):
    """The rows of a table from `begins_at` to before `ends_at`; `code` is the region's in MessageIds, or empty."""

    table: str
    code: str
    begins_at: Millis
    ends_at: Millis

    @property
    def name(self) -> str:
        day = time.strftime("%Y%m%d", time.gmtime(self.begins_at // 1000))
        return "_".join(filter(None, (self.table, self.code, day)))

    @property
    def key(self) -> str:
        return KEYS[self.table]

    @property
    def over_at(self) -> Millis:
        """Return before when everything in it happened; what is found by its week may be as much later."""
        return self.ends_at + (WEEK if self.table == TERMS else 0)

    @property
    def bounds(self) -> tuple[str | int, str | int]:
        """Return the least key, and that of the next part."""
        if not self.code:
            return self.begins_at, self.ends_at
        return self._first_id(self.begins_at), self._first_id(self.ends_at)

    def _first_id(self, at: Millis) -> str:
        return f"{self.code}{at:0{_TIME}x}"


def listed() -> Plan[list[Partition]]:
    """Return every part that there is, by table and time, without those for the rest."""
    rows = yield Rows(
        "SELECT '' AS parted, '' AS bounds WHERE 1 = 0 /*pg: UNION ALL SELECT parent.relname::text,"
        " pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent"
        " JOIN pg_class part ON part.oid = inhrelid WHERE part.relispartition AND part.relkind = 'r'"
        " AND parent.relnamespace = current_schema()::regnamespace */"
    )
    found = [_read(table, named) for table, bounds in rows if (named := _BOUNDS.search(bounds))]
    return sorted(found, key=lambda one: (_order(one.table), one.code, one.begins_at))


def wanted(now: Millis, days: int) -> Plan[list[Partition]]:
    """Return the parts that are not there yet, of so many days each, from in a minute to a week ahead."""
    there = yield from listed()
    codes = yield from _codes_in_the_rest()
    codes |= {one.code for one in there if one.code}
    tables = [(table, code) for code in sorted(codes) for table in KEYED_BY_MESSAGE]
    found = []
    for table, code in [*tables, (EVENTS, ""), (TERMS, "")]:
        ends = [one.ends_at for one in there if (one.table, one.code) == (table, code)]
        found += _following(table, code, max(ends, default=0), now, days * DAY)
    return found


def make(part: Partition) -> Plan[bool]:
    """Make a part; False when it is there, or something of its time lies in the rest and has to stay there."""
    rest, (low, high) = f"{part.table}_rest", part.bounds
    yield from wait_briefly()
    yield Rows(f"LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE")
    if part in (yield from listed()):
        return False
    if (yield Rows(f"SELECT 1 FROM {rest} WHERE {part.key} >= ? AND {part.key} < ? LIMIT 1", (low, high))):
        return False
    yield Rows(f"CREATE TABLE {part.name} (LIKE {part.table} INCLUDING DEFAULTS)")
    yield Rows(f"ALTER TABLE {part.table} ATTACH PARTITION {part.name} FOR VALUES FROM ('{low}') TO ('{high}')")
    return True


def drop(part: Partition) -> Plan[None]:
    """Drop a part and all that is in it, at once however much that is."""
    yield from wait_briefly()
    yield Rows(f"DROP TABLE IF EXISTS {part.name}")


def make_room(table: str, keys: Iterable[str | int]) -> Plan[None]:
    """Make the parts that rows with these keys (MessageIds, or times of events) belong into."""
    missing = {one for key in keys if (one := _part_of(table, key))}
    there = [one for one in (yield from listed()) if one.table == table] if missing else []
    for part in sorted(missing):
        if not any(_overlap(part, one) for one in there):
            yield from make(part)


def wait_briefly() -> Plan[None]:
    """Give up soon where a table is in use, rather than let all that comes behind us wait."""
    # Longer than PostgreSQL takes to call off a vacuum that is in somebody's way.
    # https://www.postgresql.org/docs/current/runtime-config-locks.html#GUC-DEADLOCK-TIMEOUT
    yield Rows("SELECT set_config('lock_timeout', '2s', true)")


def _following(table: str, code: str, after: Millis, now: Millis, length: Millis) -> list[Partition]:
    """Return the parts behind the last one there is; they end at multiples of their length.

    The first begins when it is made, or with the next week where rows are kept by their week.
    """
    begins_at, found = max(after, now + _SOON), []
    if table == TERMS:
        begins_at += -begins_at % WEEK
    while begins_at < now + _AHEAD:
        ends_at = begins_at - begins_at % length + length
        found.append(Partition(table, code, begins_at, ends_at))
        begins_at = ends_at
    return found


def _codes_in_the_rest() -> Plan[set[str]]:
    """Return the regions of messages that have no part, by stepping from one to the next."""
    found: set[str] = set()
    after = ""
    while len(found) < _MOST_REGIONS:
        rows = yield Rows(
            "SELECT message_id FROM messages_rest WHERE message_id > ? AND message_id < 'g' ORDER BY message_id"
            " LIMIT 1",
            (after,),
        )
        if not rows:
            break
        after = f"{rows[0][0][:_CODE]}g"  # behind all that begin alike
        if read_message_id(rows[0][0]):
            found.add(rows[0][0][:_CODE])
    return found


def _read(table: str, named: "re.Match[str]") -> Partition:
    low, high, since, until = named.groups()
    if low is None:
        return Partition(table, "", int(since), int(until))
    return Partition(table, low[:_CODE], int(low[_CODE:], 16), int(high[_CODE:], 16))


def _part_of(table: str, key: str | int) -> Partition | None:
    if isinstance(key, int):
        return _around(table, "", key)
    parts = read_message_id(key)
    return _around(table, key[:_CODE], parts.at) if parts else None


def _around(table: str, code: str, at: Millis) -> Partition:
    length = DEFAULT_DAYS * DAY
    return Partition(table, code, at - at % length, at - at % length + length)


def _overlap(one: Partition, other: Partition) -> bool:
    return one.code == other.code and one.begins_at < other.ends_at and other.begins_at < one.ends_at


def _order(table: str) -> int:
    return list(KEYS).index(table)
