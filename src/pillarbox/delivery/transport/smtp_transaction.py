"""What is said in SMTP conversations to hand over one message, and what the answers mean for each recipient.

Touches the network through smtp_pool.py. Called by smtp.py and mx.py, which
differ in whom they speak with only. All recipients share a transaction where
the far side allows it. A message may arrive twice if the connection dies
between its last byte and the reply, since nobody can know what became of it
then; it is never lost.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Hashable, Sequence
from time import monotonic
from typing import NamedTuple

from pillarbox.delivery.classify import enhanced_status
from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.smtp_connection import Asked, Connection
from pillarbox.delivery.transport.smtp_dial import Broken
from pillarbox.delivery.transport.smtp_pool import Pool
from pillarbox.delivery.transport.smtp_replies import Reply
from pillarbox.delivery.transport.smtp_transcript import NOTE, Conversations
from pillarbox.kit.mime import in_crlf_lines

_LARGE = 128 * 1024
_DOTS = re.compile(rb"\n\.")
# https://www.rfc-editor.org/rfc/rfc6531#section-3.5
_NOT_ASCII = "553 5.6.7 the address has characters beyond ASCII, and mail to such addresses is not sent"


class Mail(NamedTuple):
    """A message as it is sent after 354, with its length before dots were doubled, and who gets its bounces.

    What is said about it is kept in `conversations`.
    """

    sender: str
    body: bytes
    size: int
    is_8bit: bool
    conversations: Conversations


class Way(NamedTuple):
    """Where connections of one kind come from."""

    pool: Pool
    kind: Hashable
    opened: Callable[[], Awaitable[Connection]]


class _NotBegun(Broken):
    """The conversation was over before a transaction began."""


async def as_mail(attempt: Attempt) -> Mail:
    """Return the message of an attempt as it is sent, made in a thread when it is long."""
    given = (attempt.sender, attempt.data, attempt.conversations)
    if len(attempt.data) > _LARGE:
        return await asyncio.to_thread(as_sent, *given)
    return as_sent(*given)


def as_sent(sender: str, raw: bytes, conversations: Conversations) -> Mail:
    """Return a message in the only form that may follow 354.

    Line ends are CRLF, all of them: a server that takes a lone CR or LF for
    one would see commands of its author's in the message.
    https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
    """
    data = in_crlf_lines(raw)
    stuffed = data.replace(b"\r\n.", b"\r\n..") if _DOTS.search(data) else data  # looking takes half of the time
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return Mail(sender, stuffed + b".\r\n", len(data), not data.isascii(), conversations)


async def hand_over(way: Way, mail: Mail, recipients: Sequence[str], decided: dict[str, Outcome]) -> None:
    """Hand `mail` over to `recipients`, and write down what is decided as soon as it is; Broken leaves the rest open.

    A connection from an earlier message that is dead costs nothing: nothing of this one was said on it.
    """
    while not await _handed_over(way, mail, recipients, decided):
        way.pool.forget_idle()


async def _handed_over(way: Way, mail: Mail, recipients: Sequence[str], decided: dict[str, Outcome]) -> bool:
    """Return False when the connection was a kept one that had died meanwhile."""
    opening = _Opening(mail, recipients)
    try:
        connection = await way.pool.lend(way.kind, way.opened, opening.begin)
    except Broken as broken:
        said = broken.said or [(monotonic(), NOTE, broken.why)]
        mail.conversations.keep(broken.remote_ip or "", recipients, said)
        raise
    is_kept = connection.messages > 0
    if is_kept:
        connection.transcript.add(NOTE, f"message {connection.messages + 1} of this connection{opening.how}")
    try:
        await _converse(way, connection, mail, recipients, decided, opening.asked)
    except BaseException as error:
        connection.abort()
        if not isinstance(error, Broken):
            raise
        error.remote_ip = connection.remote_ip
        if not (is_kept and isinstance(error, _NotBegun) and decided.keys().isdisjoint(recipients)):
            raise
        return False
    finally:
        mail.conversations.keep(_peer(connection), recipients, connection.transcript.take())
        way.pool.take_back(connection, way.kind)
    return True


class _Opening:
    """What begins a message, and whether it was said on the connection with the end of the message before."""

    def __init__(self, mail: Mail, recipients: Sequence[str]) -> None:
        self._mail = mail
        self._recipients = recipients
        self.asked: Asked | None = None

    @property
    def how(self) -> str:
        return ", begun with the end of the one before" if self.asked else ""

    def begin(self, connection: Connection) -> Asked | None:
        """Return what is to be said, or None for a message that cannot just be offered."""
        if _reason_not_to_offer(connection, self._mail) or not all(one.isascii() for one in self._recipients):
            return None
        with contextlib.suppress(ValueError):  # that is for its own attempt to tell
            self.asked = _group(connection, self._mail, self._recipients)
        return self.asked


def _peer(connection: Connection) -> str:
    hop = connection.hop
    return connection.remote_ip if hop.host == connection.remote_ip else f"{hop.host} [{connection.remote_ip}]"


async def _converse(
    way: Way,
    connection: Connection,
    mail: Mail,
    recipients: Sequence[str],
    decided: dict[str, Outcome],
    begun: Asked | None,
) -> None:
    """Make as many transactions as the far side's limit of recipients asks for; the first may have `begun`."""
    if unfit := _reason_not_to_offer(connection, mail):
        decided |= dict.fromkeys(recipients, Refused(unfit, remote_ip=connection.remote_ip))
        return
    decided |= {address: Refused(_NOT_ASCII) for address in recipients if not address.isascii()}
    left = [address for address in recipients if address not in decided]
    while left:
        if not await _transact(way, connection, mail, left, decided, begun) and not await connection.reset():
            connection.abort()
        begun = None
        left = [address for address in left if address not in decided]
        if left and not connection.is_open:
            raise Broken(f"{connection.hop.called} closed the connection after a part of the recipients")


