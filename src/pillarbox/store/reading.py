"""Reading the embedded store: snapshots for plans, and bodies from their files.

Touches the data folder, and never writes there. Used by the process that holds
the store and, beside it, by those that share it (store/shared.py): the
write-ahead log lets many processes read while one writes.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from pillarbox.store.bodies import Segments
from pillarbox.store.plan import Plan, Rows

T = TypeVar("T")

DATABASE = "pillarbox.db"
BODIES = "bodies"
_READERS = 2


def connect(folder: Path, flags: int, vfs: str | None = None) -> apsw.Connection:
    """Open the database as every connection of ours does."""
    connection = apsw.Connection(str(folder / DATABASE), flags=flags, vfs=vfs, statementcachesize=400)
    connection.set_busy_timeout(10_000)
    connection.pragma("cache_size", -65_536)
    connection.pragma("temp_store", "MEMORY")
    return connection


class Reading:
    """Runs plans that only read, each on one snapshot, in threads of its own."""

    def __init__(self, folder: Path, segments: Segments, vfs: str | None = None) -> None:
        self._folder = folder
        self._segments = segments
        self._vfs = vfs
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(_READERS, "store-reader")
        self._loop = asyncio.get_running_loop()

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._loop.run_in_executor(self._threads, self._read, planner, args)

    async def body(self, reference: str) -> bytes:
        return await self._loop.run_in_executor(self._threads, self._segments.read, reference)

    async def bodies(self, references: Sequence[str]) -> dict[str, bytes]:
        return await self._loop.run_in_executor(self._threads, self._segments.read_many, references)

    def close(self) -> None:
        self._threads.shutdown()

    def _read(self, planner: Callable[..., Plan[T]], args: tuple[Any, ...]) -> T:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._folder, apsw.SQLITE_OPEN_READONLY, self._vfs)
        with connection:  # one snapshot for the whole plan
            found = _run(connection, planner(*args))
        return found


def _run(connection: apsw.Connection, plan: Plan[T]) -> T:
    rows: Any = None
    try:
        while True:
            statement = plan.send(rows)
            assert isinstance(statement, Rows), f"a plan that only reads asked for {statement}"
            rows = connection.execute(statement.sql, tuple(statement.args)).fetchall()
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
