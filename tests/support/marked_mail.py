"""Reads the files of tests/data/tracking, whose README says what their marks mean."""

import base64
import html
import re
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parents[1] / "data" / "tracking"
DOCUMENTS = sorted((DATA / "html").glob("*.html"))
MESSAGES = sorted((DATA / "mail").glob("*.eml"))
_LINK = re.compile(rb"@\[(.*?)\]@", re.DOTALL)
_REMOVED = re.compile(rb"@\((.*?)\)@", re.DOTALL)
_ENCODED = re.compile(rb"@begin ([a-z0-9-]+)\n(.*?)\n@end\n", re.DOTALL)
_FIRST_LINE = re.compile(rb"@(charset|bytes) (.*)\n?")
_PLAIN = frozenset(range(33, 127)) - {61}


class Target(NamedTuple):
    url: str
    tags: str


def given(marked: bytes) -> bytes:
    """Return what the sender gave."""
    marked = _LINK.sub(lambda found: found[1].partition(b"=>")[0], marked)
    return _REMOVED.sub(lambda found: found[1], marked).replace(b"@!", b"")


def expected(marked: bytes, link: bytes, pixel: bytes) -> bytes:
    """Return what leaves, with `link` for each link and `pixel` for the pixel."""
    return _REMOVED.sub(b"", _LINK.sub(lambda _: link, marked)).replace(b"@!", pixel)


def targets(marked: bytes) -> list[Target]:
    """Return where the tracked links lead, in order."""
    found = []
    for one in _LINK.findall(marked):
        raw, *more = one.decode("ascii").split("=>")
        found.append(Target(more[0] if more else html.unescape(raw), more[1] if len(more) > 1 else ""))
    return found


def encoded(text: bytes) -> bytes:
    """Return a message without marks as it travels: its parts encoded, its lines ended by CRLF."""
    pieces, at = [], 0
    for found in _ENCODED.finditer(text):
        writer = {b"base64": _base64, b"quoted-printable": _quoted_printable}[found[1]]
        pieces += [_in_lines(text[at : found.start()]), writer(_content(found[2])), b"\r\n"]
        at = found.end()
    return b"".join([*pieces, _in_lines(text[at:])])


def _content(text: bytes) -> bytes:
    found = _FIRST_LINE.match(text)
    if found is None:
        return _in_lines(text)
    if found[1] == b"bytes":
        return bytes.fromhex(found[2].decode())
    rest, charset = text[found.end() :], found[2].decode()
    return rest if charset == "raw" else _in_lines(rest).decode("utf-8").encode(charset)


def _in_lines(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def _base64(content: bytes) -> bytes:
    return base64.encodebytes(content).rstrip().replace(b"\n", b"\r\n")


def _quoted_printable(content: bytes) -> bytes:
    lines = []
    for line in content.split(b"\r\n"):
        letters = [bytes((byte,)) if byte in _PLAIN else b"=%02X" % byte for byte in line]
        rows = [b"".join(letters[at : at + 25]) for at in range(0, len(letters), 25)]
        lines.append(b"=\r\n".join(rows))
    return b"\r\n".join(lines)
