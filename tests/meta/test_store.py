"""The schema is what the migrations make, and both engines have the same one."""

from pathlib import Path

import apsw

from pillarbox.store.migrate import POSTGRES, SQLITE, migrate_sqlite, steps

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.sql"


def _schema() -> str:
    connection = apsw.Connection(":memory:")
    migrate_sqlite(connection)
    rows = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return "\n\n".join(row[0] + ";" for row in rows) + "\n"


def test_the_documented_schema_is_what_the_migrations_make() -> None:
    assert SCHEMA.read_text() == _schema(), "run `make docs`"


def test_both_dialects_have_the_same_steps() -> None:
    assert [number for number, _ in steps(SQLITE)] == [number for number, _ in steps(POSTGRES)]
    assert all("$" not in statement for _, statements in steps(POSTGRES) for statement in statements)
