"""One SMTP conversation with a next hop: secured and greeted, then good for many messages.

Touches the network. Called by smtp.py and mx.py, which say with whom it is
held, and smtp_transaction.py, which says what is to be said in it. The lines
are read and written by aiosmtplib; which line comes next, and for how long its
answer is awaited, is decided here.
https://www.rfc-editor.org/rfc/rfc5321
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import aiosmtplib
from aiosmtplib.auth import auth_login_encode, auth_plain_encode

from pillarbox.delivery.transport.smtp_dial import Broken, Line
from pillarbox.delivery.transport.tls_chain import shown_chain

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SHORT_SECONDS = 5.0  # for what nobody's mail depends on
_LOOK_SECONDS = 0.05

Tls = Literal["none", "starttls", "starttls-required", "tls"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How we speak with any next hop: our name, and how long we wait; docs/settings.md explains each."""

    helo: str
    connect_seconds: float
    command_seconds: float
    data_seconds: float
    block_seconds: float
    done_seconds: float


@dataclass(frozen=True, slots=True)
class Login:
    """What the next hop is told about who we are."""

    user: str
    password: str
    without_tls: bool

    def __repr__(self) -> str:
        return f"Login({self.user})"  # never the password


@dataclass(frozen=True, slots=True)
class NextHop:
    """With whom a conversation is held, and what is asked of him before the first message.

    `called` is his name in our reasons. `prove` is shown the certificates that he shows (DER, his own first) and
    returns why they are not good enough; it comes after what `context` asks for. `chosen_by_us` tells a host of the
    settings from one that a recipient's domain names.
    """

    host: str
    called: str
    tls: Tls
    context: ssl.SSLContext
    manner: Manner
    login: Login | None = None
    prove: Callable[[Sequence[bytes]], str | None] | None = None
    chosen_by_us: bool = False


class NotSecured(Broken):
    """TLS was begun, or asked for, and did not come about; the same host may still take mail without it."""


class Reply(NamedTuple):
    """What the far side said: its code, and code and text of all lines in one."""

    code: int
    text: str


