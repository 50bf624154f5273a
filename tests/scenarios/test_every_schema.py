"""A store at every schema that there was is brought forward with a row in every table, on both engines."""

import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import apsw
import asyncpg
import pytest

from pillarbox.events.follow import Follower
from pillarbox.kit.clock import DAY
from pillarbox.stats.follow import count
from pillarbox.store.engine import Store, open_store
from pillarbox.store.migrate import OLDEST, POSTGRES, SQLITE, migrate_postgres, migrate_sqlite, steps
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.support.filled import NOON, Mailroom
from tests.support.postgres import Postgres

WEEK = 7 * DAY
NUMBERS = [number for number, _ in steps(SQLITE)]
NEWEST = NUMBERS[-1]
# The first of all, that of the first release, and those before steps that PostgreSQL takes in a way of its own.
ON_POSTGRES = [1, 2, 21, *(number - 1 for number in NUMBERS if number > 23)]
COUNTED_ANEW = {"counters": 24, "first_hits": 24}  # emptied by that step, and counted from the log again
LOGGED = ("messages", "recipients", "events")
MOVED = {"suppressed": "suppression_lists"}


@pytest.fixture(scope="module")
def one_database(postgres: Postgres) -> str:
    return postgres.new_database()


class Column(NamedTuple):
    name: str
    kind: str
    is_required: bool
    default: Any
    is_serial: bool


class Database(Protocol):
    """A database of either engine, to which SQL is said as a plan says it."""

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...
    async def migrate(self) -> None: ...


class Embedded:
    def __init__(self, folder: Path) -> None:
        self.connection = apsw.Connection(str(folder / "pillarbox.db"))
        self.connection.pragma("synchronous", "OFF")

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.connection.execute(sql, tuple(values)).fetchall()
        return rows

    async def migrate(self) -> None:
        migrate_sqlite(self.connection)


class Large:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        for number in range(len(values)):
            sql = sql.replace("?", f"${number + 1}", 1)
        return [tuple(row) for row in await self._connection.fetch(sql.replace("/*pg:", "").replace("*/", ""), *values)]

    async def migrate(self) -> None:
        await migrate_postgres(self._connection)


def schema_of(request: pytest.FixtureRequest) -> str:
    return "".join(one if one.isalnum() else "_" for one in request.node.name)[-50:].strip("_")


