"""Conversations that are kept for the next message to the same next hop.

Touches the network through smtp_connection.py. Called by smtp_transaction.py.
There are never more than the operator allows; one that waits for long, or has
carried many messages, is ended with QUIT.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.delivery.transport.smtp_connection import Asked, Connection


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How many connections there may be at a time, and when one of them is ended."""

    max_connections: int
    messages_per_connection: int
    idle_seconds: float


class _Idle(NamedTuple):
    kind: Hashable
    timer: asyncio.TimerHandle


class _Waiting(NamedTuple):
    """A borrower in line. His turn brings a connection, or None for a place to find one himself."""

    kind: Hashable
    begin: Callable[[Connection], Asked | None]
    turn: "asyncio.Future[Connection | None]"


class Pool:
    """Lends connections, one borrower at a time; whoever finds none free waits in line."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._lent = 0
        self._line: deque[_Waiting] = deque()
        self._following: dict[Connection, _Waiting] = {}
        self._idle: dict[Connection, _Idle] = {}
        self._parting: set[asyncio.Task[None]] = set()

    @property
    def is_unused(self) -> bool:
        """Whether nobody has a connection or waits for one, and none is open."""
        return not (self._lent or self._idle or self._parting)

    async def lend(
        self, kind: Hashable, opened: Callable[[], Awaitable[Connection]], begin: Callable[[Connection], Asked | None]
    ) -> Connection:
        """Lend a connection that was opened for this kind, or open one; Broken when that fails.

        Whoever has to wait may be asked, by `begin`, what he will say first on a connection: then it is said already
        when he gets that one, which may have died meanwhile.
        """
        if self._lent < self._upkeep.max_connections:
            self._lent += 1
        elif (
            connection := await self._in_turn(_Waiting(kind, begin, asyncio.get_running_loop().create_future()))
        ) is not None:
            return connection
        try:
            return self._take(kind) or await self._opened(opened)
        except BaseException:
            self._leave_room()
            raise

    def following(self, connection: Connection, kind: Hashable) -> Asked | None:
        """Let the next in line begin on a connection that is still lent, as its last message is about to end."""
        if connection.messages + 1 >= self._upkeep.messages_per_connection or connection in self._following:
            return None
        waiting = self._next()
        if waiting is None or waiting.kind != kind or (asked := waiting.begin(connection)) is None:
            return None
        self._following[connection] = self._line.popleft()
        return asked

    def take_back(self, connection: Connection, kind: Hashable) -> None:
        """Take a connection back. One that is not good for another message has been aborted by its borrower."""
        waiting = self._following.pop(connection, None)
        if waiting is not None and not waiting.turn.done():
            waiting.turn.set_result(connection)
            return
        if waiting is not None:  # he began, and went away
            connection.abort()
        if connection.is_open and connection.messages >= self._upkeep.messages_per_connection:
            self._part(connection).add_done_callback(lambda _: self._leave_room())
            return
        if connection.is_open:
            if (following := self._next()) is not None and following.kind == kind:
                self._line.popleft().turn.set_result(connection)
                return
            timer = asyncio.get_running_loop().call_later(self._upkeep.idle_seconds, self._retire, connection)
            self._idle[connection] = _Idle(kind, timer)
        self._leave_room()

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

    async def _in_turn(self, waiting: _Waiting) -> Connection | None:
        self._line.append(waiting)
        try:
            return await waiting.turn
        except BaseException:
            if waiting.turn.cancelled():  # else it came as he went away
                raise
            if (connection := waiting.turn.result()) is None:
                self._leave_room()
            else:
                connection.abort()
                self.take_back(connection, waiting.kind)
            raise

    def _next(self) -> _Waiting | None:
        """Return who is first in line; those who went away are not."""
        while self._line and self._line[0].turn.done():
            self._line.popleft()
        return self._line[0] if self._line else None

    def _take(self, kind: Hashable) -> Connection | None:
        """Return the one that was used last, so that those that are not needed grow old."""
        for connection, idle in reversed(self._idle.items()):
            if idle.kind == kind:
                del self._idle[connection]
                idle.timer.cancel()
                return connection if connection.is_open else self._take(kind)
        return None

    async def _opened(self, opened: Callable[[], Awaitable[Connection]]) -> Connection:
        """Open one more; those of other kinds that wait give way to it."""
        while self._idle and self._lent + len(self._idle) > self._upkeep.max_connections:
            await self._retire(next(iter(self._idle)))
        return await opened()

    def _leave_room(self) -> None:
        if (waiting := self._next()) is not None:
            self._line.popleft()
            waiting.turn.set_result(None)
        else:
            self._lent -= 1

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
