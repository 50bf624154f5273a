"""On PostgreSQL what grows is parted by time: rows find their part, and a look at one message goes to one part."""

import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.store import conversations, events, messages, outgoing, partitions
from pillarbox.store.engine import Store
from pillarbox.store.events import EventRow
from pillarbox.store.messages import MessageRow, RecipientRow, Search
from pillarbox.store.partitions import Partition
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.postgres import PostgresStore
from pillarbox.store.sqlite import SqliteStore
from tests.support.postgres import Postgres

NOON: Millis = 1_800_014_400_000  # 2027-01-15 12:00:00 UTC, a Friday
WEEK = 7 * DAY
THIS_WEEK: Millis = 1_799_884_800_000  # weeks begin where the epoch began, on Thursdays
HERE, THERE = Scope("123456789012", "us-east-1"), Scope("123456789012", "eu-west-1")


async def add(store: Store, at: Millis, scope: Scope = HERE, message_id: str = "") -> str:
    """Add a message with one recipient and the event that it was sent, and return its id."""
    own = message_id or new_message_id(scope, at)
    row = MessageRow(own, *scope, own, at, "SendEmail", "", "a@example.com", "Hello", 3, 1, "{}", "")
    await store.write(messages.add, [row], [RecipientRow(own, 0, *scope, "b@example.net", at, "sent", 0, at)])
    await store.write(events.append, [EventRow(own[:16], *scope, 0, own, "Send", at, at, "{}")])
    return own


async def make_all(store: Store, now: Millis, days: int = 7) -> list[Partition]:
    """Do what upkeep does, and return what was made."""
    return [one for one in await store.read(partitions.wanted, now, days) if await store.write(partitions.make, one)]