def _group(connection: Connection, mail: Mail, recipients: Sequence[str]) -> Asked:
    options = f" SIZE={mail.size}" if connection.size_limit is not None else ""
    options += " BODY=8BITMIME" if mail.is_8bit else ""
    to = [f"RCPT TO:<{address}>" for address in recipients]
    return Asked(connection, [f"MAIL FROM:<{mail.sender}>{options}", *to, "DATA"])


async def _transact(
    way: Way,
    connection: Connection,
    mail: Mail,
    recipients: Sequence[str],
    decided: dict[str, Outcome],
    begun: Asked | None,
) -> bool:
    """Make one transaction that decides about one recipient at least; say whether it came to its own end."""
    asked = begun or _group(connection, mail, recipients)
    try:
        asked.say() if begun is None else asked.go_on()
        reply = await asked.answer()
    except Broken as broken:
        raise _NotBegun(broken.why, broken.reply) from broken
    if reply.code != 250:
        decided |= dict.fromkeys(recipients, _refused_mail(connection, reply))
        await asked.withdraw()
        return False
    taken = await _taken(connection, asked, recipients, decided)
    if not taken:
        await asked.withdraw()
        return False
    reply = await asked.answer()
    if reply.code != 354:
        decided |= dict.fromkeys(taken, _not_taken(connection, reply))
        return False
    is_last = all(address in decided or address in taken for address in recipients)
    goes_on = is_last and connection.pipelines and len(mail.body) <= _LARGE
    reply = await connection.send_body(mail.body, way.pool.following(connection, way.kind) if goes_on else None)
    outcome = Delivered(reply.text, connection.remote_ip) if reply.code // 100 == 2 else _not_taken(connection, reply)
    decided |= dict.fromkeys(taken, outcome)
    return True


async def _taken(
    connection: Connection, asked: Asked, recipients: Sequence[str], decided: dict[str, Outcome]
) -> list[str]:
    """Return the recipients that the far side takes; those who have an answer of their own are decided."""
    taken: list[str] = []
    for address in recipients:
        reply = await asked.answer()
        if reply.code in (250, 251):
            taken.append(address)
        elif not taken or not _are_enough(reply):
            decided[address] = _not_taken(connection, reply)
    return taken


def _are_enough(reply: Reply) -> bool:
    """Say whether a server means that the transaction is full; without an enhanced code nobody knows.

    The recipient is asked about again in the next transaction, as its first, where the same answer is about himself.
    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.10
    """
    if reply.code not in (452, 552):
        return False
    status = enhanced_status(reply.text) or ""
    return status.endswith((".5.3", ".0.0"))


def _reason_not_to_offer(connection: Connection, mail: Mail) -> str | None:
    """Return the status of a message that the next hop has said it cannot take.

    It is not converted, which is the other choice that RFC 6152 leaves: the signature that it bears would no longer
    be valid, and where mail is signed, mail without a valid signature is worse than a bounce.
    https://www.rfc-editor.org/rfc/rfc6152#section-3
    https://www.rfc-editor.org/rfc/rfc1870#section-6.1
    """
    if mail.is_8bit and not connection.takes_8bit:
        return "554 5.6.3 the message has 8-bit content and the next hop does not offer 8BITMIME"
    if connection.size_limit and mail.size > connection.size_limit:
        return f"552 5.3.4 the message has {mail.size} bytes and the next hop takes {connection.size_limit}"
    return None


def _refused_mail(connection: Connection, reply: Reply) -> Outcome:
    hop = connection.hop
    # A password or TLS is asked for, which is no verdict on the message where we could have given it:
    # https://www.rfc-editor.org/rfc/rfc4954#section-6
    if reply.code == 530 and (hop.chosen_by_us or not connection.is_encrypted):
        why = f"{hop.called} asks for what {'the settings do not give' if hop.chosen_by_us else 'it was not given'}"
        return Deferred(why, reply.text, connection.remote_ip, ours=hop.chosen_by_us)
    return _not_taken(connection, reply)


def _not_taken(connection: Connection, reply: Reply) -> Outcome:
    if reply.code // 100 == 5:
        return Refused(reply.text, remote_ip=connection.remote_ip)
    said = "said later" if reply.code // 100 == 4 else "gave a reply out of place"
    return Deferred(f"{connection.hop.called} {said}", reply.text, connection.remote_ip)
