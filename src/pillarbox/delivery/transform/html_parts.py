"""HTML parts as they are to be in every copy of a message: read once, filled in for each copy.

Pure, but for a memory of the parts seen lately: a mail to many is the same
parts many times, which are then neither decoded nor read nor encoded again.
Called by tracking.py, which finds the parts in a message.
"""

import binascii
import re
from typing import NamedTuple

from pillarbox.delivery.tracking import Marks, Tracking
from pillarbox.delivery.transform.documents import Layout, lay_out
from pillarbox.kit.headers import codec_for, contains_ascii
from pillarbox.kit.mime import (
    base64_lines,
    decode_body,
    has_long_line,
    quoted_printable_binary,
    quoted_printable_text,
)
from pillarbox.kit.tracking_links import LinksOfCopy

ENCODINGS = frozenset(("7bit", "8bit", "binary", "quoted-printable", "base64"))
# Charsets in which a byte below 128 is not always the ASCII character.
_SHIFTING = ("iso2022", "hz", "utf-7")
# Octets of memory. Parts are known again by themselves: a digest of them would take five times as long.
_MOST_KNOWN, _LONGEST_KNOWN, _PLACE_OCTETS = 16 << 20, 512 << 10, 1_000
_DIFFERENT = re.compile(rb"\x01+")  # where `x` stands over `y`


class HtmlPart(NamedTuple):
    """A part as it stands in a message, in one of the ENCODINGS."""

    encoding: str
    charset: str
    encoded: bytes


class Rewrites(NamedTuple):
    """What becomes of the parts of a message (None for one that stays as it is), and what the message carries."""

    parts: "tuple[Rewrite | None, ...]"
    marks: Marks


def known_rewrites(parts: tuple[HtmlPart, ...], tracking: Tracking) -> Rewrites | None:
    """Return what became of the parts of a message lately, if they were seen."""
    return _KNOWN.get(_look(parts, tracking))


def rewrites_of(parts: tuple[HtmlPart, ...], tracking: Tracking) -> Rewrites:
    """Find what becomes of the parts of a message."""
    contents = [_content(part) for part in parts]
    layouts, marks = lay_out([content for content, _ in contents], tracking)
    rewritten = [
        Rewrite(part, codec, layout) if layout else None
        for part, (_, codec), layout in zip(parts, contents, layouts, strict=True)
    ]
    found = Rewrites(tuple(rewritten), marks)
    _KNOWN.keep(_look(parts, tracking), found)
    return found


def _content(part: HtmlPart) -> tuple[bytes | None, str | None]:
    """Return what a part holds, and the codec that it must be encoded in again; None for what is as it is.

    There is no content when the same bytes could not be made of it again.
    """
    content = decode_body(part.encoded, part.encoding)
    if part.encoding == "base64":
        letters = part.encoded.translate(None, b"\r\n\t =")
        if binascii.b2a_base64(content, newline=False).rstrip(b"=") != letters:
            return None, None
    codec = codec_for(part.charset) if part.charset else None
    if codec is None or (contains_ascii(part.charset) and not codec.startswith(_SHIFTING)):
        return content, None
    try:
        text = content.decode(codec)
        return (text.encode("utf-8"), codec) if text.encode(codec) == content else (None, None)
    except UnicodeError:
        return None, None


class Rewrite:
    """One part as it is to be. Its encoding becomes quoted-printable when a line has become too long."""

    def __init__(self, part: HtmlPart, codec: str | None, layout: Layout) -> None:
        self._layout = layout
        self._codec = codec
        self._is_base64 = part.encoding == "base64"
        self._ends_in_line = part.encoded.endswith(b"\n")
        is_plain = part.encoding not in ("base64", "quoted-printable")
        self.is_encoded_anew = is_plain and has_long_line(self._in_charset(layout.sample(b"x")))
        self._is_quoted = self.is_encoded_anew or part.encoding == "quoted-printable"
        self._template: _Template | None = None
        self._is_first = True

    @property
    def places(self) -> int:
        return len(self._layout.unsigned)

    def of_copy(self, links: LinksOfCopy) -> bytes:
        """Return the part in the copy of those links."""
        if self._is_quoted and self._codec is None and not self._is_first:
            self._template = self._template or _Template.quoted(self._layout)
            return self._template.filled(links)
        self._is_first = False  # for a message to one a template would be made in vain
        content = self._in_charset(self._layout.filled(links))
        if self._is_base64:
            return base64_lines(content)[: None if self._ends_in_line else -2]
        return _quoted_printable(content) if self._is_quoted else content

    def _in_charset(self, content: bytes) -> bytes:
        return content.decode("utf-8").encode(self._codec) if self._codec else content


class _Template(NamedTuple):
    """A quoted-printable part: between two pieces stands a stretch of a signature, which may go over several lines.

    Of a stretch there is the place of its signature among all, and where in that it begins and ends.
    """

    layout: Layout
    pieces: tuple[bytes, ...]
    stretches: tuple[tuple[int, int, int], ...]

    @classmethod
    def quoted(cls, layout: Layout) -> "_Template":
        """Find where signatures stand by what is different when they are others."""
        one, other = (_quoted_printable(layout.sample(letter)) for letter in (b"x", b"y"))
        different = (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
        pieces, stretches, at = list[bytes](), list[tuple[int, int, int]](), 0
        place = begins = 0
        for found in _DIFFERENT.finditer(different):
            ends = begins + len(found[0])
            pieces.append(one[at : found.start()])
            stretches.append((place, begins, ends))
            at, begins = found.end(), ends
            if ends == layout.unsigned[place].signature_octets:
                place, begins = place + 1, 0
        return cls(layout, (*pieces, one[at:]), tuple(stretches))

    def filled(self, links: LinksOfCopy) -> bytes:
        signatures = [links.begins + one for one in links.signatures(self.layout.unsigned)]
        texts = [b""] * (2 * len(self.stretches) + 1)
        texts[::2] = self.pieces
        texts[1::2] = [signatures[place][begins:ends] for place, begins, ends in self.stretches]
        return b"".join(texts)


def _quoted_printable(content: bytes) -> bytes:
    """Both writers add a line break that is not part of the content."""
    count = content.count(b"\r\n")
    in_lines = content.count(b"\n") == count == content.count(b"\r")
    return (quoted_printable_text(content) if in_lines else quoted_printable_binary(content))[:-2]


class _Look(NamedTuple):
    """All that rewrites depend on."""

    parts: tuple[HtmlPart, ...]
    opens: bool
    clicks: bool
    pixels: str
    http: str
    https: str
    key: int


def _look(parts: tuple[HtmlPart, ...], tracking: Tracking) -> _Look:
    urls = tracking.pixels, tracking.http, tracking.https
    return _Look(parts, tracking.opens, tracking.clicks, *urls, tracking.links.newest)


class _Known:
    """The rewrites made last."""

    def __init__(self) -> None:
        self._rewrites: dict[_Look, Rewrites] = {}
        self._octets = 0

    def get(self, look: _Look) -> Rewrites | None:
        return self._rewrites.get(look)

    def keep(self, look: _Look, found: Rewrites) -> None:
        octets = 3 * sum([len(part.encoded) for part in look.parts])
        octets += _PLACE_OCTETS * sum([one.places for one in found.parts if one])
        if octets <= _LONGEST_KNOWN:
            self._octets += octets
            if self._octets > _MOST_KNOWN:
                self._rewrites, self._octets = {}, octets
            self._rewrites[look] = found


_KNOWN = _Known()
