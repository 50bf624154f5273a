"""One SMTP connection, within limits: what submission and the return path have in common.

Over aiosmtpd's connection and STARTTLS. Who may send what to whom is for
smtp.py (submission) and return_path.py to say; the limits that all connections
of a listener share are those of its Door (smtp_door.py).
https://www.rfc-editor.org/rfc/rfc5321
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, TLSSetupException

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.smtp_commands import BadParameter, Malformed, Path
from pillarbox.edge.smtp_lines import BareNewline, Gone, Inlet, LineTooLong
from pillarbox.kit import log
from pillarbox.sending.draft import V2_SIZE_LIMIT

if TYPE_CHECKING:
    from pillarbox.edge.smtp_door import Door, Held


class Leave(Exception):
    """The connection is to be closed, after this reply."""


@dataclass(slots=True)
class Told:
    """What was said since the connection, or its TLS, began."""

    greeted: bool = False
    return_path: Path | None = None
    recipients: list[str] = field(default_factory=list)

    def forget_message(self) -> None:
        self.return_path = None
        self.recipients = []


class Dialogue(SMTP):
    """One connection. Nothing that it meets leaves it as an exception."""

    offers: tuple[str, ...] = ()  # lines of EHLO beside those that all give
    line_length_limit = 64 * 1024  # of the reader below us; commands and messages have limits of their own

    def __init__(self, door: "Door", *, implicit_tls: bool) -> None:
        super().__init__(
            None,
            hostname=door.name,
            tls_context=None if implicit_tls else door.tls,
            timeout=door.limits.idle_seconds,
            loop=asyncio.get_running_loop(),
        )
        self._door = door
        self._encrypted = implicit_tls
        self._told = Told()
        self._inlet = Inlet(self._read)
        self._is_sending = False
        self._is_leaving = False
        self._is_shaking_hands = False
        self._log = log.named("smtp")
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "HELO": self._helo,
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "QUIT": self._quit,
            "VRFY": self._decline,
            "EXPN": self._decline,
            "HELP": self._decline,
        }

    def hang_up(self) -> None:
        """Close the connection, unless its client waits for what becomes of a message."""
        if self._is_shaking_hands and self._handler_coroutine:
            self._handler_coroutine.cancel()
        elif not self._is_sending:
            self._say_last(replies.CLOSING)

    def abort(self) -> None:
        """Drop the connection now, said or not."""
        transport: Any = self._original_transport or self.transport
        if transport is not None:
            transport.abort()

    # What aiosmtpd calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door.entered(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._door.left(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if not self._is_leaving:
            self._reset_timeout()
        super().data_received(data)

    def eof_received(self) -> bool:
        """Let a client that has said everything still hear the answers."""
        self._reader.feed_eof()
        return not self._encrypted

    def _timeout_cb(self) -> None:
        if self._is_leaving:
            self.abort()
        elif self._is_sending or self._is_shaking_hands:
            self._reset_timeout()
        else:
            self._say_last(replies.TIMED_OUT)

    async def _handle_client(self) -> None:
        try:
            if self._door.refuses(self):
                raise Leave(replies.TOO_MANY_CONNECTIONS)
            await self.push(self._door.greeting())
            while True:
                await self._answer()
        except Leave as last:
            self._say_last(str(last))
        except (Gone, ConnectionError):
            self._close()
        except (TLSSetupException, TimeoutError):
            self.abort()
            self.connection_lost(None)  # nobody else says so when TLS never began
        except asyncio.CancelledError:
            self.abort()
            self._door.left(self)
            raise
        except Exception:
            self._log.exception("connection failed")
            self._say_last(replies.NOT_NOW)

    # The dialogue.

    async def _read(self, count: int) -> bytes:
        return await self._reader.read(count)

    async def _answer(self) -> None:
        try:
            line = await self._inlet.line()
        except LineTooLong:
            await self.push(replies.LINE_TOO_LONG)
            return
        except BareNewline:
            raise Leave(replies.BARE_NEWLINE) from None
        word, _, argument = line.decode("latin-1").partition(" ")
        command = self._commands.get(word.upper())
        if command is None:
            await self.push(replies.UNKNOWN_COMMAND)
            return
        try:
            await command(argument.strip())
        except Malformed:
            await self.push(replies.BAD_ARGUMENT)
        except BadParameter:
            await self.push(replies.BAD_PARAMETER)

    async def _helo(self, argument: str) -> None:
        await self._greet(argument, (f"250 {self._door.name}",))

    async def _ehlo(self, argument: str) -> None:
        starttls = ("250-STARTTLS",) if self.tls_context else ()
        size = f"250-SIZE {V2_SIZE_LIMIT}"
        name = f"250-{self._door.name}"
        await self._greet(argument, (name, "250-8BITMIME", size, *starttls, *self.offers, replies.OK))

    async def _greet(self, argument: str, lines: tuple[str, ...]) -> None:
        if not argument:
            raise Malformed
        self._told.greeted = True
        self._told.forget_message()
        await self.push("\r\n".join(lines))

    async def _starttls(self, argument: str) -> None:
        if argument:
            raise Malformed
        if self._encrypted or not self.tls_context:
            await self.push(replies.TLS_ALREADY)
            return
        # What came in the clear is not part of what is said under TLS.
        # https://www.rfc-editor.org/rfc/rfc3207#section-4.2
        self._inlet.discard()
        self._is_shaking_hands = True
        async with asyncio.timeout(self._door.limits.idle_seconds):
            await self.smtp_STARTTLS("")
        self._is_shaking_hands = False
        self._encrypted = True
        self._forget_client()

    def _forget_client(self) -> None:
        """Begin again, as a change to TLS demands: what was said in the clear counts for nothing."""
        self._told = Told()

    @abstractmethod
    async def _may_send(self) -> bool:
        """Say what is missing before a message can begin, or return True."""

    @abstractmethod
    async def _mail(self, argument: str) -> None:
        """Take the envelope sender, or say why not."""

    @abstractmethod
    async def _rcpt(self, argument: str) -> None:
        """Take one recipient, or say why not."""

    @abstractmethod
    async def _send(self, message: bytes) -> str:
        """Return the reply for a whole message: only 250 promises anything."""

    async def _data(self, argument: str) -> None:
        if not await self._may_send():
            return
        if argument:
            raise Malformed
        if not self._told.return_path:
            await self.push(replies.MAIL_FIRST)
            return
        if not self._told.recipients:
            await self.push(replies.RECIPIENT_FIRST)
            return
        await self.push(replies.SEND_DATA)
        with self._door.hold() as held:
            message = await self._inlet.message(partial(_take, held))
            if message is None:
                reply = replies.TOO_LONG if held.is_too_long else replies.NOT_NOW
            else:
                reply = await self._send(message)
        self._told.forget_message()
        await self.push(reply)

    async def _rset(self, _argument: str) -> None:
        self._told.forget_message()
        await self.push(replies.OK)

    async def _noop(self, _argument: str) -> None:
        await self.push(replies.OK)

    async def _quit(self, _argument: str) -> None:
        raise Leave(replies.BYE)

    async def _decline(self, _argument: str) -> None:
        await self.push(replies.NOT_IMPLEMENTED)

    # The connection.

    @property
    def peer(self) -> str:
        """The address of the client."""
        peer: Any = self.session.peer if self.session else None
        return str(peer[0]) if peer else ""

    def _say_last(self, reply: str) -> None:
        if self.transport is not None and not self._is_leaving:
            with contextlib.suppress(Exception):
                self._writer.write(reply.encode("ascii") + b"\r\n")
        self._close()

    def _close(self) -> None:
        """Close when what was said has left; the clock of an idle client ends that wait too."""
        transport: Any = self.transport or self._original_transport
        if transport is not None and not self._is_leaving:
            self._is_leaving = True
            self._reset_timeout()
            transport.close()


def _take(held: "Held", count: int) -> bool:
    """Read on behind a message that is too long, since its sender listens only at its end; but not for ever."""
    if held.seen_bytes > 2 * V2_SIZE_LIMIT:
        raise Leave(replies.TOO_LONG)
    return held.take(count)
