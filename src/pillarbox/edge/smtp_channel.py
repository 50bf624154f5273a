"""One SMTP connection: bytes in, replies out, TLS beneath them when it is asked for.

Touches the network. What is answered is for a Dialogue to say
(smtp_dialogue.py), and what all connections of a listener share is their
Door's (smtp_door.py), which makes one of these for each. Commands are answered
as they come; only what needs the store becomes a task, and then the next
command waits.
"""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, cast

from pillarbox.edge import smtp_replies as replies
from pillarbox.edge.smtp_dialogue import Answer, Dialogue, Leave
from pillarbox.edge.smtp_lines import BareNewline, Inlet, LineTooLong, unstuffed
from pillarbox.kit import log

if TYPE_CHECKING:
    from pillarbox.edge.smtp_door import Door, Held

HANDSHAKE_SECONDS = 10.0
# What a client may say while it waits for an answer; then it is not listened to.
_MOST_AHEAD = 64 * 1024
# Commands that are answered before others have their turn.
_AT_A_TIME = 100
# Taking the dots away from so much takes about a millisecond: beyond it, off the loop.
_LARGE = 1024 * 1024
# How long a client may take to fetch what was said to it last.
_LEAVING_SECONDS = 10.0


class Channel(asyncio.Protocol):
    """One client. Nothing that it meets leaves it as an exception."""

    def __init__(self, door: "Door", *, encrypted: bool) -> None:
        self._door = door
        self._encrypted = encrypted
        self._loop = asyncio.get_running_loop()
        self._log = log.named("smtp")
        self._inlet = Inlet()
        self._heard_at = self._loop.time()
        self._working: asyncio.Task[None] | None = None  # on an answer: the next command waits
        self._held: Held | None = None  # the message that is coming, or is in hand
        self._is_shaking_hands = False
        self._is_full = False  # of replies that the client does not fetch
        self._is_paused = False
        self._has_ended = False
        self._is_leaving = False

    def hang_up(self) -> None:
        """Close the connection, unless its client waits for what becomes of a message."""
        if self._is_shaking_hands:
            self.abort()
        elif self._working is None or self._held is None:
            self._leave(replies.CLOSING)

    def abort(self) -> None:
        """Drop the connection now, said or not."""
        self._is_leaving = True
        self._transport.abort()

    def let_go_if_silent(self, idle_seconds: float) -> None:
        """Part with a client that has said nothing for so long; while it waits for us that is not its silence."""
        silent_seconds = self._loop.time() - self._heard_at
        if self._is_leaving:
            if silent_seconds > _LEAVING_SECONDS:
                self.abort()
        elif self._working is None and silent_seconds > idle_seconds:
            self._leave(replies.TIMED_OUT)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        address: Any = transport.get_extra_info("peername")
        self.peer = str(address[0]) if address else ""
        self._dialogue: Dialogue = self._door.dialogue(self.peer, encrypted=self._encrypted)
        self._door.entered(self)
        if self._door.refuses(self):
            self._leave(replies.TOO_MANY_CONNECTIONS)
        else:
            self._say(self._door.greeting())

    def data_received(self, data: bytes) -> None:
        if self._is_leaving:
            return
        self._heard_at = self._loop.time()
        self._inlet.feed(data)
        self._go_on()

    def eof_received(self) -> bool:
        """Let a client that has said everything still hear the answers."""
        self._has_ended = True
        self._go_on()
        return not self._encrypted

    def connection_lost(self, _: Exception | None) -> None:
        self._is_leaving = True
        self._door.left(self)
        if self._held is not None and self._working is None:
            self._held.release()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._go_on()

    # The conversation.

    def _go_on(self) -> None:
        """Answer what has come, as far as that goes without waiting."""
        said: list[str] = []
        last = None
        try:
            self._answer(said)
        except Leave as leave:
            last = str(leave)
        except Exception:
            self._log.exception("connection failed")
            last = replies.NOT_NOW
        if said:
            self._say(*said)
        if last is not None:
            self._leave(last)
        self._pace_reading()

    def _answer(self, said: list[str]) -> None:
        for _ in range(_AT_A_TIME):
            if self._working is not None or self._is_full or self._is_leaving:
                return
            answer = self._next()
            if answer is None:
                if self._has_ended:
                    raise Leave("")
                return
            if isinstance(answer, str):
                said.append(answer)
            else:
                self._working = self._loop.create_task(self._work(answer))
        self._loop.call_soon(self._go_on)

    def _next(self) -> Answer | None:
        """Return the answer to what is next, or None while it is not whole."""
        if not self._inlet:
            return None
        if self._held is not None:
            message = self._inlet.message(self._held.take)
            return None if message is None else self._take(message, self._held)
        try:
            line = self._inlet.line()
        except LineTooLong:
            return self._dialogue.answer_too_long()
        except BareNewline:
            raise Leave(replies.BARE_NEWLINE) from None
        if line is None:
            return None
        answer = self._dialogue.answer(line)
        if answer == replies.SEND_DATA:
            self._held = self._door.hold()
            self._inlet.begin_message()
        elif answer == replies.TLS_READY:
            return self._secure()
        return answer

    async def _take(self, message: bytes, held: "Held") -> str:
        """Return the reply to a message that is whole."""
        try:
            if held.is_kept:
                message = await asyncio.to_thread(unstuffed, message) if len(message) > _LARGE else unstuffed(message)
                return await self._dialogue.take(message)
            self._dialogue.forget_message()
            return replies.TOO_LONG if held.is_too_long else replies.NOT_NOW
        finally:
            self._held = None
            held.release()

    async def _work(self, answer: Any) -> None:
        """Say an answer that has to be waited for, then go on."""
        try:
            reply = await answer
        except Leave as leave:
            self._leave(str(leave))
        except Exception:
            self._log.exception("connection failed")
            self._leave(replies.NOT_NOW)
        else:
            self._say(reply)
        finally:
            self._working = None
        self._heard_at = self._loop.time()
        self._go_on()

    async def _secure(self) -> str:
        """Begin TLS; what is said next is answered under it. Nothing waits between its steps until it has begun."""
        # What came in the clear is not part of what is said under TLS.
        # https://www.rfc-editor.org/rfc/rfc3207#section-4.2
        self._inlet.discard()
        self._pace_reading()
        self._say(replies.TLS_READY)
        self._is_shaking_hands = True
        seconds = min(HANDSHAKE_SECONDS, self._door.limits.idle_seconds)
        try:
            secured = await self._loop.start_tls(
                self._transport, self, self._door.tls, server_side=True, ssl_handshake_timeout=seconds
            )
        except (OSError, ssl.SSLError):
            secured = None
        self._is_shaking_hands = False
        if secured is None or secured.is_closing():
            self.abort()
            self.connection_lost(None)  # nobody else says so when TLS never began
            return ""
        self._transport = secured
        self._encrypted = True
        self._dialogue.secured()
        return ""

    # The connection.

    def _say(self, *said: str) -> None:
        if not self._is_leaving:
            self._transport.write("".join(f"{reply}\r\n" for reply in said if reply).encode("ascii"))

    def _leave(self, reply: str) -> None:
        self._say(reply)
        self._close()

    def _close(self) -> None:
        """Close when what was said has left; the clock of silent clients ends that wait too."""
        if not self._is_leaving:
            self._is_leaving = True
            self._heard_at = self._loop.time()
            self._transport.close()

    def _pace_reading(self) -> None:
        """Listen to a client that waits for an answer only so far; the bytes of its message the door has counted."""
        if self._is_leaving or self._is_shaking_hands:
            return
        waits = self._working is not None or self._is_full
        is_ahead = waits and len(self._inlet) > _MOST_AHEAD
        if is_ahead and not self._is_paused:
            self._transport.pause_reading()
        elif self._is_paused and not is_ahead:
            self._transport.resume_reading()
        self._is_paused = is_ahead
