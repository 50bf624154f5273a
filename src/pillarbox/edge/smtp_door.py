"""The SMTP door: its listeners, and the limits that all connections of a door share.

Touches sockets. Built by app.py; each connection is a Submission of smtp.py.
When a door is closed, messages in hand are finished and answered first. The
return path has a Door of its own (return_path.py).
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from pillarbox.edge.smtp import Submission
from pillarbox.edge.smtp_dialogue import Dialogue
from pillarbox.edge.smtp_login import Logins
from pillarbox.kit import metrics
from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft

_HANDSHAKE_SECONDS = 10
_STOPPING_SECONDS = 10

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


class Held:
    """The bytes of one message, as far as they are kept."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        self.kept_bytes = 0
        self.seen_bytes = 0

    @property
    def is_too_long(self) -> bool:
        return self.seen_bytes > V2_SIZE_LIMIT

    def take(self, count: int) -> bool:
        """Say whether `count` bytes more may be kept."""
        self.seen_bytes += count
        if self.is_too_long or not self._door.keeps(count):
            return False
        self.kept_bytes += count
        return True


class Door:
    """What the connections of a listener share. Holds no more of them, and of their bytes, than `limits` allow."""

    kind: str  # as metrics call it

    def __init__(self, tls: ssl.SSLContext, *, name: str, limits: Limits) -> None:
        """`name` is the host that greets."""
        self._kept_bytes = 0
        self._connections: set[Dialogue] = set()
        self.tls = tls
        self.name = name
        self.limits = limits

    def refuses(self, _dialogue: Dialogue) -> bool:
        """Say whether a connection that has just begun is one too many."""
        return len(self._connections) > self.limits.connections

    def greeting(self) -> str:
        return f"220 {self.name} ESMTP"

    def entered(self, dialogue: Dialogue) -> None:
        self._connections.add(dialogue)
        CONNECTIONS.labels(self.kind).set(len(self._connections))

    def left(self, dialogue: Dialogue) -> None:
        self._connections.discard(dialogue)
        CONNECTIONS.labels(self.kind).set(len(self._connections))

    @contextmanager
    def hold(self) -> Iterator[Held]:
        """Count the bytes of a message until the block is left."""
        held = Held(self)
        try:
            yield held
        finally:
            self._kept_bytes -= held.kept_bytes
            MESSAGES.labels(self.kind).set(self._kept_bytes)

    def keeps(self, count: int) -> bool:
        """Count bytes of a message, or refuse them when all messages together are too many."""
        if self._kept_bytes + count > self.limits.in_flight_bytes:
            return False
        self._kept_bytes += count
        MESSAGES.labels(self.kind).set(self._kept_bytes)
        return True

    @asynccontextmanager
    async def _until_left(self, servers: Sequence[asyncio.Server]) -> AsyncIterator[None]:
        """Serve until the block is left; then finish and answer what is in hand."""
        try:
            yield
        finally:
            for server in servers:
                server.close()
            await self._empty()

    async def _empty(self) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _STOPPING_SECONDS
        while self._connections and loop.time() < ends_at:
            for dialogue in list(self._connections):
                dialogue.hang_up()
            await asyncio.sleep(0.01)
        for dialogue in list(self._connections):
            dialogue.abort()


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

    async def send(self, draft: Draft) -> str:
        """Send a draft to its end even when its client hangs up meanwhile."""
        return await asyncio.shield(self._sender.send(draft, self._clock.now()))

    async def most_recipients(self, scope: Scope) -> int:
        """Return how many recipients a message of this account may have."""
        return await self._sender.most_recipients(scope)

    @asynccontextmanager
    async def serving(self, starttls: socket.socket | None, implicit_tls: socket.socket | None) -> AsyncIterator[None]:
        """Serve until the block is left: one listener for STARTTLS, one for TLS from the first byte."""
        loop = asyncio.get_running_loop()
        servers = []
        if starttls:
            servers.append(await loop.create_server(partial(Submission, self, implicit_tls=False), sock=starttls))
        if implicit_tls:
            protocol = partial(Submission, self, implicit_tls=True)
            servers.append(
                await loop.create_server(
                    protocol, sock=implicit_tls, ssl=self.tls, ssl_handshake_timeout=_HANDSHAKE_SECONDS
                )
            )
        async with self._until_left(servers):
            yield
