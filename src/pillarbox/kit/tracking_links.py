"""Links and pixels that tell of clicks and opens: made so that only we can make them, and read from what arrives.

Pure. Made by delivery/transform/documents.py, read by edge/tracking.py. A link
holds its target in the open and a MAC over it, so that a redirect needs no
store and leads nowhere that the mail did not. Mail clients damage links; what
they do to them is undone by trying each likely original against the MAC.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pillarbox.kit.mac import Mac

# The recipient of a copy that several people got: who of them it was cannot be told.
EVERYONE = 0xFFFF
LINK_PATH = "/CL0/"
PIXEL_PATH = "/CI0/"
# Larger requests are answered with 400 by SES as well.
LONGEST_TARGET = 8192

_MAC_BYTES = 30
_RECIPIENT_BYTES = 2
_FIXED_BYTES = _RECIPIENT_BYTES + _MAC_BYTES
_FIXED_LETTERS = 43
_MESSAGE_ID_LETTERS = 60
_MOST_LEVELS = 4
# Letters of guesses at one level: a request that is nobody's link must not cost much.
_MOST_TRIED = 32 * 1024
# What is encoded in the target's place, `%` first, so that one decoding gives the target; all else stands for itself.
# A `+` is encoded because half of the world reads it as a space.
_ENCODED = tuple((letter, f"%{ord(letter):02X}") for letter in "%/?&#+'[]")
# https://www.rfc-editor.org/rfc/rfc3986#appendix-A
_LETTERS = r"[A-Za-z0-9._~!$&'()*+,;=-]"
_URI = re.compile(
    rf"(?i:https?)://(?:(?:{_LETTERS}|:|%[0-9A-Fa-f]{{2}})*+@)?(?:\[[0-9A-Fa-f:.]+\]|(?:{_LETTERS}|%[0-9A-Fa-f]{{2}})++)(?::[0-9]*+)?"
    rf"(?:/(?:{_LETTERS}|[:@/]|%[0-9A-Fa-f]{{2}})*+)?(?:\?(?:{_LETTERS}|[:@/?]|%[0-9A-Fa-f]{{2}})*+)?"
    rf"(?:#(?:{_LETTERS}|[:@/?]|%[0-9A-Fa-f]{{2}})*+)?"
)
_MESSAGE_ID = r"[0-9a-f]{16}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9]{6}"
_TAIL = re.compile(rf"/([0-9]{{1,6}})/({_MESSAGE_ID})(?:/([A-Za-z0-9_-]*)(=*)([0-9]{{0,6}}))?")
_AS_MADE = re.compile(
    rf"{LINK_PATH}([^/?]+)/([0-9]{{1,6}})/({_MESSAGE_ID})/([A-Za-z0-9_-]{{{_FIXED_LETTERS},}})=([0-9]{{1,6}})"
)
_PIXEL = re.compile(rf"({_MESSAGE_ID})(?:/([A-Za-z0-9_-]*)(=*)([0-9]{{0,6}}))?")
_ONE_SLASH = re.compile(r"(https?):/+(?=[^/])", re.IGNORECASE)
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_TARGET = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_OCTETS = re.compile(r"%[0-9A-Fa-f]{2}")
# What a client that decodes a second time has taken away is put back: for values of a query that were encoded as a
# whole, as an address, and as little as they may be.
_KEPT_IN_VALUES = ("-._~", "-._~!'()*", "-._~:/!'()*$,;", "-._~:/@!'()*$,;", "-._~:/@!'()*$,;+?")


def can_be_tracked(url: str) -> bool:
    """Say whether it is a URI of the web in every letter; SES leaves a link alone that is not.

    https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html#faqs-metrics-clicks
    """
    return _target(url) is not None


@lru_cache(maxsize=4_096)
def _target(url: str) -> str | None:
    """Return a URL as it stands in a link, or None for one that cannot be tracked; a mail to many asks often."""
    if not _URI.fullmatch(url):
        return None
    for letter, encoded in _ENCODED:
        url = url.replace(letter, encoded)
    return url


class Link(NamedTuple):
    """A link that is signed and whole: `number` tells apart the places where one message has the same target.

    `recipient` is the place in the list of the message's recipients, or EVERYONE. `tags` are those of the link as they
    are written in mail: `key:value;key:value;`.
    """

    message_id: str
    recipient: int
    number: int
    url: str
    tags: str


class Pixel(NamedTuple):
    """A pixel that is signed and whole."""

    message_id: str
    recipient: int


class SignatureLost(NamedTuple):
    """A link that may be one of that message: its signature was cut, or made with a key that is not here.

    It leads somewhere only if the message has one of `urls` in it, which are the likely targets.
    """

    message_id: str
    number: int
    urls: tuple[str, ...]


class Unsigned(NamedTuple):
    """A link or the pixel of any copy: what a copy signs it with stands between `front` and `back`.

    `signs` is what the MAC is over, beside what all links of a copy begin with; None for the pixel. `packed` are the
    tags of the link. `letters` is how long the signature is, behind the message's id: as long in every copy.
    """

    front: bytes
    back: bytes
    signs: bytes | None
    packed: bytes
    letters: int

    @property
    def signature_octets(self) -> int:
        """How long all is that a copy puts between front and back."""
        return _MESSAGE_ID_LETTERS + 1 + self.letters


class TrackingLinks:
    """Makes links and reads them; whoever does not have the keys can make none that is read as whole."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys` are by their numbers, the one that signs last."""
        self._keys = dict(keys)
        self.newest = next(reversed(self._keys))
        self._macs = {number: Mac(key) for number, key in self._keys.items()}
        self._back = b"=%d" % self.newest

    def of_copy(self, message_id: str, recipient: int) -> "LinksOfCopy":
        """Return what makes the links of a message, or of one recipient's copy of it."""
        return LinksOfCopy(self, self._macs[self.newest], message_id, recipient)

    def link(self, number: int, url: str, tags: str = "", base: str = "") -> Unsigned:
        """Return a link to `url` that needs no escape in HTML; it leads to `base`, whatever of a URL that is.

        Raises ValueError for one that cannot be tracked.
        """
        target = _target(url)
        if target is None:
            raise ValueError(f"no URI of the web: {url!r}")
        packed = _packed(tags) if tags else b""
        front = f"{base}{LINK_PATH}{target}/{number}/".encode("ascii")
        letters = _FIXED_LETTERS + len(packed) // 3 * 4
        return Unsigned(front, self._back, _link_ends(number, url, packed), packed, letters)

    def pixel(self, base: str = "") -> Unsigned:
        """Return the pixel, in the same way."""
        return Unsigned(f"{base}{PIXEL_PATH}".encode("ascii"), self._back, None, b"", _FIXED_LETTERS)

    def read(self, target: bytes) -> Link | Pixel | SignatureLost | None:
        """Return what a request asks for by its raw path, `?` and query; None for what is altered, or not ours."""
        if len(target) > LONGEST_TARGET:
            return None
        text = target.decode("latin-1")
        if text.startswith(PIXEL_PATH):
            return self._read_pixel(text)
        if not text.startswith(LINK_PATH):
            return None
        return self._read_as_made(text) or self._read_link(text)

    def _read_as_made(self, text: str) -> Link | None:
        """Read a link that nobody has touched, as most are: faster than to look for what has happened to it."""
        if not (found := _AS_MADE.fullmatch(text)):
            return None
        target, digits, message_id, letters, key_digits = found.groups()
        url = unquote_to_bytes(target).decode("latin-1")
        for key, recipient, mac, packed in self._signatures(letters, "=", key_digits):
            made = self._mac(key, _link_content(message_id, recipient, int(digits), url, packed))
            if hmac.compare_digest(mac, made) and _TARGET.fullmatch(url):
                return Link(message_id, recipient, int(digits), url, _unpacked(packed))
        return None

    def _read_pixel(self, text: str) -> Pixel | None:
        for level in _levels(text.removeprefix(PIXEL_PATH)):
            if found := _PIXEL.match(level):
                message_id, letters, padding, digits = found.groups("")
                for key, recipient, mac, _ in self._signatures(letters, padding, digits):
                    if hmac.compare_digest(mac, self._mac(key, _pixel_content(message_id, recipient))):
                        return Pixel(message_id, recipient)
        return None

    def _read_link(self, text: str) -> Link | SignatureLost | None:
        lost: dict[tuple[str, int], list[str]] = {}
        altered = False
        for level in _levels(text.removeprefix(LINK_PATH)):
            tails = list(_TAIL.finditer(level))
            if not tails:
                continue
            tail = tails[-1]  # a target can be a link of ours itself
            digits, message_id, letters, padding, key_digits = tail.groups("")
            number = int(digits)
            signatures = self._signatures(letters, padding, key_digits)
            altered = altered or bool(signatures)
            for url in _likely_targets(level[: tail.start()]):
                for key, recipient, mac, packed in signatures:
                    made = self._mac(key, _link_content(message_id, recipient, number, url, packed))
                    if hmac.compare_digest(mac, made):
                        return Link(message_id, recipient, number, url, _unpacked(packed))
                lost.setdefault((message_id, number), []).append(url)
        if altered or not lost:
            return None
        (message_id, number), urls = next(iter(lost.items()))
        return SignatureLost(message_id, number, tuple(dict.fromkeys(urls)))

    def _signatures(self, letters: str, padding: str, digits: str) -> list[tuple[int, int, bytes, bytes]]:
        """Return what a signature can mean: the key's number, the recipient, the MAC and the tags.

        Without its padding the number of the key stands directly behind the letters; without its number it can be any.
        """
        splits = [(letters, int(digits))] if digits else []
        if not digits:
            splits = [(letters, key) for key in self._keys]
            if not padding:
                splits += [(letters.removesuffix(str(key)), key) for key in self._keys if letters.endswith(str(key))]
        found = []
        for token, key in splits:
            if key in self._keys and len(token) >= _FIXED_LETTERS and len(token) % 4 == _FIXED_LETTERS % 4:
                octets = base64.urlsafe_b64decode(token + "=")
                recipient = int.from_bytes(octets[:_RECIPIENT_BYTES])
                found.append((key, recipient, octets[_RECIPIENT_BYTES:_FIXED_BYTES], octets[_FIXED_BYTES:]))
        return found

    def _mac(self, key: int, content: bytes) -> bytes:
        return self._macs[key].of_all(b"", [content])[0][:_MAC_BYTES]


