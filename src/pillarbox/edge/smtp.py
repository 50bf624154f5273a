"""SMTP submission: the SMTP interface of Amazon SES.

The dialogue of smtp_dialogue.py with logins, for senders that are verified. A
message becomes a Draft like raw mail from the API, and is answered 250 only
when its promise is on disk. Built by smtp_door.py for each connection.
https://docs.aws.amazon.com/ses/latest/dg/send-email-smtp.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.authenticate import Caller
from pillarbox.edge.smtp_commands import Malformed, Path, decode, read_path, read_plain
from pillarbox.edge.smtp_dialogue import Answer, Dialogue, Leave
from pillarbox.edge.smtp_login import HeldOff
from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Raw
from pillarbox.sending.policy import MOST_RECIPIENTS

if TYPE_CHECKING:
    from pillarbox.edge.smtp_door import SmtpDoor

# The name that events of SES give to mail that came by SMTP.
OPERATION = "SendSmtpEmail"
_MOST_FAILED_LOGINS = 3
# "Username:" and "Password:", as every client of AUTH LOGIN expects them.
_ASK_PLAIN, _ASK_USER, _ASK_PASSWORD = "334 ", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"


@dataclass(slots=True)
class _Login:
    """Who speaks, and how often they have failed to say so."""

    caller: Caller | None = None
    failed: int = 0


class Submission(Dialogue):
    """One client that sends."""

    offers = ("250-AUTH PLAIN LOGIN",)

    def __init__(self, door: "SmtpDoor", peer: str, *, encrypted: bool) -> None:
        super().__init__(door, peer, encrypted=encrypted)
        self._submission = door
        self._login = _Login()
        self._commands["AUTH"] = self._auth

    def secured(self) -> None:
        super().secured()
        self._login = _Login()

    @property
    def _may_log_in(self) -> bool:
        return self._encrypted or self._submission.takes_plaintext

    def _auth(self, argument: str) -> Answer:
        if not self._told.greeted:
            return replies.HELLO_FIRST
        if not self._may_log_in:
            return replies.TLS_FIRST
        if self._login.caller:
            return replies.ALREADY_LOGGED_IN
        mechanism, _, initial = argument.partition(" ")
        begin = {"PLAIN": self._plain, "LOGIN": self._user}.get(mechanism.upper())
        if begin is None:
            return replies.UNKNOWN_MECHANISM
        return begin(initial) if initial else self._ask(_ASK_USER if begin == self._user else _ASK_PLAIN, begin)

    def _ask(self, prompt: str, go_on: Callable[[str], Answer]) -> str:
        """Ask for the next step of a login, which `go_on` then gets."""

        def answered(text: str) -> Answer:
            if text == "*":
                raise Malformed
            return go_on(text or "=")

        self._asked = answered
        return prompt

    def _plain(self, response: str) -> Answer:
        return self._log_in(*read_plain(response))

    def _user(self, response: str) -> Answer:
        return self._ask(_ASK_PASSWORD, partial(self._password, decode(response)))

    def _password(self, user: str, response: str) -> Answer:
        return self._log_in(user, decode(response))

    async def _log_in(self, user: str, password: str) -> str:
        try:
            self._login.caller = await self._submission.logins.caller(user, password, self._peer)
        except HeldOff:
            raise Leave(replies.NO_LOGIN_NOW) from None
        except Unavailable as error:
            self._log.error("unavailable", why=str(error))
            return replies.NO_LOGIN_NOW
        return replies.LOGGED_IN if self._login.caller else self._refuse_login(user)

    def _refuse_login(self, user: str) -> str:
        self._log.warning("login refused", user=replies.one_line(user)[:64], peer=self._peer)
        self._login.failed += 1
        if self._login.failed >= _MOST_FAILED_LOGINS:
            raise Leave(replies.WRONG_CREDENTIALS)
        return replies.WRONG_CREDENTIALS

    def _missing(self) -> str | None:
        if not self._told.greeted:
            return replies.HELLO_FIRST
        if self._login.caller:
            return None
        return replies.LOGIN_FIRST if self._may_log_in else replies.TLS_FIRST

    def _mail(self, argument: str) -> Answer:
        if missing := self._missing():
            return missing
        if self._told.return_path:
            return replies.NESTED_MAIL
        path = read_path("FROM", argument)
        if path.announced_bytes > V2_SIZE_LIMIT:
            return replies.TOO_LONG
        if path.address is None:
            return replies.BAD_SENDER
        return self._begin(path)

    async def _begin(self, path: Path) -> str:
        caller = self._login.caller
        assert caller
        if not await self._submission.logins.stands(caller):
            self._login.caller = None
            return replies.LOGIN_FIRST
        self._told.return_path = path
        return replies.OK

    def _rcpt(self, argument: str) -> Answer:
        if missing := self._missing():
            return missing
        if not self._told.return_path:
            return replies.MAIL_FIRST
        path = read_path("TO", argument)
        if path.address is None:
            return replies.bad_recipient(path.text)
        if len(self._told.recipients) >= MOST_RECIPIENTS:
            return self._one_more(path.text)
        self._told.recipients.append(path.text)
        return replies.OK

    async def _one_more(self, recipient: str) -> str:
        """Take more than usual if a configuration set of the account allows it; the message will say which."""
        caller = self._login.caller
        assert caller
        if len(self._told.recipients) >= await self._submission.most_recipients(caller.scope):
            return replies.TOO_MANY_RECIPIENTS
        self._told.recipients.append(recipient)
        return replies.OK

    async def _send(self, message: bytes) -> str:
        caller, return_path = self._login.caller, self._told.return_path
        assert caller and return_path
        draft = Draft(
            scope=caller.scope,
            operation=OPERATION,
            caller_identity=caller.user_name,
            grants=caller.grants,
            source_ip=self._peer,
            content=Raw(message, tuple(self._told.recipients)),
            size_limit=V2_SIZE_LIMIT,
            return_path=return_path.text,
        )
        try:
            return replies.accepted(await self._submission.send(draft))
        except (Refusal, Unavailable) as reason:
            if isinstance(reason, Unavailable):
                self._log.error("unavailable", why=str(reason))
            return replies.reply_to(reason)