@asynccontextmanager
async def database_at(engine: str, number: int, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """Lend a database as the steps up to `number` leave it."""
    words = SQLITE if engine == "sqlite" else POSTGRES
    statements = [one for done, some in steps(words) if done <= number for one in some]
    if engine == "sqlite":
        embedded = Embedded(request.getfixturevalue("tmp_path"))
        for statement in statements:
            embedded.connection.execute(statement)
        embedded.connection.pragma("user_version", number)
        yield embedded
        embedded.connection.close()
        return
    connection = await asyncpg.connect(request.getfixturevalue("one_database"))
    # A schema of its own is made faster than a database.
    await connection.execute(f"CREATE SCHEMA {schema_of(request)}")
    await connection.execute(f"SET search_path TO {schema_of(request)}")
    version = "CREATE TABLE schema_version (number BIGINT PRIMARY KEY)"
    await connection.execute(";".join([version, f"INSERT INTO schema_version VALUES ({number})", *statements]))
    yield Large(connection)
    await connection.close()


@functools.cache
def tables_at(number: int) -> dict[str, list[Column]]:
    """Return the tables and columns that a schema has; both engines have the same."""
    connection = apsw.Connection(":memory:")
    for done, statements in steps(SQLITE):
        for statement in statements if done <= number else ():
            connection.execute(statement)
    found = {}
    made: list[Any] = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    for name, sql in made:
        if not name.startswith("sqlite_"):
            columns: list[Any] = connection.execute(
                'SELECT name, type, "notnull" OR pk, dflt_value, pk FROM pragma_table_info(?)', (name,)
            ).fetchall()
            serial = "AUTOINCREMENT" in sql
            found[name] = [
                Column(column, kind, bool(needed), default, bool(serial and key))
                for column, kind, needed, default, key in columns
            ]
    return found


def row_of(columns: Sequence[Column], number: int) -> list[Any]:
    """Return a row like no other; what may be missing is missing in every second."""
    values: list[Any] = []
    for column in columns:
        if not column.is_required and number % 2:
            values.append(None)
        elif column.kind in ("BIGINT", "INTEGER"):
            values.append((number + 1) * WEEK)  # some begin a week, and nothing else knows the difference
        else:
            text = f"{column.name} {number}"
            values.append({"TEXT": text, "BLOB": text.encode(), "DOUBLE PRECISION": number + 0.5}[column.kind])
    return values


async def insert(database: Database, table: str, columns: Sequence[Column], numbers: Sequence[int]) -> None:
    """Insert as a program does that knows these columns."""
    names = ", ".join(column.name for column in columns)
    marks = ", ".join("?" * len(columns))
    given = "/*pg:OVERRIDING SYSTEM VALUE*/ " if any(column.is_serial for column in columns) else ""
    for number in numbers:
        await database.run(f"INSERT INTO {table} ({names}) {given}VALUES ({marks})", row_of(columns, number))


async def rows(database: Database, table: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
    return sorted(await database.run(f"SELECT {', '.join(names)} FROM {table}"), key=repr)


def default_of(column: Column) -> Any:
    return None if column.default is None else {"''": ""}.get(column.default, 0)


@pytest.mark.parametrize(
    ("engine", "number"), [*(("sqlite", one) for one in NUMBERS[:-1]), *(("postgres", one) for one in ON_POSTGRES)]
)
async def test_every_row_is_there_after_the_way_to_the_newest_schema(
    request: pytest.FixtureRequest, engine: str, number: int
) -> None:
    before, after = tables_at(number), tables_at(NEWEST)
    async with database_at(engine, number, request) as database:
        for table, columns in before.items():
            await insert(database, table, columns, (1, 2))
        await database.migrate()

        for table, columns in before.items():
            names = [column.name for column in columns]
            if number < COUNTED_ANEW.get(table, 0):
                assert await database.run(f"SELECT * FROM {table}") == []
                continue
            there = MOVED.get(table, table) if table not in after else table
            wanted = sorted((tuple(row_of(columns, one)) for one in (1, 2)), key=repr)
            assert await rows(database, there, names) == wanted, table
            for column in after[there]:
                if column.name not in names and table == there:
                    found = await database.run(f"SELECT DISTINCT {column.name} FROM {there}")
                    assert found == [(default_of(column),)], f"{table}.{column.name}"


@pytest.mark.parametrize(
    ("engine", "number"),
    [("sqlite", one) for one in NUMBERS if OLDEST <= one < NEWEST]
    + [("postgres", one) for one in ON_POSTGRES if one >= OLDEST],
)
async def test_who_knows_an_older_schema_goes_on_writing_and_reading_meanwhile(
    request: pytest.FixtureRequest, engine: str, number: int
) -> None:
    known = tables_at(number)
    async with database_at(engine, number, request) as database:
        await database.migrate()
        for table, columns in known.items():
            names = [column.name for column in columns]
            await insert(database, table, columns, (1, 2))
            wanted = sorted((tuple(row_of(columns, one)) for one in (1, 2)), key=repr)
            assert await rows(database, table, names) == wanted, table


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_was_counted_is_counted_again_from_the_log_where_that_changes(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, engine: str
) -> None:
    number = COUNTED_ANEW["counters"] - 1
    today = await SqliteStore.open(tmp_path_factory.mktemp("today"))
    room = Mailroom(today)
    for one in range(5):
        await room.deliver(await room.accept(f"p{one}@example.net"), at=NOON + one)
    log = {table: await today.read(rows_of, table, tables_at(number)[table]) for table in LOGGED}
    wanted = await counted(today)
    await today.close()
    assert wanted

    async with database_at(engine, number, request) as database:
        for table, found in log.items():
            names = [column.name for column in tables_at(number)[table]]
            marks = ", ".join("?" * len(names))
            given = "/*pg:OVERRIDING SYSTEM VALUE*/ " if table == "events" else ""
            for row in found:
                await database.run(f"INSERT INTO {table} ({', '.join(names)}) {given}VALUES ({marks})", row)
        await insert(database, "counters", tables_at(number)["counters"], (1, 2))
        await database.migrate()

    url = (
        "sqlite:"
        if engine == "sqlite"
        else f"{request.getfixturevalue('one_database')}&search_path={schema_of(request)}"
    )
    store = await open_store(url, tmp_path)
    try:
        assert await counted(store) == wanted
    finally:
        await store.close()


def rows_of(table: str, columns: Sequence[Column]) -> Plan[list[tuple[Any, ...]]]:
    return (yield Rows(f"SELECT {', '.join(column.name for column in columns)} FROM {table}"))  # type: ignore[no-any-return]


async def counted(store: Store) -> list[tuple[Any, ...]]:
    """Count what the log says, and return the counters."""
    follower = Follower("stats", store, count, StandingClock(NOON + DAY))
    while await follower.step():
        pass
    return sorted(await store.read(rows_of, "counters", tables_at(NEWEST)["counters"]))
