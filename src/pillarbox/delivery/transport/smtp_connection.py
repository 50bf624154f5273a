"""One SMTP conversation with a next hop: secured and greeted, then good for many messages.

Touches the network through smtp_stream.py. Called by smtp.py and mx.py, which
say with whom it is held, and smtp_transaction.py, which says what is to be said
in it. What was said is kept in a transcript, without passwords and messages.
https://www.rfc-editor.org/rfc/rfc5321
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pillarbox.delivery.transport.smtp_dial import Broken, Line
from pillarbox.delivery.transport.smtp_login import NoWay, way_to_log_in
from pillarbox.delivery.transport.smtp_replies import NotSmtp, Reply
from pillarbox.delivery.transport.smtp_stream import Stream
from pillarbox.delivery.transport.smtp_transcript import NOTE, OURS, THEIRS, Transcript
from pillarbox.delivery.transport.tls_chain import shown_chain

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHORT_SECONDS = 5.0  # for what nobody's mail depends on

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


class Connection:
    """A conversation that is ready for MAIL. Its methods raise Broken, after which it can only be aborted."""

    def __init__(self, hop: NextHop, stream: Stream, remote_ip: str) -> None:
        self.hop = hop
        self.remote_ip = remote_ip
        self.messages = 0
        self.transcript = Transcript()
        self._stream = stream
        self._extensions: dict[str, str] = {}

    @classmethod
    async def opened(cls, hop: NextHop, line: Line) -> "Connection":
        """Secure, greet and log in; Broken when any of it fails, with nothing left open."""
        loop = asyncio.get_running_loop()
        connection = cls(hop, Stream(), line.remote_ip)
        try:
            with connection._broken_at("greeting"):
                async with asyncio.timeout(hop.manner.command_seconds):
                    secured: dict[str, Any] = (
                        {"ssl": hop.context, "server_hostname": hop.host} if hop.tls == "tls" else {}
                    )
                    await loop.create_connection(lambda: connection._stream, sock=line.socket, **secured)
                await connection._be_greeted()
            await connection._greet()
            await connection._secure()
            await connection._log_in()
        except BaseException as error:
            connection.abort()
            line.socket.close()
            if isinstance(error, Broken):
                error.remote_ip = connection.remote_ip
                error.said = connection.transcript.take()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        return self._stream.is_open

    @property
    def is_encrypted(self) -> bool:
        return self._stream.is_encrypted

    @property
    def takes_8bit(self) -> bool:
        """Whether the far side takes bytes above 127: https://www.rfc-editor.org/rfc/rfc6152"""
        return "8BITMIME" in self._extensions

    @property
    def pipelines(self) -> bool:
        """Whether several commands may be said at once: https://www.rfc-editor.org/rfc/rfc2920"""
        return "PIPELINING" in self._extensions

    @property
    def size_limit(self) -> int | None:
        """The longest message that is taken, 0 for any, None when it is not told.

        https://www.rfc-editor.org/rfc/rfc1870#section-4
        """
        told = self._extensions.get("SIZE")
        if told is None:
            return None
        return int(told) if told.isascii() and told.isdecimal() else 0

    async def send_body(self, body: bytes, following: "Asked | None" = None) -> Reply:
        """Send what follows the 354, dot-stuffed and ended already, and return the answer to it.

        What begins the message that follows may be said with it: https://www.rfc-editor.org/rfc/rfc2920#section-3.1
        """
        manner = self.hop.manner
        self.messages += 1
        with self._broken_at("sending the message"):
            if following is None:
                self._stream.write(body, 1)
            else:
                self._stream.write(body + following.octets, 1 + len(following.lines))
            self.transcript.add(OURS, f"({len(body)} bytes of message)")
            if self._stream.unsent:
                await self._stream.hand_over(manner.block_seconds)
        with self._broken_at("waiting for the reply to the message, which may have been taken,", in_doubt=True):
            reply = await self._heard(manner.done_seconds)
        if self._stream.unsent:  # it answered early, and would take the rest for commands
            self.abort()
        return reply

    async def reset(self) -> bool:
        """Forget a transaction that was begun; say whether another can follow."""
        try:
            return (await self._say("RSET", "RSET", _SHORT_SECONDS)).code == 250
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
        self._stream.abort()

    def write(self, octets: bytes, lines: Sequence[str]) -> None:
        """Send commands, each of which will be answered."""
        for line in lines:
            self.transcript.add(OURS, line)
        with self._broken_at(_name(lines[0])):
            self._stream.write(octets, len(lines))

    async def answer_to(self, name: str, within_seconds: float) -> Reply:
        """Return the next answer. 421 ends the conversation whatever it answers."""
        with self._broken_at(name):
            reply = await self._heard(within_seconds)
        if reply.code == 421:
            raise Broken(f"{self.hop.called} closed the connection at {name}", reply.text)
        return reply

    async def _say(self, line: str, name: str, within_seconds: float | None = None, *, shown: str = "") -> Reply:
        """Say one command and return the answer; `shown` stands in the transcript for what must not."""
        self.transcript.add(OURS, shown or line)
        with self._broken_at(name):
            self._stream.write(f"{line}\r\n".encode("ascii"), 1)
        return await self.answer_to(name, within_seconds or self.hop.manner.command_seconds)

    async def _heard(self, within_seconds: float) -> Reply:
        reply = await self._stream.reply(within_seconds)
        self.transcript.add(THEIRS, reply.text)
        return reply

    async def _be_greeted(self) -> None:
        # Two steps of RFC 5321 section 4.5.3.2.1, five minutes each, of which TLS took the first.
        reply = await self._heard(self.hop.manner.command_seconds)
        if reply.code != 220:
            raise Broken("greeting was refused", reply.text)

    async def _greet(self) -> None:
        """https://www.rfc-editor.org/rfc/rfc5321#section-3.2"""
        reply = await self._say(f"EHLO {self.hop.manner.helo}", "EHLO")
        if reply.code == 250:
            self._extensions = _extensions(reply.lines)
            return
        self._extensions = {}
        reply = await self._say(f"HELO {self.hop.manner.helo}", "HELO")
        if reply.code != 250:
            raise Broken("EHLO was refused", reply.text)

    async def _secure(self) -> None:
        hop = self.hop
        if hop.tls not in ("starttls", "starttls-required"):
            return
        if "STARTTLS" not in self._extensions:
            if hop.tls == "starttls-required":
                raise Broken(f"{hop.called} does not offer STARTTLS, which is required")
            return
        try:
            await self._start_tls()
        except Broken as broken:
            raise NotSecured(broken.why, broken.reply) from broken
        if hop.prove is not None and (why := hop.prove(shown_chain(self._stream.transport))):
            raise NotSecured(f"{hop.called}'s certificate is not the right one: {why}")
        await self._greet()

    async def _start_tls(self) -> None:
        reply = await self._say("STARTTLS", "STARTTLS")
        if reply.code != 220:
            raise Broken("STARTTLS was refused", reply.text)
        # What somebody on the way adds in the clear would be read as if it came from the far side.
        # https://www.rfc-editor.org/rfc/rfc3207#section-6
        if self._stream.has_more:
            raise Broken("STARTTLS: something was added to the answer in the clear")
        with self._broken_at("STARTTLS"):
            await self._stream.secure(self.hop.context, self.hop.host, self.hop.manner.command_seconds)
        self.transcript.add(NOTE, "TLS from here on")

    async def _log_in(self) -> None:
        """Log in; every way shows the password, or what it can be guessed from, to whoever can read the connection."""
        login, called = self.hop.login, self.hop.called
        if login is None:
            return
        if not self.is_encrypted and not login.without_tls:
            raise Broken(f"{called} does not offer STARTTLS, and a password is not sent without it", ours=True)
        try:
            way = way_to_log_in(self._extensions.get("AUTH", ""), login.user, login.password)
        except NoWay as error:
            raise Broken(f"{called} offers {error}", ours=True) from None
        reply = await self._say(way.first, "AUTH", shown=f"AUTH {way.name} (not shown)")
        for answer in way.answers:
            if reply.code != 334:
                break
            challenge = reply.lines[0] if reply.lines else ""
            reply = await self._say(answer(challenge), "AUTH", shown="(not shown)")
        if reply.code != 235:
            raise Broken(f"{called} did not take the user and password", reply.text, ours=True)

    def _broken_at(self, step: str, *, in_doubt: bool = False) -> "_Step":
        return _Step(self, step, in_doubt)


