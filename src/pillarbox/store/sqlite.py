"""The embedded store: SQLite through apsw, written by one thread.

Touches the data folder, which one process at a time may hold. Requests that
wait at the same time share one transaction (group commit), each under its own
savepoint; the answer is given back after the commit is on disk. Readers work
on snapshots of the write-ahead log and wait for nobody.
"""

import asyncio
import fcntl
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw

from pillarbox.kit.errors import Unavailable
from pillarbox.store import account_times
from pillarbox.store.bodies import Disk, Segments
from pillarbox.store.migrate import HALF_FILLED, IMPORTING, migrate_sqlite
from pillarbox.store.plan import Drop, Keep, Many, Plan, Rows, Touch
from pillarbox.store.reading import BODIES, DATABASE, Reading, connect
from pillarbox.store.sqlite_failures import why_not_opened

T = TypeVar("T")
Item = TypeVar("Item")

_MOST_IN_A_GROUP = 512
_FEW = 8
_GATHER_SECONDS = 0.0015
# Few sizes, so that the prepared statements stay in the cache (which takes them up to 16 KB).
_ROWS_AT_ONCE = (128, 32, 8, 2)
_INSERTION = re.compile(r"(?P<before>INSERT INTO [^?]* VALUES )(?P<row>\((?:\?, )*\?\))(?P<after>[^?]*)")


