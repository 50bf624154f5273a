"""Rewrites the links of HTML parts and sets the pixel, so that opens and clicks are told; every other byte stays.

Pure, but for a memory of what was found in documents seen lately. Called by
pipeline.py, before the message is signed. What SES does:
https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
"""

import binascii
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from pillarbox.delivery.tracking import UNMARKED, Marks, Tracking
from pillarbox.delivery.transform.shown_parts import shown_parts
from pillarbox.kit.headers import codec_for, contains_ascii, splice
from pillarbox.kit.html_links import Anchor, Scan, scan
from pillarbox.kit.mime import (
    Part,
    TooManyParts,
    base64_lines,
    decoded,
    has_long_line,
    quoted_printable_binary,
    quoted_printable_text,
)
from pillarbox.kit.tracking_links import LONGEST_TARGET, can_be_tracked

MOST_LINKS = 250
PLACEHOLDER = b"{{ses:openTracker}}"
_PLACEHOLDERS = re.compile(re.escape(PLACEHOLDER))
_PIXEL = '<img alt="" src="{url}" style="display: none; width: 1px; height: 1px;">'
_TAG = re.compile(r"([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)")
_place = itemgetter(0, 1)
_PGP = b"-----BEGIN PGP "
# Charsets in which a byte below 128 is not always the ASCII character.
_SHIFTING = ("iso2022", "hz", "utf-7")
# Octets of memory. A document is known again by itself: a digest of it would take five times as long.
_MOST_KNOWN, _LONGEST_KNOWN, _ANCHOR_OCTETS = 8 << 20, 256 << 10, 500

Edit = tuple[int, int, bytes]


class _Document(NamedTuple):
    """A part that is shown as HTML; `codec` is what its content must be encoded in again, None for as it is."""

    part: Part
    content: bytes
    codec: str | None


def with_tracking(raw: bytes, message_id: str, tracking: Tracking) -> tuple[bytes, Marks]:
    """Return the message with the links and the pixel of one copy, and which of them it could be given.

    Signed and encrypted parts stay as they are.
    """
    try:
        documents = list(_documents(raw))
    except TooManyParts:  # nobody shows all of such a message either
        return raw, UNMARKED
    rewriting = _Rewriting(message_id, tracking)
    shows_pixel = documents[0] if documents else None
    if len(documents) > 1:
        shows_pixel = next((one for one in documents if PLACEHOLDER in one.content), shows_pixel)
    edits: list[Edit] = []
    for document in documents:
        content = rewriting.rewritten(document.content, document is shows_pixel)
        if content != document.content:
            edits += _encoded(raw, document, content)
    return (splice(raw, edits) if edits else raw), rewriting.marks


def _documents(raw: bytes) -> Iterator[_Document]:
    for part in shown_parts(raw, ("text/html",)):
        document = _read(raw, part)
        # Where no blank line ends its header, what is put into a part could be taken for more of the header.
        if document is not None and _PGP not in document.content and raw.endswith(b"\r\n\r\n", 0, part.start):
            yield document


def _read(raw: bytes, part: Part) -> _Document | None:
    """Return what a part holds, or None when the same bytes could not be made of it again."""
    if part.encoding not in ("7bit", "8bit", "binary", "quoted-printable", "base64"):
        return None
    content = decoded(raw, part)
    if part.encoding == "base64":
        letters = raw[part.start : part.end].translate(None, b"\r\n\t =")
        if binascii.b2a_base64(content, newline=False).rstrip(b"=") != letters:
            return None
    charset = part.parameters.get("charset")
    codec = codec_for(charset) if charset else None
    if codec is None or (contains_ascii(charset) and not codec.startswith(_SHIFTING)):
        return _Document(part, content, None)
    try:
        text = content.decode(codec)
        return _Document(part, text.encode("utf-8"), codec) if text.encode(codec) == content else None
    except UnicodeError:
        return None


def _encoded(raw: bytes, document: _Document, content: bytes) -> list[Edit]:
    """Return the edits by which a part holds `content`; its encoding changes when a line has become too long."""
    part = document.part
    if document.codec is not None:
        content = content.decode("utf-8").encode(document.codec)
    if part.encoding == "base64":
        line_end = 0 if raw.endswith(b"\n", part.start, part.end) else -2
        return [(part.start, part.end, base64_lines(content)[: line_end or None])]
    if part.encoding == "quoted-printable":
        return [(part.start, part.end, _quoted_printable(content))]
    if not has_long_line(content):
        return [(part.start, part.end, content)]
    return [_named_encoding(part), (part.start, part.end, _quoted_printable(content))]


