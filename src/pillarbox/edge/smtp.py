"""SMTP submission: the SMTP interface of Amazon SES.

The dialogue of smtp_dialogue.py with logins, for senders that are verified. A
message becomes a Draft like raw mail from the API, and is answered 250 only
when its promise is on disk. Built by smtp_door.py.
https://docs.aws.amazon.com/ses/latest/dg/send-email-smtp.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.authenticate import Caller
from pillarbox.edge.smtp_commands import Malformed, decode, read_path, read_plain
from pillarbox.edge.smtp_dialogue import Dialogue, Leave
from pillarbox.edge.smtp_lines import BareNewline, LineTooLong
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
_ASK_USER, _ASK_PASSWORD = "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"


@dataclass(slots=True)
class _Login:
    """Who speaks, and how often they have failed to say so."""

    caller: Caller | None = None
    failed: int = 0


class Submission(Dialogue):
    """One client that sends. Nothing that it meets leaves it as an exception."""

    offers = ("250-AUTH PLAIN LOGIN",)

    def __init__(self, door: "SmtpDoor", *, implicit_tls: bool) -> None:
        super().__init__(door, implicit_tls=implicit_tls)
        self._submission = door
        self._login = _Login()
        self._commands["AUTH"] = self._auth

    def _forget_client(self) -> None:
        super()._forget_client()
        self._login = _Login()

    async def _auth(self, argument: str) -> None:
        if not self._told.greeted:
            await self.push(replies.HELLO_FIRST)
        elif not (self._encrypted or self._submission.takes_plaintext):
            await self.push(replies.TLS_FIRST)
        elif self._login.caller:
            await self.push(replies.ALREADY_LOGGED_IN)
        else:
            await self._log_in(argument)

    async def _log_in(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            user, password = read_plain(initial or await self._ask("334 "))
        elif mechanism.upper() == "LOGIN":
            user = decode(initial or await self._ask(_ASK_USER))
            password = decode(await self._ask(_ASK_PASSWORD))
        else:
            await self.push(replies.UNKNOWN_MECHANISM)
            return
        try:
            self._login.caller = await self._submission.logins.caller(user, password, self.peer)
        except HeldOff:
            raise Leave(replies.NO_LOGIN_NOW) from None
        except Unavailable as error:
            self._log.error("unavailable", why=str(error))
            await self.push(replies.NO_LOGIN_NOW)
            return
        if self._login.caller:
            await self.push(replies.LOGGED_IN)
        else:
            await self._refuse_login(user)

    async def _refuse_login(self, user: str) -> None:
        self._log.warning("login refused", user=replies.one_line(user)[:64], peer=self.peer)
        self._login.failed += 1
        if self._login.failed >= _MOST_FAILED_LOGINS:
            raise Leave(replies.WRONG_CREDENTIALS)
        await self.push(replies.WRONG_CREDENTIALS)

    async def _ask(self, prompt: str) -> str:
        await self.push(prompt)
        try:
            answer = (await self._inlet.line()).decode("latin-1")
        except LineTooLong:
            raise Malformed from None
        except BareNewline:
            raise Leave(replies.BARE_NEWLINE) from None
        if answer == "*":
            raise Malformed
        return answer or "="

    async def _may_send(self) -> bool:
        """Say what is missing before a message can begin, or return True."""
        if not self._told.greeted:
            await self.push(replies.HELLO_FIRST)
        elif self._login.caller:
            return True
        else:
            secured = self._encrypted or self._submission.takes_plaintext
            await self.push(replies.LOGIN_FIRST if secured else replies.TLS_FIRST)
        return False

    async def _mail(self, argument: str) -> None:
        if not await self._may_send():
            return
        if self._told.return_path:
            await self.push(replies.NESTED_MAIL)
            return
        caller = self._login.caller
        if caller and not await self._submission.logins.stands(caller):
            self._login.caller = None
            await self.push(replies.LOGIN_FIRST)
            return
        path = read_path("FROM", argument)
        if path.announced_bytes > V2_SIZE_LIMIT:
            await self.push(replies.TOO_LONG)
        elif path.address is None:
            await self.push(replies.BAD_SENDER)
        else:
            self._told.return_path = path
            await self.push(replies.OK)

    async def _rcpt(self, argument: str) -> None:
        if not await self._may_send():
            return
        if not self._told.return_path:
            await self.push(replies.MAIL_FIRST)
            return
        path = read_path("TO", argument)
        if path.address is None:
            await self.push(replies.bad_recipient(path.text))
        elif len(self._told.recipients) >= await self._most_recipients():
            await self.push(replies.TOO_MANY_RECIPIENTS)
        else:
            self._told.recipients.append(path.text)
            await self.push(replies.OK)

    async def _most_recipients(self) -> int:
        """Return how many recipients may be named; which configuration set it is, only the message will say."""
        caller = self._login.caller
        if caller is None or len(self._told.recipients) < MOST_RECIPIENTS:
            return MOST_RECIPIENTS
        return await self._submission.most_recipients(caller.scope)

    async def _send(self, message: bytes) -> str:
        """Return the reply for a whole message: only 250 promises anything."""
        caller, return_path = self._login.caller, self._told.return_path
        assert caller and return_path
        draft = Draft(
            scope=caller.scope,
            operation=OPERATION,
            caller_identity=caller.user_name,
            grants=caller.grants,
            source_ip=self.peer,
            content=Raw(message, tuple(self._told.recipients)),
            size_limit=V2_SIZE_LIMIT,
            return_path=return_path.text,
        )
        self._is_sending = True
        try:
            return replies.accepted(await self._submission.send(draft))
        except (Refusal, Unavailable) as reason:
            if isinstance(reason, Unavailable):
                self._log.error("unavailable", why=str(reason))
            return replies.reply_to(reason)
        except Exception:
            self._log.exception("message failed")
            return replies.NOT_NOW
        finally:
            self._is_sending = False
