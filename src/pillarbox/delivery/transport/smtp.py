"""Hands mail to a smarthost: the transport `smtp`.

Touches the network through smtp_transaction.py. All recipients of an attempt
share a transaction and each has its own outcome.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from pillarbox.delivery.outcome import Deferred, Outcome
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.smtp_connection import Connection, Login, Manner, NextHop, Tls
from pillarbox.delivery.transport.smtp_dial import Broken, dial_name
from pillarbox.delivery.transport.smtp_pool import Pool, Upkeep
from pillarbox.delivery.transport.smtp_transaction import Way, as_mail, hand_over


@dataclass(frozen=True, slots=True)
class Smarthost:
    """The next hop and how to speak with it; the settings of `[smarthost]`, where each is explained."""

    host: str
    port: int
    tls: Tls
    verify: bool
    ca_file: str
    manner: Manner
    upkeep: Upkeep
    login: Login | None = None

    def tls_context(self) -> ssl.SSLContext:
        """Read the trusted authorities; OSError when `ca_file` cannot be read."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class SmtpTransport:
    """Says Delivered when the smarthost has taken the message; what it does with it is its own affair.

    A refusal before MAIL (of the connection, the greeting, the password) is no
    verdict on any message, so everyone is tried again whatever its code.
    """

    name = "smtp"

    def __init__(self, smarthost: Smarthost) -> None:
        context = smarthost.tls_context()
        self._smarthost = smarthost
        self._hop = NextHop(
            smarthost.host,
            "the smarthost",
            smarthost.tls,
            context,
            smarthost.manner,
            smarthost.login,
            chosen_by_us=True,
        )
        self._pool = Pool(smarthost.upkeep)
        # For mail that must not leave in the clear.
        self._encrypted = self._hop
        if smarthost.tls in ("none", "starttls"):
            self._encrypted = replace(self._hop, tls="starttls-required")

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        mail = await as_mail(attempt)
        decided: dict[str, Outcome] = {}
        try:
            hop = self._encrypted if attempt.tls_required else self._hop
            way = Way(self._pool, hop, partial(self._opened, hop))
            await hand_over(way, mail, attempt.recipients, decided)
        except Broken as broken:
            rest = Deferred(broken.why, broken.reply, broken.remote_ip, broken.ours)
            decided = dict.fromkeys(attempt.recipients, rest) | decided
        return {address: decided[address] for address in attempt.recipients}

    async def close(self) -> None:
        await self._pool.close()

    async def _opened(self, hop: NextHop) -> Connection:
        smarthost = self._smarthost
        line = await dial_name(smarthost.host, smarthost.port, within_seconds=smarthost.manner.connect_seconds)
        return await Connection.opened(hop, line)
