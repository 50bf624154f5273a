"""Conversations that are kept for the next message to the same next hop.

Touches the network through smtp_connection.py. Called by smtp.py and mx.py.
There are never more than the operator allows; one that waits for long, or has
carried many messages, is ended with QUIT.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.delivery.transport.smtp_connection import Connection


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How many connections there may be at a time, and when one of them is ended."""

    max_connections: int
    messages_per_connection: int
    idle_seconds: float


class _Idle(NamedTuple):
    kind: Hashable
    timer: asyncio.TimerHandle


class Pool:
    """Lends connections, one borrower at a time; whoever finds none free waits."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._room = asyncio.Semaphore(upkeep.max_connections)
        self._lent = 0
        self._wanted = 0
        self._idle: dict[Connection, _Idle] = {}
        self._parting: set[asyncio.Task[None]] = set()

    @property
    def is_unused(self) -> bool:
        """Whether nobody has a connection or waits for one, and none is open."""
        return not (self._wanted or self._idle or self._parting)

    @asynccontextmanager
    async def connection(
        self, kind: Hashable, opened: Callable[[], Awaitable[Connection]]
    ) -> AsyncIterator[Connection]:
        """Lend a connection that was opened for this kind, or open one; Broken when that fails.

        One whose borrower fails is never lent again.
        """
        self._wanted += 1
        try:
            await self._room.acquire()
        except BaseException:
            self._wanted -= 1
            raise
        self._lent += 1
        connection = None
        try:
            connection = self._take(kind) or await self._opened(opened)
            yield connection
        except BaseException:
            if connection is not None:
                connection.abort()
            self._leave_room()
            raise
        self._give_back(connection, kind)

    def forget_idle(self) -> None:
        """Close all that wait: one of them turned out to be dead, and they have waited as long as that one."""
        while self._idle:
            connection, idle = self._idle.popitem()
            idle.timer.cancel()
            connection.abort()

    async def close(self) -> None:
        """Say goodbye on every connection that is not lent."""
        for connection in list(self._idle):
            self._retire(connection)
        await asyncio.gather(*self._parting)

    def _take(self, kind: Hashable) -> Connection | None:
        """Return the one that was used last, so that those that are not needed grow old."""
        for connection, idle in reversed(list(self._idle.items())):
            if idle.kind == kind:
                del self._idle[connection]
                idle.timer.cancel()
                if connection.is_open:
                    return connection
        return None

    async def _opened(self, opened: Callable[[], Awaitable[Connection]]) -> Connection:
        """Open one more; those of other kinds that wait give way to it."""
        while self._idle and self._lent + len(self._idle) > self._upkeep.max_connections:
            await self._retire(next(iter(self._idle)))
        return await opened()

    def _give_back(self, connection: Connection, kind: Hashable) -> None:
        if connection.messages >= self._upkeep.messages_per_connection:
            self._part(connection).add_done_callback(lambda _: self._leave_room())
        else:
            timer = asyncio.get_running_loop().call_later(self._upkeep.idle_seconds, self._retire, connection)
            self._idle[connection] = _Idle(kind, timer)
            self._leave_room()

    def _leave_room(self) -> None:
        self._lent -= 1
        self._wanted -= 1
        self._room.release()

    def _retire(self, connection: Connection) -> "asyncio.Task[None]":
        self._idle.pop(connection).timer.cancel()
        return self._part(connection)

    def _part(self, connection: Connection) -> "asyncio.Task[None]":
        parting = asyncio.create_task(connection.part())
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)
        return parting


class Pools:
    """A pool for each of many next hops. When there are more than `many`, those that nobody uses are forgotten."""

    def __init__(self, upkeep: Upkeep, *, many: int = 1000) -> None:
        self._upkeep = upkeep
        self._many = many
        self._pools: dict[Hashable, Pool] = {}

    def to(self, hop: Hashable) -> Pool:
        if (pool := self._pools.get(hop)) is None:
            if len(self._pools) >= self._many:
                self._pools = {there: pool for there, pool in self._pools.items() if not pool.is_unused}
            pool = self._pools[hop] = Pool(self._upkeep)
        return pool

    async def close(self) -> None:
        """Say goodbye on every connection that is not lent."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
