"""The return path: where bounces, complaints and automatic replies come back by SMTP.

Touches sockets, by the dialogue and the limits of the SMTP door; what is done
with a mail is for returns.py to say. Anybody may speak here, so mail is taken
only for addresses that this server has signed, and for postmaster and abuse:
all else is refused at RCPT. Nothing is relayed, and nothing is bounced later.
Built by app.py.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.returns import SLOW_DOWN, Addressee, Contact, PerMinute, Returns
from pillarbox.edge.smtp_commands import Malformed, read_path
from pillarbox.edge.smtp_dialogue import Dialogue, Leave
from pillarbox.edge.smtp_door import Door, Limits
from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Unavailable
from pillarbox.sending.draft import V2_SIZE_LIMIT

LIMITS = Limits(connections=500, idle_seconds=60.0, in_flight_bytes=128 * 1024 * 1024)
_MOST_RECIPIENTS = 100
_MOST_REFUSED = 20  # whoever names more is guessing
_MOST_OF_A_PEER = 100  # connections
_TOO_MANY_REFUSED = "421 4.7.0 Too many recipients that are not here"


class ReturnPathDialogue(Dialogue):
    """One server that brings mail back. Nothing that it meets leaves it as an exception."""

    def __init__(self, door: "ReturnPathDoor") -> None:
        super().__init__(door, implicit_tls=False)
        self._returns = door
        self._refused = 0
        self._addressees: dict[str, Addressee] = {}  # of this mail

    async def _may_send(self) -> bool:
        if self._told.greeted:
            return True
        await self.push(replies.HELLO_FIRST)
        return False

    async def _mail(self, argument: str) -> None:
        if not await self._may_send():
            return
        if self._told.return_path:
            await self.push(replies.NESTED_MAIL)
            return
        path = read_path("FROM", argument)
        if path.announced_bytes > V2_SIZE_LIMIT:
            await self.push(replies.TOO_LONG)
        elif path.text and path.address is None:  # reports come with the null path
            await self.push(replies.BAD_SENDER)
        else:
            self._told.return_path = path
            self._addressees.clear()
            await self.push(replies.OK)

    async def _rcpt(self, argument: str) -> None:
        if not await self._may_send():
            return
        if not self._told.return_path:
            await self.push(replies.MAIL_FIRST)
            return
        path = read_path("TO", argument).text
        if not path:
            raise Malformed
        try:
            addressee = await self._returns.returns.addressee(path)
        except Unavailable as reason:
            self._log.error("unavailable", why=str(reason))
            await self.push(replies.NOT_NOW)
            return
        if addressee is None:
            await self._refuse(path)
        elif len(self._told.recipients) >= _MOST_RECIPIENTS:
            await self.push(replies.TOO_MANY_RECIPIENTS)
        elif not self._returns.has_room_for(addressee):
            await self.push(SLOW_DOWN)
        else:
            self._told.recipients.append(path)
            self._addressees[path] = addressee
            await self.push(replies.OK)

    async def _refuse(self, path: str) -> None:
        self._refused += 1
        if self._refused >= _MOST_REFUSED:
            raise Leave(_TOO_MANY_REFUSED)
        await self.push(replies.one_line(f"550 5.1.1 <{path}> no such address here"))

    async def _send(self, message: bytes) -> str:
        to = list(dict.fromkeys(self._addressees[path] for path in self._told.recipients))
        self._is_sending = True
        try:
            # To its end, even when the client hangs up meanwhile.
            return await asyncio.shield(self._returns.returns.take(to, message, self.peer))
        except Unavailable as reason:
            self._log.error("unavailable", why=str(reason))
            return replies.NOT_NOW
        except Exception:
            self._log.exception("returned mail failed")
            return replies.NOT_NOW
        finally:
            self._is_sending = False


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

    def refuses(self, dialogue: Dialogue) -> bool:
        """Leave room for others, whoever comes with many connections."""
        peer = dialogue.peer
        of_peer = sum(one.peer == peer for one in self._connections)
        return super().refuses(dialogue) or of_peer > _MOST_OF_A_PEER

    def has_room_for(self, addressee: Addressee) -> bool:
        """Say whether one more mail for an address may come in this minute."""
        if isinstance(addressee, Contact):
            return self._of_contact.takes(addressee.local_part)
        return self._of_message.takes(addressee.message_id)

    @asynccontextmanager
    async def serving(self, listener: socket.socket | None) -> AsyncIterator[None]:
        """Serve until the block is left; without a listener nobody comes."""
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(lambda: ReturnPathDialogue(self), sock=listener)] if listener else []
        async with self._until_left(servers):
            yield
