"""Opens and clicks as they arrive: a picture of one point, or the way to where a link leads.

A bare ASGI application on the hottest road that strangers use: no look in the
store, no line in the log. What a link says is believed for its signature
(kit/tracking_links.py), so nobody can make this host lead anywhere that no mail
did. Called by edge/http.py; hits go to edge/hit_spool.py and from there on.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from pillarbox.edge.hit_spool import HITS, Hit, HitSpool
from pillarbox.edge.lost_links import LostLinks
from pillarbox.kit.clock import Clock
from pillarbox.kit.tracking_links import (
    EVERYONE,
    LINK_PATH,
    PIXEL_PATH,
    Link,
    Pixel,
    SignatureLost,
    TrackingLinks,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PATHS = (LINK_PATH.encode(), PIXEL_PATH.encode())
FAVICON = b"/favicon.ico"

# SES takes no more in the head of a request, cookies counted.
_MOST_HEAD_BYTES = 8192
_LONGEST_AGENT = 1024
_LONGEST_ADDRESS = 64
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# Whoever keeps the picture or the answer would not ask again, and each open and click is one.
_FRESH: Headers = [
    (b"cache-control", b"no-store, no-cache, must-revalidate, private, max-age=0"),
    (b"pragma", b"no-cache"),
    (b"expires", b"0"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
_LOOKS = (
    "body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;padding:8vh 1.2rem}main{max-width:34rem;margin:0 auto}"
    "h1{font-size:1.5rem;line-height:1.25}"
)
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_LOOKS.encode()).digest()).decode()}'"
)
_PAGE_HEADERS: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    *_FRESH,
]
_PIXEL_HEADERS: Headers = [
    (b"content-type", b"image/gif"),
    (b"content-length", str(len(GIF)).encode()),
    (b"x-content-type-options", b"nosniff"),
    *_FRESH,
]
_ENDING = [(b"content-length", b"0"), *_FRESH]
_ENDING_HEAD = b"".join(b"%s: %s\r\n" % header for header in _ENDING)
_PIXEL_HEAD = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%s: %s\r\n" % header for header in _PIXEL_HEADERS)
_OPENS, _CLICKS = HITS.labels("open"), HITS.labels("click")
_AHEAD = frozenset({b"purpose", b"sec-purpose", b"x-moz", b"x-purpose"})


def _page(title: str, text: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport"'
        f' content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><style>{_LOOKS}'
        f"</style></head><body><main><h1>{title}</h1>"
        f"<p>{text}</p></main></body></html>\n"
    ).encode()


_BAD_LINK = _page(
    "This link does not work",
    "It is not complete, or it has been changed since it was sent. Please open it from the message again, or copy it"
    " as a whole.",
)
_NOTHING_HERE = _page("There is nothing here", "This address only leads from messages to the places they speak of.")


class _Asked(NamedTuple):
    headers: Headers
    client: str
    method: str = "GET"


class Tracker:
    """Answers what a mail's reader fetches; raises for nothing that is sent to it."""

    def __init__(self, links: TrackingLinks, spool: HitSpool, lost: LostLinks, clock: Clock, *, region: str) -> None:
        self._links = links
        self._spool = spool
        self._lost = lost
        self._clock = clock
        self._region = region.encode()

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        method = scope["method"]
        raw_path: bytes = scope["raw_path"]
        if method not in ("GET", "HEAD"):
            await _answer(send, 405, [(b"allow", b"GET, HEAD"), *_ENDING])
        elif raw_path == FAVICON:
            await self._favicon(scope, send)
        elif not raw_path.startswith(PATHS):
            await _answer(send, 404, _PAGE_HEADERS, _NOTHING_HERE, method)
        else:
            await self._follow(scope, raw_path, send)

    def at_once(self, target: bytes, headers: Headers, client: str) -> bytes | None:
        """Return the answer to a GET, but for the end of its head and a pixel's body; None leaves it to a call.

        That is for links that are signed and whole, which are nearly all; edge/connection.py asks before it makes
        an application's request of what it has read.
        """
        if _is_long(headers):
            return None
        found = self._links.read(target)
        if type(found) is Link:
            self._click(_Asked(headers, client), found.message_id, found.url, found.recipient, found.tags)
            return b"HTTP/1.1 302 Found\r\nlocation: %s\r\n%s" % (found.url.encode("latin-1"), _ENDING_HEAD)
        if type(found) is Pixel:
            self._open(_Asked(headers, client), found)
            return _PIXEL_HEAD
        return None

    async def _follow(self, scope: Scope, raw_path: bytes, send: Send) -> None:
        client = scope.get("client")
        asked = _Asked(scope["headers"], client[0] if client else "", scope["method"])
        query: bytes = scope["query_string"]
        target = b"%s?%s" % (raw_path, query) if query else raw_path
        found = None if _is_long(asked.headers) else self._links.read(target)
        if type(found) is Link:
            self._click(asked, found.message_id, found.url, found.recipient, found.tags)
            await _answer(send, 302, [(b"location", found.url.encode("latin-1")), *_ENDING])
        elif type(found) is Pixel:
            self._open(asked, found)
            await _answer(send, 200, _PIXEL_HEADERS, GIF, asked.method)
        elif type(found) is SignatureLost and (url := await self._lost.target(found)) is not None:
            self._click(asked, found.message_id, url, EVERYONE, "")
            await _answer(send, 302, [(b"location", url.encode("latin-1")), *_ENDING])
        else:
            await _answer(send, 400, _PAGE_HEADERS, _BAD_LINK, asked.method)

    def _open(self, asked: "_Asked", pixel: Pixel) -> None:
        _OPENS.inc()
        self._spool.record(self._hit(asked, pixel.message_id, pixel.recipient))

    def _click(self, asked: "_Asked", message_id: str, url: str, recipient: int, tags: str) -> None:
        _CLICKS.inc()
        self._spool.record(self._hit(asked, message_id, recipient, url, _tags(tags) if tags else None))

    def _hit(
        self, asked: "_Asked", message_id: str, recipient: int, url: str = "", tags: dict[str, list[str]] | None = None
    ) -> Hit:
        agent, manner = b"", asked.method
        for name, value in asked.headers:
            if name == b"user-agent":
                agent = value
            elif name in _AHEAD and b"prefetch" in value:
                manner = "PREFETCH"
        return Hit(
            self._clock.now(),
            message_id,
            asked.client[:_LONGEST_ADDRESS],
            agent[:_LONGEST_AGENT].decode("latin-1"),
            manner,
            url,
            tags,
            None if recipient == EVERYONE else recipient,
        )

    async def _favicon(self, scope: Scope, send: Send) -> None:
        """Tell whoever sets up a proxy before us that it leads here, and by which protocol.

        https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html
        """
        told = [(b"x-amz-ses-region", self._region), (b"x-amz-ses-request-protocol", scope["scheme"].encode())]
        await _answer(send, 200, [*_PIXEL_HEADERS, *told], GIF, scope["method"])


def _is_long(headers: Headers) -> bool:
    return sum([len(name) + len(value) for name, value in headers]) > _MOST_HEAD_BYTES


def _tags(text: str) -> dict[str, list[str]]:
    """Read `key:value;key:value;` as it is told in events."""
    found: dict[str, list[str]] = {}
    for one in text.split(";"):
        key, colon, value = one.partition(":")
        if colon:
            found.setdefault(key, []).append(value)
    return found


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"", method: str = "GET") -> None:
    if headers is _PAGE_HEADERS:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
