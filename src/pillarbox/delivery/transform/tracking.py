"""Rewrites the links of HTML parts and sets the pixel, so that opens and clicks are told; every other byte stays.

Pure, but for the memory of documents.py. Called by pipeline.py, before the
message is signed.
"""

import binascii
from collections.abc import Iterator
from typing import NamedTuple

from pillarbox.delivery.tracking import Marks, Tracking
from pillarbox.delivery.transform.documents import Layout, Layouts, known_layouts, layouts_of
from pillarbox.delivery.transform.shown_parts import shown_parts
from pillarbox.kit.headers import Head, codec_for, contains_ascii, splice
from pillarbox.kit.mime import (
    Part,
    TooManyParts,
    base64_lines,
    decoded,
    has_long_line,
    quoted_printable_binary,
    quoted_printable_text,
)

# Charsets in which a byte below 128 is not always the ASCII character.
_SHIFTING = ("iso2022", "hz", "utf-7")

Edit = tuple[int, int, bytes]


class _Document(NamedTuple):
    """A part that is shown as HTML; `codec` is what its content must be encoded in again, None for as it is."""

    part: Part
    content: bytes
    codec: str | None


class Shown(NamedTuple):
    """A message and the documents that are shown in it; `known` is what was found in them lately."""

    raw: bytes
    documents: tuple[_Document, ...]
    known: Layouts | None


def look_at(raw: bytes, head: Head, tracking: Tracking) -> Shown:
    """Find the documents of a message, which takes as long as its length says; `head` is its own."""
    try:
        documents = tuple(_documents(raw, head))
    except TooManyParts:  # nobody shows all of such a message either
        documents = ()
    return Shown(raw, documents, known_layouts(tuple([one.content for one in documents]), tracking))


def with_tracking(shown: Shown, message_id: str, tracking: Tracking) -> tuple[bytes, Marks]:
    """Return the message with the links and the pixel of one copy, and which of them it could be given.

    Signed and encrypted parts stay as they are. It takes long only where the documents are not known.
    """
    raw, documents, known = shown
    found = known or layouts_of(tuple([one.content for one in documents]), tracking)
    links = tracking.links.of_copy(message_id, tracking.recipient)
    edits: list[Edit] = []
    for document, layout in zip(documents, found.layouts, strict=True):
        if layout is not None:
            edits += _encoded(raw, document, layout, layout.filled(links))
    return (splice(raw, edits) if edits else raw), found.marks


def _documents(raw: bytes, head: Head) -> Iterator[_Document]:
    for part in shown_parts(raw, ("text/html",), head):
        document = _read(raw, part)
        # Where no blank line ends its header, what is put into a part could be taken for more of the header.
        if document is not None and raw.endswith(b"\r\n\r\n", 0, part.start):
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


def _encoded(raw: bytes, document: _Document, layout: Layout, content: bytes) -> list[Edit]:
    """Return the edits by which a part holds `content`; its encoding changes when a line has become too long."""
    part = document.part
    if document.codec is not None:
        content = content.decode("utf-8").encode(document.codec)
    if part.encoding == "base64":
        line_end = 0 if raw.endswith(b"\n", part.start, part.end) else -2
        return [(part.start, part.end, base64_lines(content)[: line_end or None])]
    if part.encoding == "quoted-printable":
        return [(part.start, part.end, _quoted_printable(content))]
    # In another charset lines have other lengths.
    is_long = layout.has_long_line if document.codec is None else has_long_line(content)
    if not is_long:
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
