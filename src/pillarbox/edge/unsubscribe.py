"""Where recipients say what mail they want: at once from their mail program, or on a page.

Reads and writes the store. Called by edge/http.py for paths below
`/unsubscribe/`. Looking at the page changes nothing, because programs that look
at the links of mail want nothing; a mail program unsubscribes with a post of
its own kind, a person with the buttons. The page needs no script.
https://www.rfc-editor.org/rfc/rfc8058
"""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jinja2

from pillarbox.delivery import subscriptions
from pillarbox.delivery.subscriptions import Subscriber
from pillarbox.delivery.unsubscribe_links import UnsubscribeLinks
from pillarbox.edge.languages import best_language
from pillarbox.kit import log
from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Unavailable
from pillarbox.resources.contact_lists import Status
from pillarbox.resources.contacts import effective
from pillarbox.store.engine import Store
from pillarbox.wire.request import Response

_STYLE = (
    "body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;padding:8vh 1.2rem}main{max-width:34rem;margin:0 auto}"
    "h1{font-size:1.5rem;line-height:1.25}.address{overflow-wrap:anywhere}fieldset{border:1px solid #8886;"
    "border-radius:.4rem;padding:.4rem 1rem}legend{float:left;width:100%;font-weight:600;padding:.4rem 0 0}"
    "legend+*{clear:both}.topic{margin:.7rem 0;"
    "padding-left:2rem}.topic input{width:1.2rem;height:1.2rem;margin:.15rem 0 0 -2rem;position:absolute}"
    ".note{margin:.1rem 0 0;opacity:.8;font-size:.95em}.notice{border-left:.3rem solid #1a7f37;padding:.4rem .8rem}"
    "button{font:inherit;font-weight:600;padding:.6rem 1.2rem;border:1px solid #1456b8;border-radius:.4rem;"
    "background:#1456b8;color:#fff;cursor:pointer}button.leave{background:transparent;color:inherit;"
    "border-color:currentcolor}button:focus-visible,input:focus-visible{outline:3px solid #f5a623;outline-offset:2px}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'",
    ),
    # Nobody is told the link by a cache or a Referer.
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Vary", "Accept-Language"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("X-Robots-Tag", "noindex"),
]
_USUAL = "en"
# A form with every topic checked is far shorter.
_LONGEST_BODY = 16 * 1024
# A form of either kind: https://www.rfc-editor.org/rfc/rfc8058#section-3.2
_ONE_CLICK = re.compile(
    rb'(?:\A|&)List-Unsubscribe=One-Click(?:&|\s*\Z)|name="?List-Unsubscribe"?[^\n]*\r?\n(?:[^\n]+\r?\n)*\r?\n'
    rb"One-Click\r?\n"
)

Words = Mapping[str, str]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class UnsubscribePages:
    """Answers those who follow such a link; never raises for what they send."""

    def __init__(self, store: Store, links: UnsubscribeLinks, clock: Clock) -> None:
        self._store = store
        self._links = links
        self._clock = clock
        here = Path(__file__).parent
        self._page = jinja2.Environment(
            loader=jinja2.FileSystemLoader(here / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
        ).get_template("unsubscribe.html")
        self._words: Mapping[str, Words] = json.loads((here / "unsubscribe_words.json").read_text("utf-8"))
        self._log = log.named("unsubscribe")

    async def answer(self, scope: Mapping[str, Any], receive: Receive) -> Response:
        """Show what somebody gets (GET), or do what they ask for (POST)."""
        method: str = scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            return Response(405, [("Allow", "GET, HEAD, POST"), ("Content-Type", "text/plain")], b"use GET or POST\n")
        language = best_language(_accepted(scope), self._words, _USUAL)
        message_id = self._links.read(scope["path"])
        if message_id is None:
            return self._refused(language, 404, "unknown")
        try:
            if method == "POST":
                return await self._do(message_id, await _body(receive), language)
            return self._shown(await self._store.read(subscriptions.look, message_id), language)
        except Unavailable as error:
            self._log.error("link not followed", why=str(error))
            return self._refused(language, 503, "busy")

    async def _do(self, message_id: str, body: bytes | None, language: str) -> Response:
        now = self._clock.now()
        if body is None:
            return Response(413, [("Content-Type", "text/plain")], b"the form is too long\n")
        if _ONE_CLICK.search(body):
            one = await self._store.write(subscriptions.leave, message_id, now)
            return self._shown(one, language, "left")
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100)
        asked = form.get("do", [""])[0]
        if asked == "leave-all":
            one = await self._store.write(subscriptions.leave_all, message_id, now)
            return self._shown(one, language, "left")
        if asked == "save":
            one = await self._store.write(subscriptions.choose, message_id, frozenset(form.get("topic", ())), now)
            return self._shown(one, language, "saved")
        return Response(400, [("Content-Type", "text/plain")], b"send the form, or List-Unsubscribe=One-Click\n")

    def _shown(self, one: Subscriber | None, language: str, done: str = "") -> Response:
        if one is None:
            return self._refused(language, 404, "unknown")
        words = self._words[language]
        statuses = effective(one.contact_list, one.contact.preferences) if one.contact_list else {}
        unsubscribed = one.contact.unsubscribed
        topics = [
            {
                "name": topic.name,
                "display_name": topic.display_name,
                "description": topic.description,
                "wanted": not unsubscribed and statuses[topic.name] is Status.OPT_IN,
            }
            for topic in (one.contact_list.topics if one.contact_list else ())
        ]
        text = words["no_list"] if one.contact_list is None else words["all_left"] if unsubscribed else ""
        return self._rendered(
            language,
            200,
            title=words["title"],
            notice=words[done] if done and one.contact_list else "",
            address=one.contact.address,
            text=text,
            asks=one.contact_list is not None,
            topics=topics,
            unsubscribed=unsubscribed,
        )

    def _refused(self, language: str, status: int, why: str) -> Response:
        words = self._words[language]
        shown = {"notice": "", "address": "", "asks": False, "topics": [], "unsubscribed": False}
        return self._rendered(language, status, title=words[f"{why}_title"], text=words[why], **shown)

    def _rendered(self, language: str, status: int, **shown: Any) -> Response:
        body = self._page.render(language=language, words=self._words[language], style=_STYLE, **shown)
        return Response(status, [*_HEADERS, ("Content-Language", language)], body.encode())


def _accepted(scope: Mapping[str, Any]) -> str:
    found = [value for name, value in scope["headers"] if name == b"accept-language"]
    return b",".join(found).decode("latin-1")


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, or None for one that is longer than any of ours."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":  # half a form asks for nothing
            return b""
        body += message.get("body", b"")
        if len(body) > _LONGEST_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)
