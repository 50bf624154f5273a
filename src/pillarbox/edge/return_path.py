"""The return path: where bounces, complaints and automatic replies come back by SMTP.

Touches sockets, by the dialogue and the limits of the SMTP door; what is done
with a mail is for returns.py to say. Anybody may speak here, so mail is taken
only for addresses that this server has signed, and for postmaster and abuse:
all else is refused at RCPT. Nothing is relayed, and nothing is bounced later.
Built by app/.
"""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.returns import SLOW_DOWN, Addressee, Contact, PerMinute, Returns
from pillarbox.edge.smtp_channel import Channel
from pillarbox.edge.smtp_commands import Malformed, read_path
from pillarbox.edge.smtp_dialogue import Answer, Dialogue, Leave
from pillarbox.edge.smtp_door import Door, Limits
from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Unavailable
from pillarbox.sending.draft import V2_SIZE_LIMIT

LIMITS = Limits(connections=500, idle_seconds=300.0, in_flight_bytes=128 * 1024 * 1024)
_MOST_RECIPIENTS = 100
_MOST_REFUSED = 20  # whoever names more is guessing
_MOST_OF_A_PEER = 100  # connections
_TOO_MANY_REFUSED = "421 4.7.0 Too many recipients that are not here"


class ReturnPathDialogue(Dialogue):
    """One server that brings mail back."""

    def __init__(self, door: "ReturnPathDoor", peer: str, *, encrypted: bool) -> None:
        super().__init__(door, peer, encrypted=encrypted)
        self._returns = door
        self._refused = 0
        self._addressees: dict[str, Addressee] = {}  # of this mail

    def _missing(self) -> str | None:
        return None if self._told.greeted else replies.HELLO_FIRST

    def _mail(self, argument: str) -> str:
        if missing := self._missing():
            return missing
        if self._told.return_path:
            return replies.NESTED_MAIL
        path = read_path("FROM", argument)
        if path.announced_bytes > V2_SIZE_LIMIT:
            return replies.TOO_LONG
        if path.text and path.address is None:  # reports come with the null path
            return replies.BAD_SENDER
        self._told.return_path = path
        self._addressees.clear()
        return replies.OK

    def _rcpt(self, argument: str) -> Answer:
        if missing := self._missing():
            return missing
        if not self._told.return_path:
            return replies.MAIL_FIRST
        path = read_path("TO", argument).text
        if not path:
            raise Malformed
        return self._add(path)

    async def _add(self, path: str) -> str:
        try:
            addressee = await self._returns.returns.addressee(path)
        except Unavailable as reason:
            self._log.error("unavailable", why=str(reason))
            return replies.NOT_NOW
        if addressee is None:
            return self._refuse(path)
        if len(self._told.recipients) >= _MOST_RECIPIENTS:
            return replies.TOO_MANY_RECIPIENTS
        if not self._returns.has_room_for(addressee):
            return SLOW_DOWN
        self._told.recipients.append(path)
        self._addressees[path] = addressee
        return replies.OK

    def _refuse(self, path: str) -> str:
        self._refused += 1
        if self._refused >= _MOST_REFUSED:
            raise Leave(_TOO_MANY_REFUSED)
        return replies.one_line(f"550 5.1.1 <{path}> no such address here")

    async def _send(self, message: bytes) -> str:
        to = list(dict.fromkeys(self._addressees[path] for path in self._told.recipients))
        try:
            return await self._returns.returns.take(to, message, self._peer)
        except Unavailable as reason:
            self._log.error("unavailable", why=str(reason))
            return replies.NOT_NOW


class ReturnPathDoor(Door):
    """Takes mail for the addresses of `returns`, from anybody, within limits."""

    kind = "return-path"

    def __init__(
        self, returns: Returns, clock: Clock, tls: ssl.SSLContext, *, name: str, limits: Limits = LIMITS
    ) -> None:
        super().__init__(tls, name=name, limits=limits)
        self.returns = returns
        # A signed address is known to the servers that a message went to: what any of them can do with it is bounded.
        self._of_message = PerMinute(60, clock)
        self._of_contact = PerMinute(600, clock)  # providers send complaints there

    def dialogue(self, peer: str, *, encrypted: bool) -> ReturnPathDialogue:
        return ReturnPathDialogue(self, peer, encrypted=encrypted)

    def refuses(self, channel: Channel) -> bool:
        """Leave room for others, whoever comes with many connections."""
        of_peer = sum(one.peer == channel.peer for one in self._channels)
        return super().refuses(channel) or of_peer > _MOST_OF_A_PEER

    def has_room_for(self, addressee: Addressee) -> bool:
        """Say whether one more mail for an address may come in this minute."""
        if isinstance(addressee, Contact):
            return self._of_contact.takes(addressee.local_part)
        return self._of_message.takes(addressee.message_id)

    @asynccontextmanager
    async def serving(self, listener: socket.socket | None) -> AsyncIterator[None]:
        """Serve until the block is left; without a listener nobody comes."""
        async with self._open((listener, False)):
            yield
