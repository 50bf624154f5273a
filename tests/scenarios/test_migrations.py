"""Stores of the first release are brought forward with what is in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.store import messages
from pillarbox.store.engine import open_store
from pillarbox.store.migrate import POSTGRES, SQLITE, steps

RELEASED = 2
ROW = (
    "'m1'",
    "'123456789012'",
    "'us-east-1'",
    "'m1'",
    "5",
    "'SendEmail'",
    "''",
    "'a@example.com'",
    "'Hello'",
    "3",
    "1",
)
FILLING = [
    f"INSERT INTO messages VALUES ({', '.join(ROW)}, '{{}}', '')",
    "INSERT INTO recipients VALUES ('m1', 0, '123456789012', 'us-east-1', 'b@example.net', 5, 'delivered', 1, 6)",
    "INSERT INTO counters VALUES ('123456789012', 'us-east-1', '', '', 'sends', 0, 1)",
]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_store_of_the_first_release_opens_with_its_mail(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    words: Any = SQLITE if engine == "sqlite" else POSTGRES
    statements = [one for number, some in steps(words) if number <= RELEASED for one in some]
    if engine == "sqlite":
        database = "sqlite:"
        old = apsw.Connection(str(tmp_path / "pillarbox.db"))
        for statement in [*statements, *FILLING]:
            old.execute(statement)
        old.pragma("user_version", RELEASED)
        old.close()
    else:
        database = request.getfixturevalue("postgres_url")
        connection = await asyncpg.connect(database)
        version = "CREATE TABLE schema_version (number BIGINT PRIMARY KEY)"
        for statement in [*statements, *FILLING, version, "INSERT INTO schema_version VALUES (1), (2)"]:
            await connection.execute(statement)
        await connection.close()

    store = await open_store(database, tmp_path)
    try:
        message = await store.read(messages.get, "m1")
    finally:
        await store.close()
    assert message is not None
    assert (message.subject, message.recipient_count) == ("Hello", 1)


WEEK = 7 * DAY
LATE: Millis = 1_800_014_400_000  # 2027-01-15, a Friday
PARTED = ("messages", "recipients", "captures", "conversations")  # what is counted is counted anew by a later step


def fill_unparted() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what puts three messages into tables that have no parts yet: two of one week, and one elsewhere."""
    for place, (region, at) in enumerate([("us-east-1", LATE), ("us-east-1", LATE - WEEK), ("eu-west-1", LATE)]):
        scope = Scope("123456789012", region)
        own = f"{new_message_id(scope, at)[:-6]}{place:06d}"
        message = (own, *scope, own, at, "SendEmail", "", "a@example.com", "Hello", 3, 1, "{}", "")
        yield "INSERT INTO messages VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)", message
        yield (
            "INSERT INTO recipients VALUES ($1, 0, $2, $3, 'b@example.net', $4, 'delivered', 1, $4)",
            (own, *scope, at),
        )
        yield "INSERT INTO captures VALUES ($1, 0, $2, $3, '', '[]', '')", (own, scope.account, at)
        yield "INSERT INTO conversations VALUES ($1, 0, 1, 0, $2, $3, '', '[]', '')", (own, scope.account, at)
        for kind in ("Send", "Delivery"):
            columns = "event_id, account, region, shard, message_id, kind, happened_at, recorded_at, fact"
            event = (f"{kind}{place}", *scope, 0, own, kind, at, at)
            yield f"INSERT INTO events ({columns}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,'{{}}')", event


async def test_rows_of_before_lie_in_the_parts_of_their_time_and_who_ran_meanwhile_goes_on(
    tmp_path: Path, postgres_url: str
) -> None:
    old = await asyncpg.connect(postgres_url)
    statements = [one for number, some in steps(POSTGRES) if number < 22 for one in some]
    for statement in [
        *statements,
        "CREATE TABLE schema_version (number BIGINT PRIMARY KEY)",
        "INSERT INTO schema_version VALUES (21)",
    ]:
        await old.execute(statement)
    for sql, values in fill_unparted():
        await old.execute(sql, *values)
    last = await old.fetchval("SELECT max(seq) FROM events")
    log = [tuple(row) for row in await old.fetch("SELECT * FROM events ORDER BY seq")]
    known_before = await old.prepare("INSERT INTO messages SELECT * FROM messages WHERE false RETURNING message_id")
    reading_before = await old.prepare("SELECT count(*) FROM events WHERE (tx, seq) > ($1, $2)")
    assert await known_before.fetch() == [] and await reading_before.fetchval(0, 0) == len(log)

    store = await open_store(postgres_url, tmp_path)
    await store.close()

    for table in PARTED:
        rows = await old.fetch(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1")
        names = ("0100_20270107", "0100_20270114", "0102_20270114")
        assert dict(map(tuple, rows)) == {f"{table}_{name}": 1 for name in names}
    rows = await old.fetch("SELECT tableoid::regclass::text, count(*) FROM events GROUP BY 1")
    assert dict(map(tuple, rows)) == {"events_20270107": 2, "events_20270114": 4}
    assert [tuple(row) for row in await old.fetch("SELECT * FROM events ORDER BY seq")] == log
    assert await known_before.fetch() == []
    assert await reading_before.fetchval(0, 0) == len(log)
    *_, (sql, values) = fill_unparted()
    await old.execute(sql, *values)
    assert await old.fetchval("SELECT max(seq) FROM events") == last + 1
    await old.close()
