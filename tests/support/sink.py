"""An SMTP server that takes mail and keeps it, or does at each step what a test tells it to."""

import base64
import hmac
import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

CLOSE = "close"
HOLD = "hold"
STALL = "stall"


@dataclass
class Received:
    """A message as it came: `data` is without the dots that were doubled, `wire` with them."""

    helo: str
    user: str | None
    tls: bool
    mail: str
    recipients: list[str]
    wire: bytes

    @property
    def data(self) -> bytes:
        return re.sub(rb"(?m)^\.", b"", self.wire)


@dataclass
class Script:
    """What to answer instead of the usual: at each step the first of its answers, until they are used up.

    An answer is the text of a reply (lines are parted by line feeds), CLOSE, STALL, or HOLD: the usual one, once the
    sink is `released`. Steps are CONNECT, the names of commands, BODY (instead of reading the message), DOT (when it
    was read), and `RCPT address`.
    """

    answers: dict[str, list[str]] = field(default_factory=dict)
    for_ever: dict[str, str] = field(default_factory=dict)
    unasked: dict[str, str] = field(default_factory=dict)

    def once(self, step: str, *answers: str) -> None:
        self.answers.setdefault(step, []).extend(answers)

    def always(self, step: str, answer: str) -> None:
        self.for_ever[step] = answer

    def behind(self, step: str, line: str) -> None:
        """Say one more line in the same breath as the next answer at this step."""
        self.unasked[step] = f"{line}\r\n"

    def take(self, step: str) -> str | None:
        if waiting := self.answers.get(step):
            return waiting.pop(0)
        return self.for_ever.get(step)


