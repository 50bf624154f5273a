"""The promise of a store, whichever engine keeps it.

`open_store` is called by app/ and by commands that work while no server
runs. Nothing else in the program knows which engine is underneath.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pillarbox.store.plan import Plan

T = TypeVar("T")
Item = TypeVar("Item")

CONNECTIONS = 16


class Store(Protocol):
    """Keeps what was promised.

    `write` and `commit` return only after their transaction is on disk, and
    raise `kit.errors.Unavailable` when it could not be put there. An exception
    that the plan raises undoes that plan alone.
    """

    async def write(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        """Run one plan in a transaction (which it may share with others)."""
        ...

    async def commit(self, planner: Callable[[Sequence[Item]], Plan[list[T]]], item: Item) -> T:
        """Run the plan once for all items that wait at the same time; each gets its own verdict."""
        ...

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        """Run a plan that only reads, without waiting for writers."""
        ...

    async def body(self, reference: str) -> bytes:
        """Return a body that `Keep` put away."""
        ...

    async def bodies(self, references: Sequence[str]) -> dict[str, bytes]:
        """Return those of several bodies that are there and whole."""
        ...

    def listen(self, topic: str, wake: Callable[[], None]) -> None:
        """Call `wake` (on the loop) after a commit that touched `topic` (a hint: rows are the truth)."""
        ...

    @property
    def is_ours_alone(self) -> bool:
        """Whether no other process can work on this store while this one does."""
        ...

    async def close(self) -> None: ...


async def open_store(database: str, folder: Path, *, moving: bool = False, connections: int = CONNECTIONS) -> Store:
    """Open the store named by a URL, `sqlite:` (in `folder`) or `postgresql://…`.

    `moving` is for who carries the whole store elsewhere: nobody else may use it, and it may be half filled.
    PostgreSQL is asked over so many `connections`, and one more on which it tells of what others wrote.
    """
    if database.startswith(("postgresql://", "postgres://")):
        from pillarbox.store.postgres import PostgresStore

        return await PostgresStore.open(database, moving=moving, connections=connections)
    from pillarbox.store.sqlite import SqliteStore

    return await SqliteStore.open(folder, moving=moving)
