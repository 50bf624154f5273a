"""What other processes touched, as PostgreSQL tells it: LISTEN on a connection of its own that comes back when lost.

Touches the network. Opened by store/postgres.py. The connection also says that
this process uses the database, so that who carries it elsewhere can wait until
nobody does.
https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncpg

from pillarbox.kit import log
from pillarbox.kit.errors import Unavailable

CHANNEL = "pillarbox"
_LOCK = 8025_0008  # not one of those that plans take
_CONNECT_SECONDS = 10.0
_LOOK_SECONDS, _ANSWER_SECONDS = 15.0, 10.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0
_LET_GO_TRIES, _LET_GO_SECONDS = 25, 0.2  # a backend notices late that its process was killed

_log = log.named("postgres")


class Hints:
    """Calls `heard` with each notice until closed, and `missed` when some may not have been told.

    `alone` lets nobody else open the database while this is open.
    """

    def __init__(self, url: str, heard: Callable[[str], None], missed: Callable[[], None], *, alone: bool) -> None:
        self._url = url
        self._heard = heard
        self._missed = missed
        self._alone = alone
        self._connection: Any = None
        self._lost = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, url: str, heard: Callable[[str], None], missed: Callable[[], None], *, alone: bool = False
    ) -> "Hints":
        """Connect; Unavailable when the database is taken by who wants it alone, or by others while we do."""
        hints = cls(url, heard, missed, alone=alone)
        await hints._connect()
        hints._keeping = asyncio.create_task(hints._keep())
        return hints

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        self._connection.terminate()

    async def _connect(self) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(self._url, timeout=_CONNECT_SECONDS, command_timeout=_ANSWER_SECONDS)
        try:
            await self._take_lock(connection)
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._told)
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._lost = connection, lost

    async def _take_lock(self, connection: Any) -> None:
        # https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS
        kind = "pg_try_advisory_lock" if self._alone else "pg_try_advisory_lock_shared"
        for _ in range(_LET_GO_TRIES):
            if await connection.fetchval(f"SELECT {kind}($1)", _LOCK):
                return
            await asyncio.sleep(_LET_GO_SECONDS)
        if self._alone:
            raise Unavailable("others use this database: stop every server on it first")
        raise Unavailable("this database is being exported, or filled by an import: wait until that has ended")

    async def _keep(self) -> None:
        while True:
            await self._until_lost()
            self._connection.terminate()
            _log.error("PostgreSQL went away, or does not answer")
            pause = _FIRST_PAUSE_SECONDS
            while not await self._is_back():
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            _log.warning("PostgreSQL is back")
            self._missed()

    async def _until_lost(self) -> None:
        """Wait until the connection ends, or is one that nothing comes through any more."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._lost.wait()
                return
            try:
                await self._connection.execute("SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return

    async def _is_back(self) -> bool:
        try:
            await self._connect()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable):
            return False
        return True

    def _told(self, _connection: Any, _process: int, _channel: str, notice: str) -> None:
        self._heard(notice)
