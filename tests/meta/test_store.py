"""The schema is what the migrations make, and both engines have the same one."""

from pathlib import Path

from pillarbox.store.migrate import POSTGRES, SQLITE, steps
from pillarbox.store.schema import schema

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.sql"


def test_the_documented_schema_is_what_the_migrations_make() -> None:
    assert SCHEMA.read_text() == schema(), "run `make docs`"


def test_both_dialects_have_the_same_steps() -> None:
    assert [number for number, _ in steps(SQLITE)] == [number for number, _ in steps(POSTGRES)]
    assert all("$" not in statement for _, statements in steps(POSTGRES) for statement in statements)
