"""What an SMTP client says, taken apart into command lines and messages.

Touches nothing but the `read` it is given. Only CRLF ends a line and only
CRLF.CRLF a message, because whatever another server reads differently is how a
second message is smuggled inside a first one. Called by smtp.py.
https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
"""

from collections.abc import Awaitable, Callable

# https://www.rfc-editor.org/rfc/rfc4954#section-4 asks for this much in AUTH; other commands need less.
LONGEST_LINE = 12_288
_CHUNK = 64 * 1024
_END = b"\r\n.\r\n"


class Gone(Exception):
    """The client has closed the connection."""


class LineTooLong(Exception):
    """A command was longer than any command may be; it has been skipped."""


class BareNewline(Exception):
    """A CR or LF stood alone, or there was a NUL: nobody can say where this command ends."""


class Inlet:
    """Reads one connection, in order; what came early waits for its turn."""

    def __init__(self, read: Callable[[int], Awaitable[bytes]]) -> None:
        """`read` returns at most so many bytes, and none at the end."""
        self._read = read
        self._buffer = bytearray()

    def discard(self) -> None:
        """Forget what was sent ahead, as a change to TLS demands."""
        self._buffer.clear()

    async def line(self) -> bytes:
        """Return the next command without its CRLF."""
        skipped = False
        while (at := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LONGEST_LINE:
                skipped = True
                del self._buffer[:-1]
            await self._more()
        line = bytes(self._buffer[: at + 1])
        del self._buffer[: at + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\x00" in line:
            raise BareNewline
        if skipped or len(line) > LONGEST_LINE:
            raise LineTooLong
        return line[:-2]

    async def message(self, take: Callable[[int], bool]) -> bytes | None:
        """Return the message that follows DATA, its dots unstuffed.

        `take` is told of bytes as they come; from the first time that it says
        no, nothing is kept, and the answer at the end is None.
        """
        buffer = self._buffer
        kept = take(len(buffer))
        buffer[:0] = b"\r\n"  # the line of DATA itself has ended so
        searched = 0
        while (at := buffer.find(_END, searched)) < 0:
            if not kept:
                del buffer[: -len(_END) + 1]
            searched = max(0, len(buffer) - len(_END) + 1)
            kept = take(await self._more()) and kept
        with memoryview(buffer) as whole:
            message = bytes(whole[2 : at + 2]) if kept else None
        del buffer[: at + len(_END)]
        return message if message is None else _unstuffed(message)

    async def _more(self) -> int:
        chunk = await self._read(_CHUNK)
        if not chunk:
            raise Gone
        self._buffer += chunk
        return len(chunk)


def _unstuffed(message: bytes) -> bytes:
    """Take the first dot away from every line that begins with one.

    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
    """
    return message.removeprefix(b".").replace(b"\r\n.", b"\r\n")
