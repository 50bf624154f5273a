"""Finds the links of an HTML document, so that they can be changed and every other byte can stay.

Pure, bytes in and positions out, linear in the length of the document. Called
by delivery/transform/documents.py. The document is taken apart as the tokenizer
of the HTML standard does it, in any charset whose bytes below 128 are ASCII.
https://html.spec.whatwg.org/multipage/parsing.html#tokenization
"""

import html
import re
from html.entities import html5
from typing import NamedTuple

NO_TRACK = b"ses:no-track"
TAGS = b"ses:tags"

# What the patterns below write as `_`.
_SPACE = rb"\t\n\f\r\x20"
# Attributes up to the end of the tag; a quoted value that is never closed ends with the document, and with it the tag.
_ATTRIBUTE = rb"""[^_/>][^_/>=]*+(?:[_]*+=[_]*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^_>"'][^_>]*+|(?=>)))?+"""
_TO_TAG_END = (rb"(?:[_/]*+" + _ATTRIBUTE + rb")*+[_/]*+>").replace(b"_", _SPACE)
_OF_INTEREST = rb"(?:a|area|script|style|title|textarea|xmp|iframe|noembed|noframes|plaintext)(?=[_/>])"
# Runs over everything up to the next tag of interest, in one go: text, comments (the conditional ones of Outlook too),
# what a browser takes for a comment, and other tags. It stops also at a tag or comment that is never closed. What
# stands in a script and its like is left to the code below.
_NEXT = re.compile(
    rb"(?i:(?:[^<]++"
    rb"|<!--(?:-?>|(?s:.*?)--!?>)"
    rb"|<(?:!(?!--)|\?)[^>]*+(?:>|\Z)"
    rb"|</(?:>|[^a-z>][^>]*+(?:>|\Z)|\Z)"
    rb"|<(?:/(?!body[_/>])|(?!%b))[a-z][^_/>]*+%b"
    rb"|<(?![a-z!/?])"
    rb")*+<(!--|/?[a-z][^_/>]*+))".replace(b"_", _SPACE)
    % (_OF_INTEREST.replace(b"_", _SPACE), _TO_TAG_END)
)
_TAG_END = re.compile(_TO_TAG_END)
_ATTRIBUTES = re.compile(
    rb"""([_/]*+)([^_/>][^_/>=]*+)(?:[_]*+=[_]*+(?:"([^"]*+)"|'([^']*+)'|([^_>"'][^_>]*+)|\Z))?+""".replace(
        b"_", _SPACE
    )
)
_STRAY_VALUE = re.compile(rb"[_/]*+=".replace(b"_", _SPACE))
_SCRIPT_STEP = re.compile(rb"(?i:<!--|-->|</?script(?=[_/>]))".replace(b"_", _SPACE))
_TEXT_END = {
    name: re.compile(rb"(?i:</%b(?=[_/>]))".replace(b"_", _SPACE) % name)
    for name in (b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes")
}
_REFERENCE = re.compile(r"&(?:#(?:[0-9]++|[xX][0-9A-Fa-f]++);?+|([A-Za-z][A-Za-z0-9]*+)(;?+)(?=(=?)))")
_LINKS = frozenset((b"a", b"area"))


class Anchor(NamedTuple):
    """A tag that leads somewhere: where the value of its `href` stands, and what that value says.

    `tags` is the value of `ses:tags`. `removals` are where the attributes stand that are not for recipients.
    """

    start: int
    end: int
    href: str
    is_tracked: bool
    tags: str
    removals: tuple[tuple[int, int], ...]


class Scan(NamedTuple):
    """The anchors in their order, and where the body ends: what is shown, at least, of a document that is broken."""

    anchors: tuple[Anchor, ...]
    body_end: int


def scan(document: bytes) -> Scan:
    """Find what tracking needs to know of a document; no document is too odd."""
    anchors: list[Anchor] = []
    at, shown_until, body_end = 0, len(document), None
    while found := _NEXT.match(document, at):
        name, start = found[1].lower(), found.start(1) - 1
        tag = _TAG_END.match(document, found.end()) if name != b"!--" else None
        goes_on_at = None
        if tag and name in _LINKS:
            anchors += _anchor(document, found.end(), tag.end() - 1)
            goes_on_at = tag.end()
        elif tag and name == b"/body":
            body_end, goes_on_at = start, tag.end()
        elif tag:
            goes_on_at = _text_end(document, name, tag.end())
        if goes_on_at is None:  # what begins here never ends, and nothing of it is shown
            shown_until = start
            break
        at = goes_on_at
    return Scan(tuple(anchors), shown_until if body_end is None else body_end)


def _anchor(document: bytes, start: int, end: int) -> list[Anchor]:
    """Read the attributes of a tag, if any matter; of two with one name the first counts."""
    href: tuple[int, int] | None = None
    is_tracked, tags = True, None
    removals = []
    for found in _ATTRIBUTES.finditer(document, start, end):
        name = found[2].lower()
        if name == b"href":
            href = href or _value(found)
        elif name in (NO_TRACK, TAGS):
            removals += _removal(document, found)
            is_tracked = is_tracked and name != NO_TRACK
            if name == TAGS and tags is None:
                tags = _text(document, _value(found))
    if href is None and tags is None and is_tracked:
        return []
    place = href or (end, end)
    return [Anchor(*place, _text(document, place), is_tracked, tags or "", tuple(removals))]


def _value(found: re.Match[bytes]) -> tuple[int, int]:
    return found.span(found.lastindex) if found.lastindex and found.lastindex > 2 else (found.end(), found.end())


def _removal(document: bytes, found: re.Match[bytes]) -> list[tuple[int, int]]:
    """An attribute goes with the space in front of it, unless what follows would then join what stands there.

    Where a stray `=` follows, it stays: what stands in front of it would get a value.
    """
    if _STRAY_VALUE.match(document, found.end()):
        return []
    alone = document[found.end() : found.end() + 1] in (b" ", b"\t", b"\n", b"\f", b"\r", b">")
    return [(found.start() if alone else found.start(2), found.end())]


def _text_end(document: bytes, name: bytes, at: int) -> int | None:
    """Return where an element ends that holds nothing but text: at its end tag, or None for never."""
    if name == b"script":
        return _script_end(document, at)
    found = _TEXT_END[name].search(document, at) if name in _TEXT_END else None
    return found.start() if found else None


def _script_end(document: bytes, at: int) -> int | None:
    """The end tag of a script does not count in a comment in which another script has begun.

    https://html.spec.whatwg.org/multipage/parsing.html#script-data-double-escaped-state
    """
    in_comment = in_inner = False
    while found := _SCRIPT_STEP.search(document, at):
        step = found[0].lower()
        at = found.start() + 2 if step == b"<!--" else found.end()  # `<!-->` is a comment that has ended
        if step == b"</script" and not in_inner:
            return found.start()
        in_comment = in_comment or step == b"<!--"
        if step == b"-->":
            in_comment = in_inner = False
        elif step in (b"<script", b"</script"):
            in_inner = in_comment and step == b"<script"
    return None


def _text(document: bytes, place: tuple[int, int]) -> str:
    """Return an attribute's value with its character references replaced; other charsets' letters stay unread."""
    text = document[slice(*place)].decode("latin-1")
    references = text.count("&")
    if references == text.count("&amp;"):  # as in nearly all links
        return text.replace("&amp;", "&") if references else text
    return _REFERENCE.sub(_referred, text)


def _referred(found: re.Match[str]) -> str:
    """In an attribute a name without its semicolon counts only where no letter, digit or `=` follows it.

    https://html.spec.whatwg.org/multipage/parsing.html#named-character-reference-state
    """
    name, semicolon, equals = found.groups()
    if name is None:
        return html.unescape(found[0])
    if not semicolon and equals:
        return found[0]
    return html5.get(name + semicolon, found[0])
