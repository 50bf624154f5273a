"""HTML documents with places for the links and the pixel of a copy: found once, filled in for each copy.

Pure, but for a memory of the documents seen lately: a mail to many is the same
documents many times. Called by tracking.py, which finds the documents in a
message. What SES does:
https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
"""

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from pillarbox.delivery.tracking import UNMARKED, Marks, Tracking
from pillarbox.kit.html_links import Anchor, scan
from pillarbox.kit.mime import has_long_line
from pillarbox.kit.tracking_links import LONGEST_TARGET, LinksOfCopy, Unsigned, can_be_tracked

MOST_LINKS = 250
PLACEHOLDER = b"{{ses:openTracker}}"
_PLACEHOLDERS = re.compile(re.escape(PLACEHOLDER))
_PIXEL = b'<img alt="" src="', b'" style="display: none; width: 1px; height: 1px;">'
_TAG = re.compile(r"([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)")
_PGP = b"-----BEGIN PGP "
# Octets of memory. Documents are known again by themselves: a digest of them would take five times as long.
_MOST_KNOWN, _LONGEST_KNOWN, _PLACE_OCTETS = 16 << 20, 512 << 10, 1_000

_place = itemgetter(0, 1)
_Filling = bytes | Unsigned
_Edit = tuple[int, int, _Filling]


class Layout(NamedTuple):
    """A document as it is to be: between two pieces of it stands a signature of the copy.

    None of them has a line break in it, and they are as long in every copy: so `has_long_line` is true of all copies.
    """

    pieces: tuple[bytes, ...]
    unsigned: tuple[Unsigned, ...]
    has_long_line: bool

    def filled(self, links: LinksOfCopy) -> bytes:
        """Return the document of one copy."""
        texts = [links.begins] * (3 * len(self.unsigned) + 1)
        texts[::3] = self.pieces
        texts[2::3] = links.signatures(self.unsigned)
        return b"".join(texts)


class Layouts(NamedTuple):
    """What becomes of the documents of a message (None for one that stays as it is), and what the message carries."""

    layouts: tuple[Layout | None, ...]
    marks: Marks


class _Look(NamedTuple):
    """All that layouts depend on."""

    documents: tuple[bytes, ...]
    opens: bool
    clicks: bool
    pixels: str
    http: str
    https: str
    key: int


class _Known:
    """The layouts made last."""

    def __init__(self) -> None:
        self._layouts: dict[_Look, Layouts] = {}
        self._octets = 0

    def get(self, look: _Look) -> Layouts | None:
        return self._layouts.get(look)

    def keep(self, look: _Look, found: Layouts) -> None:
        places = sum(len(one.unsigned) for one in found.layouts if one)
        octets = 2 * sum(map(len, look.documents)) + _PLACE_OCTETS * places
        if octets <= _LONGEST_KNOWN:
            self._octets += octets
            if self._octets > _MOST_KNOWN:
                self._layouts, self._octets = {}, octets
            self._layouts[look] = found


_KNOWN = _Known()


def known_layouts(documents: tuple[bytes, ...], tracking: Tracking) -> Layouts | None:
    """Return what was found in the documents of a message lately, if they were seen."""
    return _KNOWN.get(_look(documents, tracking))


def layouts_of(documents: tuple[bytes, ...], tracking: Tracking) -> Layouts:
    """Find what becomes of the documents of a message; a document of a kilobyte can take half a millisecond."""
    making = _Making(tracking)
    layouts = making.layouts(documents)
    found = Layouts(tuple(layouts), making.marks)
    _KNOWN.keep(_look(documents, tracking), found)
    return found


def _look(documents: tuple[bytes, ...], tracking: Tracking) -> _Look:
    urls = tracking.pixels, tracking.http, tracking.https
    return _Look(documents, tracking.opens, tracking.clicks, *urls, tracking.links.newest)


