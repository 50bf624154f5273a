"""Hands mail to a smarthost: the transport `smtp`.

Touches the network through smtp_pool.py. All recipients of an attempt share a
transaction and each has its own outcome. A message may arrive twice if the
connection dies between its last byte and the reply, since nobody can know what
became of it then; it is never lost.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import NamedTuple

from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.smtp_connection import Broken, Connection, Reply, Smarthost
from pillarbox.delivery.transport.smtp_pool import Pool

_LARGE = 128 * 1024
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Mail(NamedTuple):
    """A message as it is sent after 354, with its length before dots were doubled."""

    body: bytes
    size: int
    is_8bit: bool


class Stale(Exception):
    """A connection that was kept from an earlier message turned out to be dead before this one was begun."""


class SmtpTransport:
    """Says Delivered when the smarthost has taken the message; what it does with it is its own affair.

    A refusal before MAIL (of the connection, the greeting, the password) is no
    verdict on any message, so everyone is tried again whatever its code.
    """

    name = "smtp"

    def __init__(self, smarthost: Smarthost) -> None:
        self._smarthost = smarthost
        self._pool = Pool(smarthost, smarthost.tls_context())

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        if len(attempt.data) > _LARGE:
            mail = await asyncio.to_thread(as_sent, attempt.data)
        else:
            mail = as_sent(attempt.data)
        decided: dict[str, Outcome] = {}
        try:
            await self._hand_over(attempt, mail, decided)
        except Broken as broken:
            rest = Deferred(broken.why, broken.reply, broken.remote_ip, broken.ours)
            decided = dict.fromkeys(attempt.recipients, rest) | decided
        return {address: decided[address] for address in attempt.recipients}

    async def close(self) -> None:
        await self._pool.close()

    async def _hand_over(self, attempt: Attempt, mail: Mail, decided: dict[str, Outcome]) -> None:
        while True:
            try:
                async with self._pool.connection() as connection:
                    try:
                        return await self._transact(connection, attempt, mail, decided)
                    except Broken as broken:
                        broken.remote_ip = connection.remote_ip
                        raise
            except Stale:  # nothing of this message was said on it
                self._pool.forget_idle()

    async def _transact(
        self, connection: Connection, attempt: Attempt, mail: Mail, decided: dict[str, Outcome]
    ) -> None:
        """Make one transaction and write down what is decided as soon as it is; Broken leaves the rest open."""
        ip = connection.remote_ip
        if unfit := _reason_not_to_offer(connection, mail):
            decided |= dict.fromkeys(attempt.recipients, Refused(unfit, remote_ip=ip))
            return
        reply = await self._begin(connection, attempt.sender, mail)
        if reply.code != 250:
            decided |= dict.fromkeys(attempt.recipients, _refused_mail(reply, ip))
            return
        for address in attempt.recipients:
            reply = await connection.say(f"RCPT TO:<{address}>")
            if reply.code not in (250, 251):
                decided[address] = _not_taken(reply, ip)
        if taken := [address for address in attempt.recipients if address not in decided]:
            reply = await connection.say("DATA", within_seconds=self._smarthost.data_seconds)
            if reply.code == 354:
                reply = await connection.send_body(mail.body)
                outcome = Delivered(reply.text, ip) if reply.code // 100 == 2 else _not_taken(reply, ip)
                decided |= dict.fromkeys(taken, outcome)
                return
            decided |= dict.fromkeys(taken, _not_taken(reply, ip))
        if not await connection.reset():
            connection.abort()

    async def _begin(self, connection: Connection, sender: str, mail: Mail) -> Reply:
        options = f" SIZE={mail.size}" if connection.size_limit is not None else ""
        options += " BODY=8BITMIME" if mail.is_8bit else ""
        try:
            return await connection.say(f"MAIL FROM:<{sender}>{options}")
        except Broken as broken:
            if connection.messages:
                raise Stale from broken
            raise


def as_sent(raw: bytes) -> Mail:
    """Return a message in the only form that may follow 354.

    Line ends are CRLF, all of them: a server that takes a lone CR or LF for
    one would see commands of its author's in the message.
    https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
    """
    data = _BARE.sub(b"\r\n", raw)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return Mail(stuffed + b".\r\n", len(data), not data.isascii())


def _reason_not_to_offer(connection: Connection, mail: Mail) -> str | None:
    """Return the status of a message that the next hop has said it cannot take; it is not converted.

    https://www.rfc-editor.org/rfc/rfc6152#section-3
    https://www.rfc-editor.org/rfc/rfc1870#section-6.1
    """
    if mail.is_8bit and not connection.takes_8bit:
        return "554 5.6.3 the message has 8-bit content and the next hop does not offer 8BITMIME"
    if connection.size_limit and mail.size > connection.size_limit:
        return f"552 5.3.4 the message has {mail.size} bytes and the next hop takes {connection.size_limit}"
    return None


def _refused_mail(reply: Reply, ip: str) -> Outcome:
    # The smarthost asks for a password or for TLS: https://www.rfc-editor.org/rfc/rfc4954#section-6
    if reply.code == 530:
        return Deferred("the smarthost asks for what the settings do not give", reply.text, ip, ours=True)
    return _not_taken(reply, ip)


def _not_taken(reply: Reply, ip: str) -> Outcome:
    if reply.code // 100 == 5:
        return Refused(reply.text, remote_ip=ip)
    later = reply.code // 100 == 4
    return Deferred("the smarthost said later" if later else "the smarthost gave a reply out of place", reply.text, ip)