def _quoted_printable(content: bytes) -> bytes:
    """Both writers add a line break that is not part of the content."""
    count = content.count(b"\r\n")
    in_lines = content.count(b"\n") == count == content.count(b"\r")
    return (quoted_printable_text(content) if in_lines else quoted_printable_binary(content))[:-2]


def _named_encoding(part: Part) -> Edit:
    fields = {field.name: field for field in reversed(part.fields)}
    line = b"Content-Transfer-Encoding: quoted-printable\r\n"
    if field := fields.get("content-transfer-encoding"):
        return field.start, field.end, line
    place = fields["content-type"].end
    return place, place, line


class _Rewriting:
    """Rewrites the documents of one message, whose links are counted together."""

    def __init__(self, message_id: str, tracking: Tracking) -> None:
        self._tracking = tracking
        self._links = tracking.links.of_copy(message_id, tracking.recipient)
        self._count = 0
        self._same: dict[str, int] = {}
        self.marks = UNMARKED

    def rewritten(self, content: bytes, shows_pixel: bool) -> bytes:
        found = _SCANS.of(content)
        edits = [edit for anchor in found.anchors for edit in self._of_anchor(anchor)]
        places = [place.start() for place in _PLACEHOLDERS.finditer(content)]
        pixel = self._pixel() if shows_pixel and self._tracking.opens else b""
        if places:
            edits += [(at, at + len(PLACEHOLDER), pixel if at == places[0] else b"") for at in places]
        elif pixel:
            edits.append((found.body_end, found.body_end, pixel))
        edits = _apart(edits)
        put = {new for _, _, new in edits} - {b""}  # what is not the pixel is a link
        self.marks = Marks(self.marks.pixel or pixel in put, self.marks.links or not put <= {pixel})
        return splice(content, edits) if edits else content

    def _of_anchor(self, anchor: Anchor) -> list[Edit]:
        edits = [(start, end, b"") for start, end in anchor.removals]
        if (link := self._link(anchor.href, anchor.tags) if anchor.is_tracked else None) is not None:
            edits.append((anchor.start, anchor.end, link))
        return edits

    def _link(self, url: str, said: str) -> bytes | None:
        """Return where an anchor leads from now on, or None when it stays; a link that is too long is not followed."""
        tracking = self._tracking
        if not (tracking.clicks and self._count < MOST_LINKS and can_be_tracked(url)):
            return None
        tags = "".join(f"{key}:{value};" for key, value in _tags(said)) if said else ""
        number = self._same.get(url, 0) + 1
        path = self._links.link(number, url, tags)
        if len(path) > LONGEST_TARGET:
            return None
        self._same[url] = number
        self._count += 1
        return ((tracking.https if url[:5].lower() == "https" else tracking.http) + path).encode("ascii")

    def _pixel(self) -> bytes:
        return _PIXEL.format(url=self._tracking.pixels + self._links.pixel()).encode("ascii")


def _tags(text: str) -> Iterator[tuple[str, str]]:
    """Yield the tags of a link that can be told: `key:value;key:value;`."""
    for one in text.split(";"):
        if found := _TAG.fullmatch(one.strip()):
            yield found[1], found[2]


def _apart(edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits in order without those that touch a place which another changes already."""
    apart: list[Edit] = []
    until = 0
    for edit in sorted(edits, key=_place):
        if edit[0] >= until:
            apart.append(edit)
            until = edit[1]
    return apart


class _Scans:
    """What was found in the last documents: a mail to many is the same document many times."""

    def __init__(self) -> None:
        self._known: dict[bytes, Scan] = {}
        self._octets = 0

    def of(self, document: bytes) -> Scan:
        found = self._known.get(document)
        if found is None:
            found = scan(document)
            octets = len(document) + _ANCHOR_OCTETS * len(found.anchors)
            if octets <= _LONGEST_KNOWN:
                self._octets += octets
                if self._octets > _MOST_KNOWN:
                    self._known, self._octets = {}, octets
                self._known[document] = found
        return found


_SCANS = _Scans()