class Answer(Protocol):
    """Takes what became of a plan, on the loop: an asyncio.Future, or what stands for one."""

    def cancelled(self) -> bool: ...
    def set_result(self, result: Any, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...


@dataclass(slots=True)
class _Asked:
    """One waiting write: a plan of its own, or an item for a plan that takes many."""

    planner: Callable[..., Plan[Any]]
    args: tuple[Any, ...]
    shared: bool
    answer: Answer
    result: Any = None
    error: BaseException | None = None


class SqliteStore:
    """See store/engine.py for the promise."""

    def __init__(
        self, folder: Path, *, vfs: str | None, disk: Disk | None, synchronous: bool, moving: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.get_running_loop()
        self._segments = Segments(folder / BODIES, disk, synchronous=synchronous)
        self._synchronous = synchronous
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._touched: set[str] = set()
        self._reading = Reading(folder, self._segments, vfs)
        self._writer = threading.Thread(target=self._write_until_closed, name="store-writer", daemon=True)
        self._lock_handle = _lock(folder)
        try:
            self._database = self._open_for_writing(folder, vfs)
            migrate_sqlite(self._database)
            if not moving and self._database.table_exists("main", IMPORTING):
                raise Unavailable(HALF_FILLED)
        except BaseException as error:
            _let_go(self._lock_handle)
            if why := why_not_opened(error, folder / DATABASE):
                raise Unavailable(why) from error
            raise
        self._writer.start()

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        vfs: str | None = None,
        disk: Disk | None = None,
        synchronous: bool = True,
        moving: bool = False,
    ) -> "SqliteStore":
        """Open (or create) the store in `folder`; Unavailable when another process holds it.

        `vfs`, `disk` and `synchronous` are for the durability tests; `moving` opens what is half filled too.
        """
        return cls(folder, vfs=vfs, disk=disk, synchronous=synchronous, moving=moving)

    async def write(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._asked(planner, args, shared=False)  # type: ignore[no-any-return]

    async def commit(self, planner: Callable[[Sequence[Item]], Plan[list[T]]], item: Item) -> T:
        return await self._asked(planner, (item,), shared=True)  # type: ignore[no-any-return]

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._reading.read(planner, *args)

    async def body(self, reference: str) -> bytes:
        return await self._reading.body(reference)

    @property
    def is_ours_alone(self) -> bool:
        return True  # by the lock of the folder

    async def bodies(self, references: Sequence[str]) -> dict[str, bytes]:
        return await self._reading.bodies(references)

    def listen(self, topic: str, wake: Callable[[], None]) -> None:
        self._listeners.setdefault(topic, []).append(wake)

    async def close(self) -> None:
        self._waiting.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        self._reading.close()
        self._segments.close()
        self._database.close()
        _let_go(self._lock_handle)

    def ask(self, planner: Callable[..., Plan[Any]], args: tuple[Any, ...], answer: Answer, *, shared: bool) -> None:
        """Queue a plan for the writer and return at once; `shared` makes its one argument an item among others."""
        if self._writer.is_alive():
            self._waiting.put(_Asked(planner, args, shared, answer))
        else:
            answer.set_exception(Unavailable("the store is closed"))

    def _asked(
        self, planner: Callable[..., Plan[Any]], args: tuple[Any, ...], *, shared: bool
    ) -> "asyncio.Future[Any]":
        answer = self._loop.create_future()
        self.ask(planner, args, answer, shared=shared)
        return answer

    # Below: the writer thread, and it alone touches `_database` after the start.

    def _write_until_closed(self) -> None:
        while (asked := self._waiting.get()) is not None:
            self._let_gather()
            group = [asked]
            closing = False
            while len(group) < _MOST_IN_A_GROUP:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    closing = True
                    break
                group.append(following)
            self._write_group(group)
            if closing:
                return

    def _let_gather(self) -> None:
        """Under load, let those come along who are on their way: a larger group costs hardly more than a small one."""
        if self._waiting.qsize() > _FEW:
            time.sleep(_GATHER_SECONDS)

    def _write_group(self, group: list[_Asked]) -> None:
        self._touched = set()
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._run_group(group)
            self._segments.sync()
            self._database.execute("COMMIT")
        except (apsw.Error, OSError) as error:
            self._undo("ROLLBACK")
            for asked in group:
                asked.error = Unavailable(f"the store could not write: {error}")
            self._touched = set()
        self._loop.call_soon_threadsafe(self._answer, group, self._touched)

    def _run_group(self, group: list[_Asked]) -> None:
        shared: dict[Callable[..., Plan[Any]], list[_Asked]] = {}
        for asked in group:
            if asked.shared:
                shared.setdefault(asked.planner, []).append(asked)
            else:
                self._run_alone(asked, has_neighbours=len(group) > 1)
        for planner, together in shared.items():
            plan = planner([asked.args[0] for asked in together])
            try:
                results = self._kept_apart(plan, has_neighbours=len(together) < len(group))
            except (apsw.IOError, apsw.FullError, OSError):
                raise
            except Exception:  # one of them is at fault: each on its own, so that neighbours are kept
                for asked in together:
                    self._run_alone(asked, has_neighbours=True)
                continue
            for asked, result in zip(together, results, strict=True):
                asked.result = result

    def _run_alone(self, asked: _Asked, *, has_neighbours: bool) -> None:
        args = ([asked.args[0]],) if asked.shared else asked.args
        try:
            result = self._kept_apart(asked.planner(*args), has_neighbours=has_neighbours)
        except (apsw.IOError, apsw.FullError, OSError):
            raise
        except Exception as error:
            asked.error = error
        else:
            asked.result = result[0] if asked.shared else result

    def _kept_apart(self, plan: Plan[T], *, has_neighbours: bool) -> T:
        """Run a plan so that nothing of it is left when it raises, and its neighbours in the transaction are."""
        if has_neighbours:
            return self._guarded(plan)
        try:
            return self._run(self._database, plan)
        except BaseException:
            self._undo("ROLLBACK")
            self._database.execute("BEGIN IMMEDIATE")
            self._touched = set()
            raise

    def _guarded(self, plan: Plan[T]) -> T:
        self._database.execute("SAVEPOINT one")
        touched_before = set(self._touched)
        try:
            result = self._run(self._database, plan)
        except BaseException:
            self._undo("ROLLBACK TO one")
            self._undo("RELEASE one")
            self._touched = touched_before
            raise
        self._database.execute("RELEASE one")
        return result

    def _undo(self, statement: str) -> None:
        # After a full disk or an I/O error SQLite may have rolled back on its own.
        if self._database.in_transaction:
            self._database.execute(statement)

    def _run(self, connection: apsw.Connection, plan: Plan[T]) -> T:
        answer: Any = None
        try:
            while True:
                statement = plan.send(answer)
                answer = None
                if isinstance(statement, Rows):
                    answer = connection.execute(statement.sql, tuple(statement.args)).fetchall()
                elif isinstance(statement, Many):
                    _execute_many(connection, statement.sql, statement.each)
                elif isinstance(statement, Keep):
                    answer = self._keep(connection, statement)
                elif isinstance(statement, Drop):
                    answer = self._drop(connection, statement)
                elif isinstance(statement, Touch):
                    self._touched.add(statement.topic)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def _keep(self, connection: apsw.Connection, keep: Keep) -> list[str]:
        apart = self._run(connection, account_times.accounts())
        new = [(body, account if account in apart else "") for body, account in keep.new()]
        return keep.references(self._segments.append(new, keep.at) if new else [])

    def _drop(self, connection: apsw.Connection, drop: Drop) -> int:
        apart = self._run(connection, account_times.accounts())
        # What an account had put apart goes with that of others when it has no days of its own any more.
        return self._segments.drop(
            drop.before, drop.most, lambda whose: whose == drop.account if drop.account else whose not in apart
        )

    def _answer(self, group: list[_Asked], touched: set[str]) -> None:
        for asked in group:
            if asked.answer.cancelled():
                continue
            if asked.error is not None:
                asked.answer.set_exception(asked.error)
            else:
                asked.answer.set_result(asked.result)
        for topic in touched:
            for wake in self._listeners.get(topic, ()):
                wake()

    def _open_for_writing(self, folder: Path, vfs: str | None) -> apsw.Connection:
        connection = connect(folder, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, vfs)
        connection.pragma("journal_mode", "WAL")
        # https://www.sqlite.org/pragma.html#pragma_synchronous FULL syncs the log at each commit.
        connection.pragma("synchronous", "FULL" if self._synchronous else "OFF")
        return connection


def _execute_many(connection: apsw.Connection, sql: str, each: Sequence[Sequence[Any]]) -> None:
    """Run a statement for each tuple of arguments; insertions of several rows run as one statement.

    SQLite is left and entered again between two statements, and each time this
    thread may have to wait for its turn behind the event loop.
    """
    at = 0
    if found := _INSERTION.fullmatch(sql):
        for count in _ROWS_AT_ONCE:
            while len(each) - at >= count:
                rows = ", ".join([found["row"]] * count)
                values = tuple(chain.from_iterable(each[at : at + count]))
                connection.execute(f"{found['before']}{rows}{found['after']}", values)
                at += count
    if at < len(each):
        connection.executemany(sql, each[at:])


def _lock(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Unavailable(
            f"another pillarbox process works on {folder}: stop it first, or name another folder with --data"
        ) from None
    return handle


def _let_go(handle: int) -> None:
    # Closing is not enough: a child process that has not reached its program yet may have the handle as well.
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
