"""The schema is what the migrations make, and both engines have the same one."""

import re
from pathlib import Path

from pillarbox.store.engine import Store
from pillarbox.store.migrate import POSTGRES, SQLITE, steps
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.schema import schema
from pillarbox.store.tables import page, tables
from tests.scenarios.test_moving import fill

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.sql"


def test_the_documented_schema_is_what_the_migrations_make() -> None:
    assert SCHEMA.read_text() == schema(), "run `make docs`"


def test_both_dialects_have_the_same_steps() -> None:
    assert [number for number, _ in steps(SQLITE)] == [number for number, _ in steps(POSTGRES)]
    # Two of them only quote a block.
    assert all("$" not in statement.replace("$$", "") for _, statements in steps(POSTGRES) for statement in statements)


def _columns() -> Plan[dict[str, list[str]]]:
    """Read what PostgreSQL has, in a statement that SQLite understands another way."""
    rows = yield Rows(
        "/*pg: SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name NOT IN"
        " (SELECT relname FROM pg_class WHERE relispartition) --*/"
        " SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found


async def test_every_table_and_column_is_carried_from_one_engine_to_the_other(store: Store) -> None:
    there = await store.read(_columns)
    carried = {table.name: sorted(table.columns) for table in tables()}
    not_carried = {"bodies", "schema_version", "sqlite_sequence"}  # bodies travel with the rows that refer to them
    assert {name: sorted(columns) for name, columns in there.items() if name not in not_carried} == carried
    assert all(table.key for table in tables())


async def test_every_column_that_refers_to_a_body_is_known_as_one(store: Store) -> None:
    await fill(store, 3)
    referring = re.compile(r"\d{4}-\d\d-\d\d:\d+:\d+|pg:\d+")
    found = set()
    for table in tables():
        for row in await store.read(page, table, [], 1_000):
            values = zip(table.columns, row, strict=True)
            found |= {(table.name, name) for name, value in values if referring.fullmatch(str(value))}
    known = {(table.name, table.reference) for table in tables() if table.reference}
    assert found >= {("messages", "body"), ("captures", "body")}
    assert found <= known
