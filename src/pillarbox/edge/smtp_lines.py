"""What an SMTP client says, taken apart into command lines and messages.

Pure: bytes are fed as they come, and what is whole is taken out; how they were
cut on the way makes no difference. Only CRLF ends a line and only CRLF.CRLF a
message, because whatever another server reads differently is how a second
message is smuggled inside a first one. Called by smtp_channel.py.
https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
"""

from collections.abc import Callable

# https://www.rfc-editor.org/rfc/rfc4954#section-4 asks for this much in AUTH; other commands need less.
LONGEST_LINE = 12_288
_END = b"\r\n.\r\n"


class LineTooLong(Exception):
    """A command was longer than any command may be; it has been skipped."""


class BareNewline(Exception):
    """A CR or LF stood alone, or there was a NUL: nobody can say where this command ends."""


class Inlet:
    """Keeps what one client says, in order, until it is taken; what came early waits for its turn."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # so much of the buffer holds no end
        self._counted = 0  # so much of a message has been told of
        self._is_skipping = False
        self._is_bare = False  # in what was skipped

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def discard(self) -> None:
        """Forget what was sent ahead, as a change to TLS demands."""
        self._buffer.clear()
        self._searched = 0

    def line(self) -> bytes | None:
        """Return the next command without its CRLF, or None while it is not whole."""
        buffer = self._buffer
        at = buffer.find(b"\n", self._searched)
        if at < 0:
            if len(buffer) > LONGEST_LINE:
                self._skip()
            self._searched = len(buffer)
            return None
        line = bytes(buffer[: at + 1])
        del buffer[: at + 1]
        is_too_long, is_bare = self._is_skipping or len(line) > LONGEST_LINE, self._is_bare
        self._is_skipping = self._is_bare = False
        self._searched = 0
        if is_bare or not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\x00" in line:
            raise BareNewline
        if is_too_long:
            raise LineTooLong
        return line[:-2]

    def begin_message(self) -> None:
        """Know that a message comes next."""
        self._buffer[:0] = b"\r\n"  # the line of DATA itself has ended so
        self._counted = 2

    def message(self, take: Callable[[int], bool]) -> bytes | None:
        """Return the message that was begun, its dots as they came, or None while it is not whole.

        `take` is told of its bytes as they come; from the first time that it says no, nothing is kept, and the
        message is empty in the end.
        """
        buffer = self._buffer
        at = buffer.find(_END, self._searched)
        end = len(buffer) if at < 0 else at + len(_END)
        is_kept = take(end - self._counted)
        if at < 0:
            if not is_kept:
                del buffer[: -len(_END) + 1]
            self._counted = len(buffer)
            self._searched = max(0, len(buffer) - len(_END) + 1)
            return None
        with memoryview(buffer) as whole:
            message = bytes(whole[2 : at + 2]) if is_kept else b""
        del buffer[:end]
        self._searched = 0
        return message

    def _skip(self) -> None:
        """Let go of a line that is too long, but for the byte that may be the CR of its end."""
        skipped = self._buffer[:-1]
        del self._buffer[:-1]
        self._is_skipping = True
        self._is_bare = self._is_bare or b"\r" in skipped or b"\x00" in skipped


def unstuffed(message: bytes) -> bytes:
    """Take the first dot away from every line that begins with one.

    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
    """
    return message.removeprefix(b".").replace(b"\r\n.", b"\r\n")