class LinksOfCopy:
    """Signs the links of one copy, many at once: what they have in common is put into their MACs once."""

    def __init__(self, links: TrackingLinks, mac: Mac, message_id: str, recipient: int) -> None:
        self._links = links
        self._mac = mac
        self._message_id = message_id
        self._recipient = recipient
        self.begins = f"{message_id}/".encode("ascii")

    def signatures(self, unsigned: Sequence[Unsigned]) -> list[bytes]:
        """Return what stands behind `begins` between front and back of each."""
        links = [one.signs for one in unsigned if one.signs is not None]
        macs = iter(self._mac.of_all(_link_begins(self._message_id, self._recipient), links))
        octets, recipient = list[bytes](), self._recipient.to_bytes(_RECIPIENT_BYTES)
        for one in unsigned:
            mac = self._of_pixel() if one.signs is None else next(macs)
            # One octet more, so that each is encoded by itself: its letter is left out again.
            octets += (recipient, mac[:_MAC_BYTES], one.packed, b"\x00")
        text = binascii.b2a_base64(b"".join(octets), newline=False).translate(_URL_SAFE)
        signatures, at = [], 0
        for one in unsigned:
            end = at + one.letters
            signatures.append(text[at:end])
            at = end + 1
        return signatures

    def link(self, number: int, url: str, tags: str = "") -> str:
        """Return the path of a link; see TrackingLinks.link."""
        return self._path(self._links.link(number, url, tags))

    def pixel(self) -> str:
        """Return the path of the pixel."""
        return self._path(self._links.pixel())

    def _path(self, unsigned: Unsigned) -> str:
        return b"".join([unsigned.front, self.begins, *self.signatures([unsigned]), unsigned.back]).decode("ascii")

    def _of_pixel(self) -> bytes:
        return self._mac.of_all(b"", [_pixel_content(self._message_id, self._recipient)])[0]


