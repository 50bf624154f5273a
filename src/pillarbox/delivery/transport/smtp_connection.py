"""One SMTP conversation with the next hop: opened, secured and greeted, then good for many messages.

Touches the network. Called by smtp_pool.py, which opens and ends conversations,
and smtp.py, which says what is to be said in them. The lines are read and
written by aiosmtplib; which line comes next, and for how long its answer is
awaited, is decided here.
https://www.rfc-editor.org/rfc/rfc5321
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import aiosmtplib
from aiosmtplib.auth import auth_login_encode, auth_plain_encode

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SHORT_SECONDS = 5.0  # for what nobody's mail depends on
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Smarthost:
    """The next hop and how to speak with it; the settings of `[smarthost]`, where each is explained."""

    host: str
    port: int
    tls: Literal["none", "starttls", "starttls-required", "tls"]
    verify: bool
    ca_file: str
    user: str
    password: str
    password_without_tls: bool
    helo: str
    max_connections: int
    messages_per_connection: int
    idle_seconds: float
    connect_seconds: float
    command_seconds: float
    data_seconds: float
    block_seconds: float
    done_seconds: float

    def __repr__(self) -> str:
        return f"Smarthost({self.host}:{self.port})"  # never the password

    def tls_context(self) -> ssl.SSLContext:
        """Read the trusted authorities; OSError when `ca_file` cannot be read."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Broken(Exception):
    """The conversation is over: `why` in our words, `reply` what the far side said to it, if it spoke."""

    def __init__(self, why: str, reply: str | None = None, *, ours: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.reply = reply
        self.ours = ours
        self.remote_ip: str | None = None


class Reply(NamedTuple):
    """What the far side said: its code, and code and text of all lines in one."""

    code: int
    text: str


class Connection:
    """A conversation that is ready for MAIL. Its methods raise Broken, after which it can only be aborted."""

    def __init__(self, smarthost: Smarthost, client: aiosmtplib.SMTP, remote_ip: str) -> None:
        self.remote_ip = remote_ip
        self.messages = 0
        self._smarthost = smarthost
        self._client = client

    @classmethod
    async def opened(cls, smarthost: Smarthost, tls: ssl.SSLContext) -> "Connection":
        """Connect, secure, greet and log in; Broken when any of it fails, with nothing left open."""
        plain = await _connected(smarthost)
        client = aiosmtplib.SMTP(
            hostname=smarthost.host,
            local_hostname=smarthost.helo,
            timeout=smarthost.command_seconds,
            use_tls=smarthost.tls == "tls",
            start_tls=False,
            tls_context=tls,
            sock=plain,
        )
        connection = cls(smarthost, client, str(plain.getpeername()[0]))
        try:
            with _broken_at("greeting"):
                await client.connect()
            await connection._greet()
            await connection._secure()
            await connection._log_in()
        except BaseException as error:
            connection.abort()
            plain.close()
            if isinstance(error, Broken):
                error.remote_ip = connection.remote_ip
            raise
        return connection

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

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
            with _broken_at("sending the message"):
                await self._until_handed_over(transport, answering)
            with _broken_at("waiting for the reply to the message, which may have been taken,"):
                answer = await asyncio.wait_for(answering, self._smarthost.done_seconds)
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
        with _broken_at("EHLO"):
            try:
                await self._client.ehlo()
            except aiosmtplib.SMTPHeloError:
                # https://www.rfc-editor.org/rfc/rfc5321#section-3.2
                if not self._client.is_connected:
                    raise
                await self._client.helo()

    async def _secure(self) -> None:
        if self._smarthost.tls not in ("starttls", "starttls-required"):
            return
        if not self._client.supports_extension("starttls"):
            if self._smarthost.tls == "starttls-required":
                raise Broken("the smarthost does not offer STARTTLS, which is required")
            return
        with _broken_at("STARTTLS"):
            await self._client.starttls()
        await self._greet()

    async def _log_in(self) -> None:
        """Log in by PLAIN or LOGIN, which both show the password to whoever can read the connection."""
        if not self._smarthost.user:
            return
        encrypted = self._client.get_transport_info("sslcontext") is not None
        if not encrypted and not self._smarthost.password_without_tls:
            raise Broken("the smarthost does not offer STARTTLS, and a password is not sent without it", ours=True)
        user, password = self._smarthost.user, self._smarthost.password
        offered = self._client.server_auth_methods
        if "plain" in offered:
            answer = await self._say(f"AUTH PLAIN {auth_plain_encode(user, password).decode()}", "AUTH")
        elif "login" in offered:
            first, second = auth_login_encode(user, password)
            answer = await self._say(f"AUTH LOGIN {first.decode()}", "AUTH")
            if answer.code == 334:
                answer = await self._say(second.decode(), "AUTH")
        else:
            raise Broken("the smarthost offers neither AUTH PLAIN nor AUTH LOGIN", ours=True)
        if answer.code != 235:
            raise Broken("the smarthost did not take the user and password", answer.text, ours=True)

    async def _say(self, line: str, name: str, within_seconds: float | None = None) -> Reply:
        with _broken_at(name):
            answer = await self._client.execute_command(
                line.encode("ascii"), timeout=within_seconds or self._smarthost.command_seconds
            )
        if answer.code == 421:
            raise Broken(f"the smarthost closed the connection at {name}", _reply(answer).text)
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
            elif loop.time() - moved_at > self._smarthost.block_seconds:
                raise TimeoutError


async def _connected(smarthost: Smarthost) -> socket.socket:
    """Connect to the first address that answers."""
    loop = asyncio.get_running_loop()
    try:
        looking = loop.getaddrinfo(smarthost.host, smarthost.port, type=socket.SOCK_STREAM)
        addresses = await asyncio.wait_for(looking, smarthost.connect_seconds)
    except TimeoutError:
        raise Broken(f"cannot resolve {smarthost.host} within {smarthost.connect_seconds:g} seconds") from None
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        raise Broken(f"cannot resolve {smarthost.host}: {getattr(error, 'strerror', error)}") from None
    failures = []
    for family, kind, protocol, _, address in addresses:
        plain = socket.socket(family, kind, protocol)
        try:
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.wait_for(loop.sock_connect(plain, address), smarthost.connect_seconds)
            return plain
        except TimeoutError:
            plain.close()
            failures.append(f"{address[0]}: no answer within {smarthost.connect_seconds:g} seconds")
        except OSError as error:
            plain.close()
            failures.append(f"{address[0]}: {os.strerror(error.errno) if error.errno else error}")
        except BaseException:
            plain.close()
            raise
    raise Broken(f"cannot connect to port {smarthost.port} of {'; '.join(failures)}")


@contextmanager
def _broken_at(step: str) -> Iterator[None]:
    """Turn what goes wrong into Broken, with the step at which it did."""
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        raise Broken(f"{step} was refused", _reply(error).text) from error
    except TimeoutError as error:
        raise Broken(f"{step} timed out") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise Broken(f"the smarthost's certificate is not valid: {cause.verify_message}") from error
        if any(isinstance(cause, aiosmtplib.SMTPServerDisconnected) for cause in causes):
            raise Broken(f"{step}: the connection was lost") from error
        raise Broken(f"{step}: {error}") from error


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
