"""The bytes of an SMTP conversation: lines out, replies in, TLS beneath them when it is asked for.

Touches the network, through the socket that it is given. Used by
smtp_connection.py, which knows what is to be said. Every reply belongs to
something that was written: what comes unasked ends the conversation.
"""

import asyncio
import ssl
from typing import cast

from pillarbox.delivery.transport.smtp_replies import NotSmtp, Reply, ReplyReader

_LOOK_SECONDS = 0.05


class Lost(ConnectionError):
    """The far side has closed the connection, or it broke."""

    def __init__(self) -> None:
        super().__init__("the connection was lost")


class Unasked(ConnectionError):
    """Something came that answers nothing; whether what follows does cannot be known."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"an answer that was not asked for ended the connection: {reply.text}")


class Stream(asyncio.Protocol):
    """Hands replies out in the order in which they were asked for.

    Raises Lost, Unasked, NotSmtp and TimeoutError; after any of them no other reply can be relied on.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._asked = 1  # the greeting comes by itself
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._fault is None and self._transport is not None and not self._transport.is_closing()

    @property
    def is_encrypted(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is not None

    @property
    def transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise Lost
        return self._transport

    @property
    def unsent(self) -> int:
        """How many bytes the system has not taken yet."""
        return self.transport.get_write_buffer_size()

    @property
    def has_more(self) -> bool:
        """Whether something came that was not asked for by what has been answered."""
        return self._reader.has_more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._fault is not None:
            return
        try:
            self._reader.feed(data)
        except NotSmtp as error:
            self._end(error)
        replies = self._reader.replies
        while len(replies) > self._asked:
            # Such as 421 from a server that ends a conversation in which nobody speaks:
            # https://www.rfc-editor.org/rfc/rfc5321#section-3.8
            self._end(Unasked(replies.pop()))
        self._wake()

    def eof_received(self) -> None:
        self._end(Lost())

    def connection_lost(self, _: Exception | None) -> None:
        self._end(Lost())

    def write(self, data: bytes, replies: int) -> None:
        """Send what so many replies answer."""
        if not self.is_open:
            raise self._fault or Lost()
        self._asked += replies
        self.transport.write(data)

    async def reply(self, within_seconds: float) -> Reply:
        """Wait for the next reply; those that came before the end of the conversation are handed out all the same."""
        replies = self._reader.replies
        if not replies:
            await self._come(within_seconds)
        self._asked -= 1
        return replies.popleft()

    async def hand_over(self, within_seconds: float) -> None:
        """Wait until the system has taken all bytes, or a reply has come before that.

        The time is for each part that moves, not for all: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.5
        """
        left, moved_at = self.unsent, self._loop.time()
        while left and not self._reader.replies and self._fault is None:
            await asyncio.sleep(_LOOK_SECONDS)
            if (still := self.unsent) != left:
                left, moved_at = still, self._loop.time()
            elif self._loop.time() - moved_at > within_seconds:
                raise TimeoutError

    async def secure(self, context: ssl.SSLContext, host: str, within_seconds: float) -> None:
        """Begin TLS. Nothing that came in the clear may be waiting: who asks has looked at `has_more`."""
        if not self.is_open:
            raise self._fault or Lost()
        async with asyncio.timeout(within_seconds):
            secured = await self._loop.start_tls(
                self.transport, self, context, server_hostname=host, ssl_handshake_timeout=within_seconds * 2
            )
        if secured is None:
            raise Lost
        self._transport = secured

    def abort(self) -> None:
        """Close at once, whatever was still to be sent."""
        self._end(Lost())

    async def _come(self, within_seconds: float) -> None:
        until = self._loop.time() + within_seconds
        while not self._reader.replies:
            if self._fault is not None:
                raise self._fault
            waiter = self._waiter = self._loop.create_future()
            timer = self._loop.call_at(until, _expire, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None

    def _end(self, fault: Exception) -> None:
        if self._fault is None:
            self._fault = fault
            if self._transport is not None:  # TLS from the first byte may not have come about
                self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _expire(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