def _link_content(message_id: str, recipient: int, number: int, url: str, packed: bytes) -> bytes:
    """No part but the last can hold a line break, so no two links have the same content."""
    return _link_begins(message_id, recipient) + _link_ends(number, url, packed)


def _link_begins(message_id: str, recipient: int) -> bytes:
    return b"link\n%s\n%d\n" % (message_id.encode(), recipient)


def _link_ends(number: int, url: str, packed: bytes) -> bytes:
    return b"%d\n%s\n%s" % (number, packed, url.encode("latin-1"))


def _pixel_content(message_id: str, recipient: int) -> bytes:
    return b"pixel\n%s\n%d" % (message_id.encode(), recipient)


def _packed(tags: str) -> bytes:
    """Fill up with the character that ends a tag, so that the token always has one character of padding."""
    return tags.encode("ascii") + b";" * (-len(tags) % 3)


def _unpacked(packed: bytes) -> str:
    text = packed.decode("latin-1").rstrip(";")
    return f"{text};" if text else ""


def _levels(text: str) -> Iterator[str]:
    """Yield a text as it is, and decoded again and again for as long as that changes it."""
    for _ in range(_MOST_LEVELS):
        yield text
        decoded = unquote_to_bytes(text.encode("latin-1")).decode("latin-1")
        if decoded == text:
            return
        text = decoded


