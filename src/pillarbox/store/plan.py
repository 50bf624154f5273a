"""What a store function yields: statements in the SQL that both engines speak.

Pure. A plan is a generator; the engine runs each statement that it yields and
sends the result back in. Placeholders are `?`. What only PostgreSQL should see
stands in a comment, `/*pg: FOR UPDATE SKIP LOCKED */`, which SQLite passes over.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(slots=True, frozen=True)
class Rows:
    """One statement; its rows come back as a list of tuples."""

    sql: str
    args: Sequence[Any] = ()


@dataclass(slots=True, frozen=True)
class Many:
    """One statement run for each tuple of arguments; nothing comes back."""

    sql: str
    each: Sequence[Sequence[Any]]


@dataclass(slots=True, frozen=True)
class Keep:
    """Bodies to put on disk in this transaction; their references come back, in order.

    `at` decides the period that they are dropped with.
    """

    bodies: Sequence[bytes]
    account: str
    at: int


@dataclass(slots=True, frozen=True)
class Drop:
    """Keep bodies no longer that were kept before `before`, at most `most` pieces; how many went comes back.

    A piece is what an engine drops at once: a day's file, or a row. What a plan drops stays dropped when it raises.
    """

    before: int
    most: int


@dataclass(slots=True, frozen=True)
class Touch:
    """Wake whoever listens to `topic`, once this transaction is on disk."""

    topic: str


Statement = Rows | Many | Keep | Drop | Touch
Plan = Generator[Statement, Any, T]


def first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None