class Connection:
    """A conversation that is ready for MAIL. Its methods raise Broken, after which it can only be aborted."""

    def __init__(self, hop: NextHop, client: aiosmtplib.SMTP, remote_ip: str) -> None:
        self.hop = hop
        self.remote_ip = remote_ip
        self.messages = 0
        self._client = client

    @classmethod
    async def opened(cls, hop: NextHop, line: Line) -> "Connection":
        """Secure, greet and log in; Broken when any of it fails, with nothing left open."""
        client = aiosmtplib.SMTP(
            hostname=hop.host,
            local_hostname=hop.manner.helo,
            timeout=hop.manner.command_seconds,
            use_tls=hop.tls == "tls",
            start_tls=False,
            tls_context=hop.context,
            sock=line.socket,
        )
        connection = cls(hop, client, line.remote_ip)
        try:
            with connection._broken_at("greeting"):
                await client.connect()
            await connection._greet()
            await connection._secure()
            await connection._log_in()
        except BaseException as error:
            connection.abort()
            line.socket.close()
            if isinstance(error, Broken):
                error.remote_ip = connection.remote_ip
            raise
        return connection

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

    @property
    def is_encrypted(self) -> bool:
        transport = self._client.transport
        return transport is not None and transport.get_extra_info("sslcontext") is not None

    @property
    def takes_8bit(self) -> bool:
        """Whether the far side takes bytes above 127: https://www.rfc-editor.org/rfc/rfc6152"""
        return self._client.supports_extension("8bitmime")

    @property
    def size_limit(self) -> int | None:
        """The longest message that is taken, 0 for any, None when it is not told.

        https://www.rfc-editor.org/rfc/rfc1870#section-4
        """
        if not self._client.supports_extension("size"):
            return None
        told = self._client.esmtp_extensions["size"]
        return int(told) if told.isascii() and told.isdecimal() else 0

    async def say(self, line: str, *, within_seconds: float | None = None) -> Reply:
        """Say one command and return the answer. 421 ends the conversation whatever it answers."""
        return await self._say(line, line.partition(":")[0], within_seconds)

    async def ask_to_send(self) -> Reply:
        """Say DATA and return the answer, which is 354 where the message may follow."""
        return await self._say("DATA", "DATA", self.hop.manner.data_seconds)

    async def send_body(self, body: bytes) -> Reply:
        """Send what follows the 354, dot-stuffed and ended already, and return the answer to it."""
        protocol, transport = self._client.protocol, cast(asyncio.WriteTransport, self._client.transport)
        if protocol is None:
            raise Broken("the connection was lost after DATA")
        self.messages += 1
        answering = asyncio.ensure_future(protocol.read_response())
        await asyncio.sleep(0)  # so that it is awaited before it can come
        try:
            protocol.write(body)
            with self._broken_at("sending the message"):
                await self._until_handed_over(transport, answering)
            with self._broken_at("waiting for the reply to the message, which may have been taken,", in_doubt=True):
                answer = await asyncio.wait_for(answering, self.hop.manner.done_seconds)
        finally:
            answering.cancel()
        if transport.get_write_buffer_size():  # it answered early, and would take the rest for commands
            self.abort()
        return _reply(answer)

    async def reset(self) -> bool:
        """Forget a transaction that was begun; say whether another can follow."""
        try:
            return (await self.say("RSET", within_seconds=_SHORT_SECONDS)).code == 250
        except Broken:
            return False

    async def part(self) -> None:
        """Say QUIT, as far as anybody listens, and close."""
        try:
            await self._say("QUIT", "QUIT", _SHORT_SECONDS)
        except Broken:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once, whatever was still to be sent."""
        if self._client.transport is not None:
            cast(asyncio.WriteTransport, self._client.transport).abort()
        self._client.close()

    async def _greet(self) -> None:
        with self._broken_at("EHLO"):
            try:
                await self._client.ehlo()
            except aiosmtplib.SMTPHeloError:
                # https://www.rfc-editor.org/rfc/rfc5321#section-3.2
                if not self._client.is_connected:
                    raise
                await self._client.helo()

    async def _secure(self) -> None:
        if self.hop.tls not in ("starttls", "starttls-required"):
            return
        if not self._client.supports_extension("starttls"):
            if self.hop.tls == "starttls-required":
                raise Broken(f"{self.hop.called} does not offer STARTTLS, which is required")
            return
        try:
            with self._broken_at("STARTTLS"):
                await self._client.starttls()
        except Broken as broken:
            raise NotSecured(broken.why, broken.reply) from broken
        if self.hop.prove is not None and (why := self.hop.prove(shown_chain(self._client.transport))):
            raise NotSecured(f"{self.hop.called}'s certificate is not the right one: {why}")
        await self._greet()

    async def _log_in(self) -> None:
        """Log in by PLAIN or LOGIN, which both show the password to whoever can read the connection."""
        login, called = self.hop.login, self.hop.called
        if login is None:
            return
        if not self.is_encrypted and not login.without_tls:
            raise Broken(f"{called} does not offer STARTTLS, and a password is not sent without it", ours=True)
        offered = self._client.server_auth_methods
        if "plain" in offered:
            answer = await self._say(f"AUTH PLAIN {auth_plain_encode(login.user, login.password).decode()}", "AUTH")
        elif "login" in offered:
            first, second = auth_login_encode(login.user, login.password)
            answer = await self._say(f"AUTH LOGIN {first.decode()}", "AUTH")
            if answer.code == 334:
                answer = await self._say(second.decode(), "AUTH")
        else:
            raise Broken(f"{called} offers neither AUTH PLAIN nor AUTH LOGIN", ours=True)
        if answer.code != 235:
            raise Broken(f"{called} did not take the user and password", answer.text, ours=True)

    async def _say(self, line: str, name: str, within_seconds: float | None = None) -> Reply:
        with self._broken_at(name):
            answer = await self._client.execute_command(
                line.encode("ascii"), timeout=within_seconds or self.hop.manner.command_seconds
            )
        if answer.code == 421:
            raise Broken(f"{self.hop.called} closed the connection at {name}", _reply(answer).text)
        return _reply(answer)

    async def _until_handed_over(
        self, transport: asyncio.WriteTransport, answering: "asyncio.Future[aiosmtplib.SMTPResponse]"
    ) -> None:
        """Wait until the system has taken all bytes, or the far side has answered before that.

        The time is for each part that moves, not for the whole message:
        https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.5
        """
        loop = asyncio.get_running_loop()
        left, moved_at = transport.get_write_buffer_size(), loop.time()
        while left and not answering.done():
            await asyncio.sleep(_LOOK_SECONDS)
            if (still := transport.get_write_buffer_size()) != left:
                left, moved_at = still, loop.time()
            elif loop.time() - moved_at > self.hop.manner.block_seconds:
                raise TimeoutError

    @contextmanager
    def _broken_at(self, step: str, *, in_doubt: bool = False) -> Iterator[None]:
        """Turn what goes wrong into Broken, with the step at which it did."""
        try:
            yield
        except aiosmtplib.SMTPResponseException as error:
            raise Broken(f"{step} was refused", _reply(error).text) from error
        except TimeoutError as error:
            raise Broken(f"{step} timed out", in_doubt=in_doubt) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Broken(self._reason(step, error), in_doubt=in_doubt) from error

    def _reason(self, step: str, error: Exception) -> str:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"{self.hop.called}'s certificate is not valid: {cause.verify_message}"
        if any(isinstance(cause, aiosmtplib.SMTPServerDisconnected) for cause in causes):
            return f"{step}: the connection was lost"
        return f"{step}: {error}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reply(answer: aiosmtplib.SMTPResponse | aiosmtplib.SMTPResponseException) -> Reply:
    if not 200 <= answer.code <= 599:
        raise Broken(f"the far side does not speak SMTP: {_printable(answer.message)}")
    return Reply(answer.code, f"{answer.code} {_printable(answer.message)}".rstrip())


def _printable(text: str) -> str:
    """Return what can be kept in any store and shown on any page: line ends are spaces, other controls are not."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " "))
