"""Reads the replies of an SMTP server out of the bytes that come from it.

Pure. Used by smtp_stream.py. What is kept of a reply is what can be stored and
shown: no control characters, one line.
https://www.rfc-editor.org/rfc/rfc5321#section-4.2
"""

import re
from collections import deque
from typing import NamedTuple

# RFC 5321 asks for 512 bytes a line; an EHLO reply of some kilobytes is ordinary.
# https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.5
LONGEST_REPLY = 32 * 1024
_CODES = {str(code).encode(): code for code in range(200, 600)}
_AFTER_CODE = frozenset({b" ", b"-", b""})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SHOWN = 200


class NotSmtp(Exception):
    """What came is no reply; the text shows its beginning."""


class Reply(NamedTuple):
    """What the far side said: its code, code and text of all lines in one, and the text of each line."""

    code: int
    text: str
    lines: tuple[str, ...] = ()


class ReplyReader:
    """Takes bytes as they come; `replies` are those that are whole, oldest first. NotSmtp is for good."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self._rest = b""
        self._lines: list[str] = []
        self._length = 0

    @property
    def has_more(self) -> bool:
        """Whether anything came that nobody has taken: a whole reply or the beginning of one."""
        return bool(self.replies or self._rest or self._lines)

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        for line in lines:
            self._read(line.rstrip(b"\r"))
        if self._length + len(self._rest) > LONGEST_REPLY:
            raise NotSmtp(f"a reply of more than {LONGEST_REPLY} bytes")

    def _read(self, line: bytes) -> None:
        code, mark = _CODES.get(line[:3]), line[3:4]
        if code is None or mark not in _AFTER_CODE:
            raise NotSmtp(printable(line[:_SHOWN].decode("utf-8", "replace")))
        self._length += len(line)
        if self._length > LONGEST_REPLY:
            raise NotSmtp(f"a reply of more than {LONGEST_REPLY} bytes")
        self._lines.append(printable(line[4:].decode("utf-8", "surrogateescape").strip(" \t\r")))
        if mark != b"-":
            lines = tuple(self._lines)
            self.replies.append(Reply(code, f"{code} {' '.join(lines)}".rstrip(), lines))
            self._lines.clear()
            self._length = 0


def printable(text: str) -> str:
    """Return what can be kept in any store and shown on any page."""
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
