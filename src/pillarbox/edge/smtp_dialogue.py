"""What submission and the return path have in common in a conversation by SMTP.

Pure but for what their answers wait for. Who may send what to whom is for
smtp.py (submission) and return_path.py to say; bytes and TLS are those of
smtp_channel.py, which asks for one answer after another.
https://www.rfc-editor.org/rfc/rfc5321
"""

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.smtp_commands import BadParameter, Malformed, Path
from pillarbox.kit import log
from pillarbox.sending.draft import V2_SIZE_LIMIT

if TYPE_CHECKING:
    from pillarbox.edge.smtp_door import Door

# A reply, or what has to be waited for and returns it. After SEND_DATA comes a message, after TLS_READY comes TLS.
Answer = str | Coroutine[Any, Any, str]


class Leave(Exception):
    """The connection is to be closed, after this reply."""


@dataclass(slots=True)
class Told:
    """What was said since the connection, or its TLS, began."""

    greeted: bool = False
    return_path: Path | None = None
    recipients: list[str] = field(default_factory=list)


class Dialogue:
    """What one client is answered. Raises Leave when that is the end."""

    offers: tuple[str, ...] = ()  # lines of EHLO beside those that all give

    def __init__(self, door: "Door", peer: str, *, encrypted: bool) -> None:
        """`peer` is the address of the client."""
        self._door = door
        self._peer = peer
        self._encrypted = encrypted
        self._offers_tls = not encrypted  # SES goes on offering it under TLS that STARTTLS began
        self._told = Told()
        self._asked: Callable[[str], Answer] | None = (
            None  # takes the answer to what we have asked, which is no command
        )
        self._log = log.named("smtp")
        self._commands: dict[str, Callable[[str], Answer]] = {
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

    def answer(self, line: bytes) -> Answer:
        """Answer a command, or what the client says to what it was asked."""
        text = line.decode("latin-1")
        asked, self._asked = self._asked, None
        try:
            if asked is not None:
                return asked(text)
            word, _, argument = text.partition(" ")
            command = self._commands.get(word.upper())
            return replies.UNKNOWN_COMMAND if command is None else command(argument.strip())
        except Malformed:
            return replies.BAD_ARGUMENT
        except BadParameter:
            return replies.BAD_PARAMETER

    def answer_too_long(self) -> str:
        """Answer a line that is longer than any may be."""
        asked, self._asked = self._asked, None
        return replies.LINE_TOO_LONG if asked is None else replies.BAD_ARGUMENT

    async def take(self, message: bytes) -> str:
        """Return the reply for a whole message: only 250 promises anything."""
        try:
            return await self._send(message)
        except Exception:
            self._log.exception("message failed")
            return replies.NOT_NOW
        finally:
            self.forget_message()

    def forget_message(self) -> None:
        self._told.return_path = None
        self._told.recipients = []

    def secured(self) -> None:
        """Begin again, as a change to TLS demands: what was said in the clear counts for nothing."""
        self._encrypted = True
        self._told = Told()

    @abstractmethod
    def _missing(self) -> str | None:
        """Say what is missing before a message can begin."""

    @abstractmethod
    def _mail(self, argument: str) -> Answer:
        """Take the envelope sender, or say why not."""

    @abstractmethod
    def _rcpt(self, argument: str) -> Answer:
        """Take one recipient, or say why not."""

    @abstractmethod
    async def _send(self, message: bytes) -> str:
        """Return the reply for a whole message."""

    def _helo(self, argument: str) -> str:
        return self._greet(argument, f"250 {self._door.name}")

    def _ehlo(self, argument: str) -> str:
        starttls = ("250-STARTTLS",) if self._offers_tls else ()
        size = f"250-SIZE {V2_SIZE_LIMIT}"
        name = f"250-{self._door.name}"
        return self._greet(argument, name, "250-8BITMIME", size, *starttls, *self.offers, replies.OK)

    def _greet(self, argument: str, *lines: str) -> str:
        if not argument:
            raise Malformed
        self._told.greeted = True
        self.forget_message()
        return "\r\n".join(lines)

    def _starttls(self, argument: str) -> str:
        if argument:
            raise Malformed
        return replies.TLS_ALREADY if self._encrypted else replies.TLS_READY

    def _data(self, argument: str) -> str:
        if missing := self._missing():
            return missing
        if argument:
            raise Malformed
        if not self._told.return_path:
            return replies.MAIL_FIRST
        if not self._told.recipients:
            return replies.RECIPIENT_FIRST
        return replies.SEND_DATA

    def _rset(self, _argument: str) -> str:
        self.forget_message()
        return replies.OK

    def _noop(self, _argument: str) -> str:
        return replies.OK

    def _quit(self, _argument: str) -> str:
        raise Leave(replies.BYE)

    def _decline(self, _argument: str) -> str:
        return replies.NOT_IMPLEMENTED