def _likely_targets(text: str) -> Iterator[str]:
    """Yield the targets that a text may have been made from, the likeliest first; all are written in ASCII."""
    seen: set[str] = set()
    room = _MOST_TRIED
    if not _ONE_SLASH.match(text):  # still encoded, or nothing that a link leads to
        return
    for url in _guesses(text):
        room -= len(url)
        if url not in seen and _TARGET.fullmatch(url):
            seen.add(url)
            yield url
        if room < 0:
            return


def _guesses(text: str) -> Iterator[str]:
    plain = []
    for given in _with_slashes(text):
        for one in _with_spaces(given):
            plain.append(one)
            yield one
    for one in plain:
        yield from _encoded_anew(one)


def _with_slashes(text: str) -> Iterator[str]:
    """Clients that take a link for a path make one slash of two: behind the scheme, or wherever there were two."""
    text = text.replace("&amp;", "&")
    yield _ONE_SLASH.sub(r"\1://", text, count=1)
    yield _ONE_SLASH.sub(r"\1://", text)


def _with_spaces(text: str) -> Iterator[str]:
    """A space is written `%20` or `+`, and whoever decodes one may write the other."""
    yield text
    if "+" in text:
        yield text.replace("+", "%20")
    if "%20" in text:
        yield text.replace("%20", "+")
    if " " in text:
        yield text.replace(" ", "+")
        yield text.replace(" ", "%20")


def _encoded_anew(text: str) -> Iterator[str]:
    """Yield the text with what must be encoded, or is often encoded in a query, encoded; in capital and small hex."""
    front, mark, query = text.partition("?")
    front = _quoted(front, "%:/?#[]@!$&'()*+,;=-._~")
    name, equals, value = query.partition("=")
    for again in (*(_quoted(query, kept + "%&=#+") for kept in _KEPT_IN_VALUES), name + equals + _quoted(value, "%")):
        yield f"{front}{mark}{again}"
        yield f"{front}{mark}{_OCTETS.sub(_small, again)}"
    yield _OCTETS.sub(_capital, text)
    yield _OCTETS.sub(_small, text)


def _capital(octet: re.Match[str]) -> str:
    return octet[0].upper()


def _small(octet: re.Match[str]) -> str:
    return octet[0].lower()


def _quoted(text: str, kept: str) -> str:
    return quote_from_bytes(text.encode("latin-1"), safe=kept)
