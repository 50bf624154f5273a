"""A client of an SMTP door without sockets: what it says is fed byte for byte, what it is told is kept.

For tests that look at how bytes are cut, at clients that do not listen, and at
what the door does while it works on an answer.
"""

import asyncio
import ssl
from typing import Any

from pillarbox.edge.smtp_channel import Channel
from pillarbox.edge.smtp_door import Limits, SmtpDoor
from pillarbox.edge.smtp_login import AnyPassword
from pillarbox.kit.clock import Millis, SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import Draft

LIMITS = Limits(connections=10, idle_seconds=60.0, in_flight_bytes=1_000_000)


class FakeSender:
    """Keeps drafts once it is let to; fails when told so."""

    def __init__(self) -> None:
        self.kept: list[Draft] = []
        self.failure: Exception | None = None
        self.asked = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def send(self, draft: Draft, now: Millis) -> str:
        self.asked.set()
        await self.may_go_on.wait()
        if self.failure:
            raise self.failure
        self.kept.append(draft)
        return f"message-{len(self.kept)}"

    async def most_recipients(self, _scope: Scope) -> int:
        return 50


class GreetingDoor(SmtpDoor):
    """A door that greets everybody alike."""

    def greeting(self) -> str:
        return "220 ready"


def door_to(sender: FakeSender, limits: Limits = LIMITS) -> SmtpDoor:
    """Make a door where anybody logs in, in the clear too."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return GreetingDoor(
        sender, AnyPassword([]), SystemClock(), tls, name="email-smtp.example", limits=limits, takes_plaintext=True
    )


class Client(asyncio.Transport):
    """One who speaks with a door, and the wire between them."""

    def __init__(self, door: SmtpDoor) -> None:
        super().__init__({"peername": ("192.0.2.1", 25)})
        self.told = b""
        self.is_closed = False
        self.may_speak = asyncio.Event()
        self.may_speak.set()
        self.channel = Channel(door, encrypted=False)
        self.channel.connection_made(self)

    async def says(self, data: bytes) -> None:
        """Say something when the door listens, and let it do what it can do at once."""
        await self.may_speak.wait()
        if not self.is_closed:
            self.channel.data_received(data)
        for _ in range(10):
            await asyncio.sleep(0)

    async def ends(self) -> None:
        """Say that nothing more comes, and wait for the door to close."""
        self.channel.eof_received()
        while not self.is_closed:
            await asyncio.sleep(0)

    # What a channel does with its wire.

    def write(self, data: Any) -> None:
        assert not self.is_closed
        self.told += data

    def close(self) -> None:
        self.is_closed = True
        self.may_speak.set()  # nobody waits to be heard any more

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        assert self.may_speak.is_set()
        self.may_speak.clear()

    def resume_reading(self) -> None:
        assert not self.may_speak.is_set()
        self.may_speak.set()
