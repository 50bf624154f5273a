"""Rewrites the links of HTML parts and sets the pixel, so that opens and clicks are told; every other byte stays.

Pure, but for the memory of html_parts.py. Called by pipeline.py, before the
message is signed.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pillarbox.delivery.tracking import Marks, Tracking
from pillarbox.delivery.transform.html_parts import ENCODINGS, HtmlPart, Rewrites, known_rewrites, rewrites_of
from pillarbox.delivery.transform.shown_parts import shown_parts
from pillarbox.kit.headers import Head, splice
from pillarbox.kit.mime import Part, TooManyParts

Edit = tuple[int, int, bytes]


class Shown(NamedTuple):
    """A message and the HTML parts that are shown in it; `known` is what became of them lately."""

    raw: bytes
    places: tuple[Part, ...]
    parts: tuple[HtmlPart, ...]
    known: Rewrites | None


def look_at(raw: bytes, head: Head, tracking: Tracking) -> Shown:
    """Find the HTML parts of a message, which takes as long as its length says; `head` is its own."""
    try:
        places = tuple(_places(raw, head))
    except TooManyParts:  # nobody shows all of such a message either
        places = ()
    parts = tuple([_html_part(raw, place) for place in places])
    return Shown(raw, places, parts, known_rewrites(parts, tracking))


def with_tracking(shown: Shown, message_id: str, tracking: Tracking) -> tuple[bytes, Marks]:
    """Return the message with the links and the pixel of one copy, and which of them it could be given.

    Signed and encrypted parts stay as they are. It takes long only where the parts are not known.
    """
    raw, places, parts, known = shown
    found = known or rewrites_of(parts, tracking)
    links = tracking.links.of_copy(message_id, tracking.recipient)
    edits: list[Edit] = []
    for place, rewrite in zip(places, found.parts, strict=True):
        if rewrite is not None:
            edits += [_named_encoding(place)] if rewrite.is_encoded_anew else []
            edits.append((place.start, place.end, rewrite.of_copy(links)))
    return (splice(raw, edits) if edits else raw), found.marks


def _places(raw: bytes, head: Head) -> Iterator[Part]:
    for part in shown_parts(raw, ("text/html",), head):
        # Where no blank line ends its header, what is put into a part could be taken for more of the header.
        if part.encoding in ENCODINGS and raw.endswith(b"\r\n\r\n", 0, part.start):
            yield part


def _html_part(raw: bytes, place: Part) -> HtmlPart:
    return HtmlPart(place.encoding, place.parameters.get("charset", ""), raw[place.start : place.end])


def _named_encoding(part: Part) -> Edit:
    fields = {field.name: field for field in reversed(part.fields)}
    line = b"Content-Transfer-Encoding: quoted-printable\r\n"
    if field := fields.get("content-transfer-encoding"):
        return field.start, field.end, line
    place = fields["content-type"].end
    return place, place, line
