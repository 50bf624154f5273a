"""What a store function yields: statements in the SQL that both engines speak.

Pure. A plan is a generator; the engine runs each statement that it yields and
sends the result back in. Placeholders are `?`. What only PostgreSQL should see
stands in a comment, `/*pg: FOR UPDATE SKIP LOCKED */`, which SQLite passes over.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

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


class PutAway(NamedTuple):
    """A body that was put where bodies are kept outside the store, before the transaction that refers to it."""

    reference: str


@dataclass(slots=True, frozen=True)
class Keep:
    """Bodies to put on disk in this transaction; their references come back, in order.

    `accounts` says whose each is, and `at` decides the period that they are dropped with.
    """

    bodies: Sequence[bytes | PutAway]
    accounts: Sequence[str]
    at: int

    def new(self) -> list[tuple[bytes, str]]:
        """Return the bodies that are not put away yet, and whose they are."""
        each = zip(self.bodies, self.accounts, strict=True)
        return [(body, account) for body, account in each if not isinstance(body, PutAway)]

    def references(self, new: Sequence[str]) -> list[str]:
        """Return the references of all, given those of the new ones."""
        following = iter(new)
        return [one.reference if isinstance(one, PutAway) else next(following) for one in self.bodies]


@dataclass(slots=True, frozen=True)
class Drop:
    """Keep bodies no longer that were kept before `before`, at most `most` pieces; how many went comes back.

    Those of one account that keeps its bodies apart (store/account_times.py), or of all others when it is "".
    A piece is what an engine drops at once: a day's file, or a row. What a plan drops stays dropped when it raises.
    """

    before: int
    most: int
    account: str = ""


@dataclass(slots=True, frozen=True)
class Touch:
    """Wake whoever listens to `topic`, once this transaction is on disk."""

    topic: str


Statement = Rows | Many | Keep | Drop | Touch
Plan = Generator[Statement, Any, T]


def first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None
