"""Fills a store on PostgreSQL with the history of delivered messages, inside PostgreSQL and therefore quickly.

Touches the database that it is given, which has delivered some messages in earnest: what is in the rows of one of
them is what every row is made of, under MessageIds, times and recipients of its own. Half of the messages are of the
present week, up to now; the other half of the ten weeks before. Bodies are left out. Each part of a table is filled
before it has indexes, and then put in its place.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from pillarbox.kit.clock import Millis, SystemClock
from pillarbox.kit.ids import region_code
from pillarbox.store import partitions
from pillarbox.store.message_terms import WEEK
from pillarbox.store.partitions import Partition
from pillarbox.store.postgres import PostgresStore

_WEEKS = 10
_SIDE_BY_SIDE = 2
# What is of a message alone, by column; all else is as it was in the message that was delivered.
_OWN = {
    "message_id": "ids.message_id",
    "send_id": "ids.message_id",
    "week_at": f"ids.at - ids.at % {WEEK}",
    "event_id": "gen_random_uuid()::text",
    "seq": "nextval('events_seq_seq')",
    "address": "'recipient-' || who || '@example.net'",
    "term": "replace(s.term, '{number}', who)",
    "body": "''",
}
_IDS = (
    "CREATE TABLE {name} AS SELECT at, (random() * 10000000)::int::text AS who,"
    " '{code}' || lpad(to_hex(at), 12, '0') || '-' || gen_random_uuid() || '-000000' AS message_id FROM"
    " (SELECT {since} + n * ({until} - {since}) / {messages} AS at FROM generate_series(0, {messages} - 1) n) t"
)


class Span(NamedTuple):
    """So many messages, evenly from one time to another of the same week."""

    since: Millis
    until: Millis
    messages: int


async def fill(url: str, region: str, count: int) -> None:
    """Add so many messages with what hangs on them, and let the planner and the disk know."""
    now, code = SystemClock().now(), f"{region_code(region):04x}"
    store = await PostgresStore.open(url)
    there = await store.read(partitions.listed)
    await store.close()
    pool = await asyncpg.create_pool(url, min_size=_SIDE_BY_SIDE, max_size=_SIDE_BY_SIDE, command_timeout=3600)
    number = await _keep_samples(pool)
    waiting = []
    for week, span in enumerate(_spans(now, count)):
        await pool.execute(_IDS.format(name=f"ids_{week}", code=code, **span._asdict()))
        start = span.since - span.since % WEEK
        for table, key in partitions.KEYS.items():
            part = Partition(table, code if key == "message_id" else "", start, start + WEEK)
            waiting.append((part, f"ids_{week}", number, [one for one in there if _is_within(one, part)]))

    async def work() -> None:
        while waiting:
            await _add(pool, *waiting.pop())

    await asyncio.gather(*(work() for _ in range(_SIDE_BY_SIDE)))
    for week in range(_WEEKS + 1):
        await pool.execute(f"DROP TABLE ids_{week}")
    await pool.execute("VACUUM ANALYZE")
    await pool.execute("CHECKPOINT")
    await pool.close()


def _spans(now: Millis, count: int) -> list[Span]:
    week = now - now % WEEK
    each = count // 2 // _WEEKS
    before = [Span(week - number * WEEK, week - (number - 1) * WEEK, each) for number in range(_WEEKS, 0, -1)]
    return [*before, Span(week, now, count // 2)]


async def _keep_samples(pool: Any) -> str:
    """Put the rows of one delivered message apart, once, and return the number in its recipient's address."""
    if await pool.fetchval("SELECT to_regclass('sample_messages')") is None:
        chosen = await pool.fetchval("SELECT message_id FROM recipients WHERE state = 'delivered' LIMIT 1")
        for table in partitions.KEYS:
            await pool.execute(f"CREATE TABLE sample_{table} AS SELECT * FROM {table} WHERE message_id = '{chosen}'")
    address: str = await pool.fetchval("SELECT address FROM sample_recipients")
    return address.partition("@")[0].rpartition("-")[2]


def _is_within(one: Partition, other: Partition) -> bool:
    is_alike = (one.table, one.code) == (other.table, other.code)
    return is_alike and other.begins_at <= one.begins_at < other.ends_at


async def _add(pool: Any, part: Partition, ids: str, number: str, smaller: Sequence[Partition]) -> None:
    """Replace what there is of a part's time by a part with more rows; nobody may use the store meanwhile."""
    low, high = part.bounds
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"CREATE TABLE filled_{part.name} (LIKE {part.table} INCLUDING DEFAULTS)")
        rows = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
            f"filled_{part.name}",
        )
        columns = [row[0] for row in rows]
        told = [_OWN.get(name) or ("ids.at" if name.endswith("_at") else f"s.{name}") for name in columns]
        await connection.execute(
            f"INSERT INTO filled_{part.name} ({', '.join(columns)}) SELECT {', '.join(told).format(number=number)}"
            f" FROM {ids} AS ids CROSS JOIN sample_{part.table} s"
        )
        within = f"{part.key} >= '{low}' AND {part.key} < '{high}'"
        await connection.execute(f"INSERT INTO filled_{part.name} SELECT * FROM {part.table} WHERE {within}")
        await connection.execute(f"DELETE FROM {part.table}_rest WHERE {within}")
        for one in smaller:
            await connection.execute(f"DROP TABLE {one.name}")
        await connection.execute(f"ALTER TABLE filled_{part.name} RENAME TO {part.name}")
        bounds = f"FROM ('{low}') TO ('{high}')"
        await connection.execute(f"ALTER TABLE {part.table} ATTACH PARTITION {part.name} FOR VALUES {bounds}")
