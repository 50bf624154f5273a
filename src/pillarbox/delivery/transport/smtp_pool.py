"""Conversations with the smarthost that are kept for the next message.

Touches the network through smtp_connection.py. Called by smtp.py. There are
never more than the operator allows; one that waits for long, or has carried
many messages, is ended with QUIT.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pillarbox.delivery.transport.smtp_connection import Connection, Smarthost


class Pool:
    """Lends connections, one borrower at a time; whoever finds none free waits."""

    def __init__(self, smarthost: Smarthost, tls: ssl.SSLContext) -> None:
        self._smarthost = smarthost
        self._tls = tls
        self._room = asyncio.Semaphore(smarthost.max_connections)
        self._idle: dict[Connection, asyncio.TimerHandle] = {}
        self._parting: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection. One whose borrower fails is never lent again; Broken when none can be opened."""
        await self._room.acquire()
        connection = None
        try:
            connection = self._take() or await Connection.opened(self._smarthost, self._tls)
            yield connection
        except BaseException:
            if connection is not None:
                connection.abort()
            self._room.release()
            raise
        self._give_back(connection)

    def forget_idle(self) -> None:
        """Close all that wait: one of them turned out to be dead, and they have waited as long as that one."""
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            connection.abort()

    async def close(self) -> None:
        """Say goodbye on every connection that is not lent."""
        for connection in list(self._idle):
            self._retire(connection)
        await asyncio.gather(*self._parting)

    def _take(self) -> Connection | None:
        """Return the one that was used last, so that those that are not needed grow old."""
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.is_open:
                return connection
        return None

    def _give_back(self, connection: Connection) -> None:
        if connection.messages >= self._smarthost.messages_per_connection:
            self._part(connection).add_done_callback(lambda _: self._room.release())
        else:
            loop = asyncio.get_running_loop()
            self._idle[connection] = loop.call_later(self._smarthost.idle_seconds, self._retire, connection)
            self._room.release()

    def _retire(self, connection: Connection) -> None:
        self._idle.pop(connection).cancel()
        self._part(connection)

    def _part(self, connection: Connection) -> "asyncio.Task[None]":
        parting = asyncio.create_task(connection.part())
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)
        return parting