class _Step:
    """Turns what goes wrong in its block into Broken, and notes it. There is one for each command and each reply."""

    __slots__ = ("_connection", "_in_doubt", "_name")

    def __init__(self, connection: Connection, name: str, in_doubt: bool) -> None:
        self._connection = connection
        self._name = name
        self._in_doubt = in_doubt

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and (why := self._why(error)):
            self._connection.transcript.add(NOTE, why)
            raise Broken(why, in_doubt=self._in_doubt) from error

    def _why(self, error: BaseException) -> str | None:
        match error:
            case TimeoutError():
                return f"{self._name} timed out"
            case NotSmtp():
                return f"the far side does not speak SMTP: {error}"
            case ssl.SSLCertVerificationError():
                return f"{self._connection.hop.called}'s certificate is not valid: {error.verify_message}"
            case OSError():
                return f"{self._name}: {error}"
        return None


class Asked:
    """A group of commands: said at once where the far side takes that, or each when the one before it is answered.

    It is begun by `say`, or by `go_on` when it was said already, with the end of the message before it. Then either
    `answer` is called for all of them, in order, or `withdraw` for what is left.
    """

    def __init__(self, connection: Connection, lines: Sequence[str]) -> None:
        for line in lines:
            if _CONTROL.search(line):
                raise ValueError(f"a command with a control character: {line!r}")
        self.lines = lines
        self.octets = _octets(lines)
        self._connection = connection
        self._place = 0
        self._at_once = connection.pipelines
        self._taken = 0

    def say(self) -> None:
        if self._at_once:
            self._connection.write(self.octets, self.lines)

    def go_on(self) -> None:
        for line in self.lines:
            self._connection.transcript.add(OURS, line)

    async def answer(self) -> Reply:
        line, connection = self.lines[self._place], self._connection
        if not self._at_once:
            connection.write(_octets([line]), [line])
        self._place += 1
        manner = connection.hop.manner
        reply = await connection.answer_to(
            _name(line), manner.data_seconds if line == "DATA" else manner.command_seconds
        )
        if line.startswith("RCPT") and reply.code // 100 == 2:
            self._taken += 1
        return reply

    async def withdraw(self) -> None:
        """Say nothing more of the group, and bring to its end what has been said already.

        A server that waits for a message to nobody is sent none: https://www.rfc-editor.org/rfc/rfc2920#section-3.1
        One that waits for a message to somebody, though it refused the sender, is left.
        """
        if not self._at_once:
            return
        reply = None
        while self._place < len(self.lines):
            reply = await self.answer()
        if reply is not None and reply.code == 354:
            if self._taken:
                self._connection.abort()
            else:
                await self._connection.send_body(b".\r\n")


def _octets(lines: Sequence[str]) -> bytes:
    return "".join([f"{line}\r\n" for line in lines]).encode("ascii")


def _name(line: str) -> str:
    return line.partition(":")[0]


def _extensions(lines: Sequence[str]) -> dict[str, str]:
    """Return what the far side offers, in upper case, with what it says of each.

    `AUTH=` is how some servers wrote it before there was a standard, beside what follows it now.
    """
    found: dict[str, str] = {}
    for line in lines[1:]:
        name, _, rest = line.replace("AUTH=", "AUTH ", 1).partition(" ")
        name = name.upper()
        found[name] = f"{found[name]} {rest}" if name in found else rest.strip()
    return found
