"""The SMTP door: its listeners, and the limits that all connections of a door share.

Touches sockets. Built by app/; each connection is a Channel of
smtp_channel.py, and what is said in it a Submission of smtp.py. When a door is
closed, messages in hand are finished and answered first. The return path has a
Door of its own (return_path.py).
"""

import asyncio
import contextlib
import os
import socket
import ssl
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.smtp import Submission
from pillarbox.edge.smtp_channel import HANDSHAKE_SECONDS, Channel
from pillarbox.edge.smtp_dialogue import Dialogue, Leave
from pillarbox.edge.smtp_login import Logins
from pillarbox.kit import metrics
from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft

_STOPPING_SECONDS = 10
# When most connections are taken, who says nothing makes room for others: no program needs as long between commands.
_CROWDED = 0.75
_CROWDED_SECONDS = 10.0

CONNECTIONS = metrics.gauge(
    "smtp_connections", labels=("door",), doc="SMTP clients that are connected now, by door: submission, return-path."
)
MESSAGES = metrics.gauge(
    "smtp_messages_in_flight_bytes", labels=("door",), doc="Bytes of SMTP messages held in memory now, by door."
)


class Sends(Protocol):
    """Takes a draft: its MessageId is the promise that it is on disk; what stands against it is raised."""

    async def send(self, draft: Draft, now: Millis) -> str: ...

    async def most_recipients(self, scope: Scope) -> int: ...


@dataclass(slots=True, frozen=True)
class Limits:
    """What clients may use of this server."""

    connections: int
    idle_seconds: float
    in_flight_bytes: int

    def patience_seconds(self, connections: int) -> float:
        """Return how long a client may say nothing while there are so many."""
        is_crowded = connections > _CROWDED * self.connections
        return min(self.idle_seconds, _CROWDED_SECONDS) if is_crowded else self.idle_seconds


class Held:
    """The bytes of one message, as far as they are kept."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._kept_bytes = 0
        self._seen_bytes = 0
        self.is_kept = True

    @property
    def is_too_long(self) -> bool:
        return self._seen_bytes > V2_SIZE_LIMIT

    def take(self, count: int) -> bool:
        """Say whether `count` bytes more are kept; after the first that are not, nothing is.

        A message that is too long is read on, since its sender listens only at its end; but not for ever.
        """
        self._seen_bytes += count
        if self._seen_bytes > 2 * V2_SIZE_LIMIT:
            raise Leave(replies.TOO_LONG)
        if self.is_kept and not self.is_too_long and self._door.keeps(count):
            self._kept_bytes += count
        else:
            self.is_kept = False
            self.release()
        return self.is_kept

    def release(self) -> None:
        """Count them no longer."""
        if self._kept_bytes:
            self._door.lets_go(self._kept_bytes)
            self._kept_bytes = 0


class Door:
    """What the connections of a listener share. Holds no more of them, and of their bytes, than `limits` allow."""

    kind: str  # as metrics call it

    def __init__(self, tls: ssl.SSLContext, *, name: str, limits: Limits) -> None:
        """`name` is the host that greets."""
        self._kept_bytes = 0
        self._channels: set[Channel] = set()
        self._connected = CONNECTIONS.labels(self.kind)
        self._in_flight = MESSAGES.labels(self.kind)
        self.tls = tls
        self.name = name
        self.limits = limits

    @abstractmethod
    def dialogue(self, peer: str, *, encrypted: bool) -> Dialogue:
        """Begin to speak with a client that has just come."""

    def refuses(self, _channel: Channel) -> bool:
        """Say whether a connection that has just begun is one too many."""
        return len(self._channels) > self.limits.connections

    def greeting(self) -> str:
        return f"220 {self.name} ESMTP"

    def entered(self, channel: Channel) -> None:
        self._channels.add(channel)
        self._connected.set(len(self._channels))

    def left(self, channel: Channel) -> None:
        self._channels.discard(channel)
        self._connected.set(len(self._channels))

    def hold(self) -> Held:
        """Begin to count the bytes of a message."""
        return Held(self)

    def keeps(self, count: int) -> bool:
        """Count bytes of a message, or refuse them when all messages together are too many."""
        if self._kept_bytes + count > self.limits.in_flight_bytes:
            return False
        self.lets_go(-count)
        return True

    def lets_go(self, count: int) -> None:
        """Count bytes of a message no longer."""
        self._kept_bytes -= count
        self._in_flight.set(self._kept_bytes)

    @asynccontextmanager
    async def _open(self, *listeners: tuple[socket.socket | None, bool]) -> AsyncIterator[None]:
        """Serve until the block is left; then finish and answer what is in hand.

        With each listener it is said whether TLS begins with the first byte; where there is none nobody comes.
        """
        servers = [await self._listen(listener, encrypted) for listener, encrypted in listeners if listener]
        watching = asyncio.create_task(self._let_the_silent_go())
        try:
            yield
        finally:
            for server in servers:
                server.close()
            await self._empty()
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _listen(self, listener: socket.socket, encrypted: bool) -> asyncio.Server:
        channel = partial(Channel, self, encrypted=encrypted)
        tls: dict[str, Any] = {"ssl": self.tls, "ssl_handshake_timeout": HANDSHAKE_SECONDS} if encrypted else {}
        return await asyncio.get_running_loop().create_server(channel, sock=listener, **tls)

    async def _let_the_silent_go(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.limits.idle_seconds / 4))
            patience_seconds = self.limits.patience_seconds(len(self._channels))
            for channel in list(self._channels):
                channel.let_go_if_silent(patience_seconds)

    async def _empty(self) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _STOPPING_SECONDS
        while self._channels and loop.time() < ends_at:
            for channel in list(self._channels):
                channel.hang_up()
            await asyncio.sleep(0.01)
        for channel in list(self._channels):
            channel.abort()


class SmtpDoor(Door):
    """Takes mail from those who log in."""

    kind = "submission"

    def __init__(
        self,
        sender: Sends,
        logins: Logins,
        clock: Clock,
        tls: ssl.SSLContext,
        *,
        name: str,
        limits: Limits,
        takes_plaintext: bool,
    ) -> None:
        """With `takes_plaintext` clients may log in without TLS."""
        super().__init__(tls, name=name, limits=limits)
        self._sender = sender
        self._clock = clock
        self.logins = logins
        self.takes_plaintext = takes_plaintext

    def greeting(self) -> str:
        return f"220 {self.name} ESMTP SimpleEmailService-d-{os.urandom(5).hex().upper()} {os.urandom(10).hex()}"

    def dialogue(self, peer: str, *, encrypted: bool) -> Submission:
        return Submission(self, peer, encrypted=encrypted)

    async def send(self, draft: Draft) -> str:
        return await self._sender.send(draft, self._clock.now())

    async def most_recipients(self, scope: Scope) -> int:
        """Return how many recipients a message of this account may have."""
        return await self._sender.most_recipients(scope)

    @asynccontextmanager
    async def serving(self, starttls: socket.socket | None, implicit_tls: socket.socket | None) -> AsyncIterator[None]:
        """Serve until the block is left: one listener for STARTTLS, one for TLS from the first byte."""
        async with self._open((starttls, False), (implicit_tls, True)):
            yield