def where(table: str) -> Plan[dict[str, int]]:
    """Return how many rows lie in which part of a table."""
    rows = yield Rows(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1")
    return dict(rows)


async def test_the_embedded_store_has_no_parts(tmp_path: Path) -> None:
    embedded = await SqliteStore.open(tmp_path)
    assert await embedded.read(partitions.listed) == []
    await embedded.close()


async def test_parts_are_made_from_in_a_minute_to_a_week_ahead_for_the_regions_that_mail_is_in(
    postgres_store: Store,
) -> None:
    assert [(one.table, one.begins_at) for one in await postgres_store.read(partitions.wanted, NOON, 7)] == [
        ("events", NOON + MINUTE),
        ("events", THIS_WEEK + WEEK),
        ("message_terms", THIS_WEEK + WEEK),
    ]
    await add(postgres_store, NOON)
    await add(postgres_store, NOON, THERE)

    made = await make_all(postgres_store, NOON)

    assert sorted(made) == sorted(await postgres_store.read(partitions.listed))
    assert {one.table for one in made} == set(partitions.KEYS)
    assert {one.name for one in made if one.table == "messages"} == {
        "messages_0100_20270115",
        "messages_0100_20270121",
        "messages_0102_20270115",
        "messages_0102_20270121",
    }
    assert await make_all(postgres_store, NOON) == [], "there is nothing more to do"


async def test_rows_lie_in_the_part_of_their_time_and_region_and_those_of_before_stay_in_the_rest(
    postgres_store: Store,
) -> None:
    await add(postgres_store, NOON)
    await make_all(postgres_store, NOON)
    await add(postgres_store, NOON + MINUTE)
    await add(postgres_store, NOON + WEEK)
    await add(postgres_store, NOON - WEEK)
    await add(postgres_store, NOON, message_id="not-an-id-of-ours")

    for table in ("messages", "recipients"):
        assert await postgres_store.read(where, table) == {
            f"{table}_0100_20270115": 1,
            f"{table}_0100_20270121": 1,
            f"{table}_rest": 3,
        }
    assert await postgres_store.read(where, "events") == {"events_20270115": 1, "events_20270121": 1, "events_rest": 3}


async def test_who_reads_with_a_snapshot_of_before_a_part_was_made_misses_nothing(
    postgres: Postgres, with_schema: str
) -> None:
    url = postgres.new_database(with_schema)
    store, reader = await PostgresStore.open(url), await asyncpg.connect(url)
    own = await add(store, NOON)
    try:
        async with reader.transaction(isolation="repeatable_read"):
            await reader.execute("SELECT 1")
            assert await make_all(store, NOON)
            for table in ("messages", "recipients", "events"):
                found = await reader.fetch(f"SELECT 1 FROM {table} WHERE message_id = $1", own)
                assert len(found) == 1, table
    finally:
        await reader.close()
        await store.close()


async def test_a_part_is_not_made_for_what_lies_in_the_rest_already(postgres_store: Store) -> None:
    await add(postgres_store, NOON)
    await add(postgres_store, NOON + HOUR)  # of a machine whose clock is fast

    made = await make_all(postgres_store, NOON)

    assert {one.name for one in made if one.table == "messages"} == {"messages_0100_20270121"}
    assert await postgres_store.read(where, "messages") == {"messages_rest": 2}
    assert await make_all(postgres_store, NOON) == []


async def test_another_length_counts_from_the_last_part_on(postgres_store: Store) -> None:
    await add(postgres_store, NOON)
    await make_all(postgres_store, NOON)

    later = [one for one in await make_all(postgres_store, NOON + DAY, days=30) if one.table == "messages"]
    assert later == [], "the last one still reaches far enough"
    [month] = [one for one in await make_all(postgres_store, NOON + WEEK, days=30) if one.table == "messages"]
    assert month.begins_at == THIS_WEEK + 2 * WEEK
    assert month.ends_at % (30 * DAY) == 0


async def test_after_a_long_absence_parts_begin_with_the_present(postgres_store: Store) -> None:
    await add(postgres_store, NOON)
    await make_all(postgres_store, NOON)

    made = [one for one in await make_all(postgres_store, NOON + 10 * WEEK) if one.table == "messages"]

    assert [one.begins_at for one in made] == [NOON + 10 * WEEK + MINUTE, THIS_WEEK + 11 * WEEK]


async def test_who_uses_a_table_is_waited_for_only_briefly(postgres: Postgres, with_schema: str) -> None:
    url = postgres.new_database(with_schema)
    store, reader = await PostgresStore.open(url), await asyncpg.connect(url)
    await add(store, NOON)
    try:
        async with reader.transaction():
            await reader.execute("SELECT 1 FROM messages_rest")
            [part, *_] = [one for one in await store.read(partitions.wanted, NOON, 7) if one.table == "messages"]
            with pytest.raises(Unavailable, match="lock timeout"):
                await store.write(partitions.make, part)
        assert await store.write(partitions.make, part)
    finally:
        await reader.close()
        await store.close()


PLANNERS = {
    "messages": messages.get,
    "recipients": messages.recipients_of,
    "conversations": conversations.of_message,
    "captures": outgoing.captures_of,
    "events": events.of_message,
}


async def test_a_look_at_one_message_goes_to_one_part_and_the_log_from_its_time_on(postgres_store: Store) -> None:
    await add(postgres_store, NOON)
    await make_all(postgres_store, NOON)
    own = await add(postgres_store, NOON + WEEK)
    await make_all(postgres_store, NOON + WEEK)

    def scanned(planner: Any) -> Plan[set[str]]:
        plan, found, answer = planner(own), set(), None
        while True:
            try:
                statement = plan.send(answer)
            except StopIteration:
                return found
            rows = yield Rows(f"EXPLAIN {statement.sql}", statement.args)
            found |= set(re.findall(r" on (\w+_(?:rest|\d{8}))", "\n".join(row[0] for row in rows)))
            answer = yield statement

    looked = {table: await postgres_store.read(scanned, planner) for table, planner in PLANNERS.items()}

    log = looked.pop("events")
    assert looked == {table: {f"{table}_0100_20270121"} for table in looked}
    assert log == {"messages_0100_20270121", "events_20270121", "events_20270128", "events_rest"}


async def test_the_store_reads_over_all_parts_in_order(postgres_store: Store) -> None:
    added = [await add(postgres_store, NOON)]
    await make_all(postgres_store, NOON)
    added += [await add(postgres_store, NOON + days * DAY) for days in (3, 8, 30)]

    found = await postgres_store.read(messages.newest, Search(account=HERE.account, region=HERE.region), 10)
    told = await postgres_store.read(events.after, events.Position(0, 0), 10)

    assert [one.message_id for one in found] == added[::-1]
    assert [one.message_id for _, one in told] == added