class Sink(socketserver.ThreadingTCPServer):
    """Listens on loopback; `received` are the messages, `commands` every line, `connections` how many came.

    A transaction is full with `most_recipients`, of which the next is told `enough`; one that does not wrap promises
    TLS and goes on without. One that `is_careless` takes commands in any order, and asks for messages to nobody.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        password: tuple[str, str] | None,
        extensions: tuple[str, ...],
        at: tuple[str, int],
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
        super().__init__(at, _Conversation)
        self.script = Script()
        self.tls = tls
        self.password = password
        self.extensions = extensions
        self.implicit_tls = False
        self.wraps = True
        self.is_careless = False
        self.most_recipients = 1000
        self.enough = "452 4.5.3 too many recipients"
        self.came_from: list[str] = []
        self.auth_offer = "AUTH PLAIN LOGIN"
        self.received: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.quitting = threading.Event()
        self.released = threading.Event()
        self.at_once = 0
        self.most_at_once = 0
        self.counting = threading.Lock()

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    def wait_for_mail(self, count: int) -> None:
        """Return when so much mail has come."""
        until = time.monotonic() + 20
        while len(self.received) < count:
            assert time.monotonic() < until, f"{len(self.received)} of {count} messages came"
            time.sleep(0.02)

    def count(self, change: int) -> None:
        with self.counting:
            self.connections += max(change, 0)
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)

    @classmethod
    @contextmanager
    def listening(
        cls,
        *,
        tls: ssl.SSLContext | None = None,
        password: tuple[str, str] | None = None,
        extensions: tuple[str, ...] = ("8BITMIME", "SIZE 1000000"),
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> Iterator["Sink"]:
        """Listen until the block is left."""
        with cls(tls, password, extensions, at) as sink:
            serving = threading.Thread(target=sink.serve_forever, args=(0.02,), daemon=True)
            serving.start()
            try:
                yield sink
            finally:
                sink.quitting.set()
                sink.shutdown()
                serving.join(10)


class _Conversation(socketserver.BaseRequestHandler):
    server: Sink
    request: socket.socket

    def handle(self) -> None:
        self.server.count(1)
        self.server.came_from.append(self.client_address[0])
        self._helo, self._user = "", None
        self._mail: str | None = None
        self._recipients: list[str] = []
        with suppress(OSError, _Over):
            if self.server.implicit_tls:
                self._wrap()
            self._lines = self.request.makefile("rb")
            self._converse()

    def finish(self) -> None:
        self.server.count(-1)
        if hasattr(self, "_lines"):
            self._lines.close()
        with suppress(OSError):
            self.request.close()

    _lines: IO[bytes]
    _user: str | None

    def _converse(self) -> None:
        self._answer("CONNECT", "220 sink.example.net ESMTP")
        while line := self._lines.readline():
            command = line.decode("ascii").removesuffix("\r\n")
            self.server.commands.append(command)
            name = command.partition(" ")[0].upper()
            getattr(self, f"_on_{name.lower()}", self._on_unknown)(command)

    def _on_ehlo(self, command: str) -> None:
        self._helo = command[5:]
        offers = list(self.server.extensions)
        secure = isinstance(self.request, ssl.SSLSocket)
        if self.server.tls and not secure:
            offers.append("STARTTLS")
        if self.server.password and (secure or not self.server.tls):
            offers.append(self.server.auth_offer)
        self._answer("EHLO", "\n".join(["250 sink.example.net", *(f"250 {offer}" for offer in offers)]))

    def _on_helo(self, command: str) -> None:
        self._helo = command[5:]
        self._answer("HELO", "250 sink.example.net")

    def _on_starttls(self, _: str) -> None:
        self._answer("STARTTLS", "220 2.0.0 go ahead")
        if not self.server.wraps:
            return
        self._lines.close()
        self._wrap()
        self._lines = self.request.makefile("rb")

    def _on_auth(self, command: str) -> None:
        _, kind, *given = command.split(" ")
        if kind == "CRAM-MD5":
            self._on_cram_md5()
            return
        first = given[0]
        if kind == "PLAIN":
            _, user, password = base64.b64decode(first).decode().split("\0")
        else:
            self._reply("334 UGFzc3dvcmQ6")
            user, password = (base64.b64decode(part).decode() for part in (first, self._lines.readline()))
        self._judge(user, self.server.password == (user, password))

    def _on_cram_md5(self) -> None:
        challenge = b"<1896.697170952@sink.example.net>"
        self._reply(f"334 {base64.b64encode(challenge).decode()}")
        user, _, digest = base64.b64decode(self._lines.readline()).decode().partition(" ")
        assert self.server.password is not None
        known = hmac.new(self.server.password[1].encode(), challenge, "md5").hexdigest()
        self._judge(user, (user, digest) == (self.server.password[0], known))

    def _judge(self, user: str, is_right: bool) -> None:
        if is_right:
            self._user = user
            self._answer("AUTH", "235 2.7.0 welcome")
        else:
            self._answer("AUTH", "535 5.7.8 no such user and password")

    def _on_mail(self, command: str) -> None:
        self._recipients = []
        taken = self._answer("MAIL", "250 2.1.0 ok").startswith("2")
        self._mail = command if taken or self.server.is_careless else None

    def _on_rcpt(self, command: str) -> None:
        if self._mail is None:
            self._reply("503 5.5.1 MAIL first")
            return
        address = command.partition("<")[2].partition(">")[0]
        told = self.server.script.take(f"RCPT {address}")
        if len(self._recipients) >= self.server.most_recipients:
            told = self.server.enough
        self._recipients.append(address)
        if not self._answer("RCPT", told or "250 2.1.5 ok").startswith("2"):
            self._recipients.remove(address)

    def _on_data(self, _: str) -> None:
        if not self._recipients and not self.server.is_careless:
            self._reply("554 5.5.1 nobody to send to")
            return
        if not self._answer("DATA", "354 go ahead").startswith("354"):
            return
        if told := self.server.script.take("BODY"):
            if told != STALL:
                self._reply(told)
            self.server.quitting.wait(60)
            raise _Over
        lines = [self._lines.readline()]
        while lines[-1] != b".\r\n" or (len(lines) > 1 and not lines[-2].endswith(b"\r\n")):
            lines.append(self._lines.readline())
            if not lines[-1]:
                return
        secure = isinstance(self.request, ssl.SSLSocket)
        self.server.received.append(
            Received(self._helo, self._user, secure, self._mail or "", self._recipients, b"".join(lines[:-1]))
        )
        self._mail = None
        self._answer("DOT", "250 2.0.0 taken")

    def _on_rset(self, _: str) -> None:
        self._mail, self._recipients = None, []
        self._answer("RSET", "250 2.0.0 ok")

    def _on_quit(self, _: str) -> None:
        self._answer("QUIT", "221 2.0.0 bye")
        raise _Over

    def _on_unknown(self, _: str) -> None:
        self._reply("500 5.5.2 no such command")

    def _answer(self, step: str, usual: str) -> str:
        told = self.server.script.take(step) or usual
        if told == CLOSE:
            raise _Over
        if told == STALL:
            self.server.quitting.wait(60)
            raise _Over
        if told == HOLD:
            self.server.released.wait(60)
            told = usual
        self._reply(told, self.server.script.unasked.pop(step, ""))
        if told.startswith("421") or (step == "CONNECT" and not told.startswith("220")):
            raise _Over
        return told

    def _reply(self, text: str, unasked: str = "") -> None:
        *first, last = text.split("\n")
        lines = [f"{line[:3]}-{line[4:]}" for line in first] + [last]
        reply = "".join(f"{line}\r\n" for line in lines) + unasked
        self.request.sendall(reply.encode("utf-8", "surrogateescape"))

    def _wrap(self) -> None:
        assert self.server.tls is not None
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)


class _Over(Exception):
    """The conversation ends here."""
