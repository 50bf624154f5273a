"""HTML documents with places for the links and the pixel of a copy: found once, filled in for each copy.

Pure. Called by html_parts.py, which takes the documents out of their parts and
remembers what became of them. What SES does:
https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
"""

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from pillarbox.delivery.tracking import UNMARKED, Marks, Tracking
from pillarbox.kit.html_links import Anchor, scan
from pillarbox.kit.tracking_links import LONGEST_TARGET, LinksOfCopy, Unsigned, can_be_tracked

MOST_LINKS = 250
PLACEHOLDER = b"{{ses:openTracker}}"
_PLACEHOLDERS = re.compile(re.escape(PLACEHOLDER))
_PIXEL = b'<img alt="" src="', b'" style="display: none; width: 1px; height: 1px;">'
_TAG = re.compile(r"([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)")
_PGP = b"-----BEGIN PGP "

_place = itemgetter(0, 1)
_Filling = bytes | Unsigned
_Edit = tuple[int, int, _Filling]


class Layout(NamedTuple):
    """A document as it is to be: between two pieces of it stands a signature of the copy.

    Signatures are as long in every copy, and are written in letters that stand for themselves in any encoding.
    """

    pieces: tuple[bytes, ...]
    unsigned: tuple[Unsigned, ...]

    def filled(self, links: LinksOfCopy) -> bytes:
        """Return the document of one copy."""
        texts = [links.begins] * (3 * len(self.unsigned) + 1)
        texts[::3] = self.pieces
        texts[2::3] = links.signatures(self.unsigned)
        return b"".join(texts)

    def sample(self, letter: bytes) -> bytes:
        """Return the document with that letter wherever a signature has one."""
        texts = [b"", *[letter * one.signature_octets for one in self.unsigned]]
        return b"".join([text for pair in zip(texts, self.pieces, strict=True) for text in pair])


def lay_out(documents: Sequence[bytes | None], tracking: Tracking) -> tuple[list[Layout | None], Marks]:
    """Return what becomes of the documents of a message (None for one that stays as it is), and what it carries.

    A document of a kilobyte can take half a millisecond.
    """
    making = _Making(tracking)
    return list(making.layouts(documents)), making.marks


class _Making:
    """Lays out the documents of one message, whose links are counted together."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._count = 0
        self._same: dict[str, int] = {}
        self.marks = UNMARKED

    def layouts(self, documents: Sequence[bytes | None]) -> Iterator[Layout | None]:
        """Encrypted documents stay as they are, and the pixel is in one document, where there is a place for it."""
        readable = {at: one for at, one in enumerate(documents) if one is not None and _PGP not in one}
        shows_pixel = next(iter(readable), None)
        if len(readable) > 1:
            shows_pixel = next((at for at, one in readable.items() if PLACEHOLDER in one), shows_pixel)
        for at in range(len(documents)):
            yield self._layout(readable[at], at == shows_pixel) if at in readable else None

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
        pixels = [one.signs for one in unsigned].count(None)
        self.marks = Marks(self.marks.pixel or pixels > 0, self.marks.links or len(unsigned) > pixels)
        return Layout(tuple(pieces), tuple(unsigned))

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
        base = tracking.https if url[:5].lower() == "https" else tracking.http
        link = tracking.links.link(number, url, tags, base)
        if len(link.front) - len(base) + link.signature_octets + len(link.back) > LONGEST_TARGET:
            return None
        self._same[url] = number
        self._count += 1
        return link

    def _pixel(self) -> Unsigned:
        before, after = _PIXEL
        pixel = self._tracking.links.pixel(self._tracking.pixels)
        return pixel._replace(front=before + pixel.front, back=pixel.back + after)


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