class _Making:
    """Lays out the documents of one message, whose links are counted together."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._count = 0
        self._same: dict[str, int] = {}
        self.marks = UNMARKED

    def layouts(self, documents: Sequence[bytes]) -> Iterator[Layout | None]:
        """Encrypted documents stay as they are, and the pixel is in one document, where there is a place for it."""
        readable = [place for place, document in enumerate(documents) if _PGP not in document]
        first = readable[0] if readable else None
        if len(readable) > 1:
            first = next((place for place in readable if PLACEHOLDER in documents[place]), first)
        for place, document in enumerate(documents):
            yield self._layout(document, place == first) if place in readable else None

    def _layout(self, document: bytes, shows_pixel: bool) -> Layout | None:
        found = scan(document)
        edits = [edit for anchor in found.anchors for edit in self._of_anchor(anchor)]
        places = [place.start() for place in _PLACEHOLDERS.finditer(document)]
        pixel: _Filling = self._pixel() if shows_pixel and self._tracking.opens else b""
        if places:
            edits += [(at, at + len(PLACEHOLDER), pixel if at == places[0] else b"") for at in places]
        elif pixel:
            edits.append((found.body_end, found.body_end, pixel))
        return self._laid_out(document, _apart(edits)) if edits else None

    def _laid_out(self, document: bytes, edits: Sequence[_Edit]) -> Layout:
        pieces, unsigned, texts, at = list[bytes](), list[Unsigned](), list[bytes](), 0
        for start, end, filling in edits:
            texts.append(document[at:start])
            at = end
            if isinstance(filling, Unsigned):
                pieces.append(b"".join([*texts, filling.front]))
                unsigned.append(filling)
                texts = [filling.back]
        pieces.append(b"".join([*texts, document[at:]]))
        pixels = sum(one.is_pixel for one in unsigned)
        self.marks = Marks(self.marks.pixel or pixels > 0, self.marks.links or len(unsigned) > pixels)
        return Layout(tuple(pieces), tuple(unsigned), has_long_line(_sample(pieces, unsigned)))

    def _of_anchor(self, anchor: Anchor) -> list[_Edit]:
        edits: list[_Edit] = [(start, end, b"") for start, end in anchor.removals]
        if (link := self._link(anchor.href, anchor.tags) if anchor.is_tracked else None) is not None:
            edits.append((anchor.start, anchor.end, link))
        return edits

    def _link(self, url: str, said: str) -> Unsigned | None:
        """Return where an anchor leads from now on, or None when it stays; a link that is too long is not followed."""
        tracking = self._tracking
        if not (tracking.clicks and self._count < MOST_LINKS and can_be_tracked(url)):
            return None
        tags = "".join(f"{key}:{value};" for key, value in _tags(said)) if said else ""
        number = self._same.get(url, 0) + 1
        link = tracking.links.link(number, url, tags)
        if link.octets > LONGEST_TARGET:
            return None
        self._same[url] = number
        self._count += 1
        base = tracking.https if url[:5].lower() == "https" else tracking.http
        return link._replace(front=base.encode("ascii") + link.front)

    def _pixel(self) -> Unsigned:
        before, after = _PIXEL
        pixel, base = self._tracking.links.pixel(), self._tracking.pixels.encode("ascii")
        return pixel._replace(front=before + base + pixel.front, back=pixel.back + after)


def _sample(pieces: Sequence[bytes], unsigned: Sequence[Unsigned]) -> bytes:
    texts = [b"", *[b"x" * one.signature_octets for one in unsigned]]
    return b"".join([text for pair in zip(texts, pieces, strict=True) for text in pair])


def _tags(text: str) -> Iterator[tuple[str, str]]:
    """Yield the tags of a link that can be told: `key:value;key:value;`."""
    for one in text.split(";"):
        if found := _TAG.fullmatch(one.strip()):
            yield found[1], found[2]


def _apart(edits: Sequence[_Edit]) -> list[_Edit]:
    """Return the edits in order without those that touch a place which another changes already."""
    apart: list[_Edit] = []
    until = 0
    for edit in sorted(edits, key=_place):
        if edit[0] >= until:
            apart.append(edit)
            until = edit[1]
    return apart
