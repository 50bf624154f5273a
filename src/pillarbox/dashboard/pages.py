"""The pages: what each reads, and what it is shown with.

Reads through operate/. No rule of its own: what a message's state means, which
filters there are and what an event is called is decided elsewhere.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pillarbox.dashboard import words
from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.content import Content, read_content
from pillarbox.kit.clock import Clock, iso
from pillarbox.kit.errors import Unavailable
from pillarbox.operate import history, messages
from pillarbox.operate.history import History
from pillarbox.operate.messages import STATES, Wanted
from pillarbox.operate.snippet import NOT_LOOKED_AT, NOT_SHOWN_AGAIN, boto3_snippet
from pillarbox.store.engine import Store

_HERE = Path(__file__).parent
_ON_A_PAGE = 50
# A mail's HTML may look as it likes and do nothing: no script, no form, no request, no way out of its frame.
# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/sandbox
_MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What every page shows of the server."""

    endpoint: str
    dev: bool


class Live(NamedTuple):
    """A part of a page that keeps itself up to date; `seen` names what it shows."""

    html: Markup
    seen: str


class Pages:
    """Answers a viewer; raises NotFound, Invalid or Unavailable for the guard to tell."""

    def __init__(self, store: Store, clock: Clock, look: Look) -> None:
        self._store = store
        self._clock = clock
        self._look = look
        self._templates = _templates(look)

    async def messages(self, request: Request, viewer: Viewer) -> Response:
        """The list, newest first; its first page keeps itself up to date."""
        wanted = _wanted(request, viewer)
        page = await messages.page(self._store, wanted)
        if _wants_json(request):
            return _json(page)
        filters = _filters(request)
        shown = self._live(
            "_messages.html",
            _url("/ui/", filters) if not wanted.after else None,
            page=page,
            filters=filters,
            older=_url("/ui/", {**filters, "after": page.next}) if page.next else None,
            newest=_url("/ui/", filters) if wanted.after else None,
            viewer=viewer,
            snippet=self._snippet(viewer),
        )
        if _is_refresh(request):
            return _refresh(request, shown, push_url=_url("/ui/", filters))
        return self._page("messages.html", live=shown, filters=filters, states=STATES, viewer=viewer)

    async def message(self, request: Request, viewer: Viewer) -> Response:
        """One message: what became of it, and what it says."""
        found = await self._history(request, viewer)
        if _wants_json(request):
            return _json(found)
        here = f"/ui/messages/{quote(found.message.message_id)}"
        shown = self._live("_fate.html", here if found.waiting else None, found=found)
        if _is_refresh(request):
            return _refresh(request, shown)
        content, problem = await self._content(found)
        return self._page(
            "message.html", live=shown, found=found, content=content, problem=problem, viewer=viewer, here=here
        )

    async def html(self, request: Request, viewer: Viewer) -> Response:
        """The HTML of the message, as its sender wrote it, in a sandbox."""
        found = await self._history(request, viewer)
        content = await asyncio.to_thread(read_content, await self._store.body(_body_of(found)))
        headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(content.html or "", headers=headers)

    async def source(self, request: Request, viewer: Viewer) -> Response:
        """The message as a file."""
        found = await self._history(request, viewer)
        name = f"{found.message.message_id}.eml"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
        return Response(await self._store.body(_body_of(found)), media_type="message/rfc822", headers=headers)

    def refusal(self, request: Request, status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
        if _wants_json(request):
            return _json({"error": reason}, status, headers)
        return self._page("refusal.html", status, headers, reason=reason, viewer=None)

    def _page(
        self, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **shown: Any
    ) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(**shown), status, headers)

    def _live(self, template: str, refresh: str | None, **shown: Any) -> "Live":
        """Render a part that asks for itself again at `refresh`, if that is given."""
        inside = self._templates.get_template(template).render(now=self._clock.now(), **shown)
        seen = hashlib.sha256(inside.encode()).hexdigest()[:16]
        outside = self._templates.get_template("_live.html")
        return Live(Markup(outside.render(inside=Markup(inside), seen=seen, refresh=refresh)), seen)  # noqa: S704

    def _snippet(self, viewer: Viewer) -> str:
        secret = NOT_LOOKED_AT if self._look.dev else NOT_SHOWN_AGAIN
        return boto3_snippet(self._look.endpoint, viewer.key_id, secret, dev=self._look.dev)

    async def _history(self, request: Request, viewer: Viewer) -> History:
        message_id: str = request.path_params["message_id"]
        return await history.of(self._store, message_id, self._clock.now(), viewer.account)

    async def _content(self, found: History) -> tuple[Content | None, str | None]:
        try:
            content = await asyncio.to_thread(read_content, await self._store.body(_body_of(found)))
        except Unavailable as error:
            return None, str(error)
        return content, content.problem


def _refresh(request: Request, shown: Live, push_url: str | None = None) -> Response:
    seen = request.headers.get("x-seen")
    if seen == shown.seen:
        return Response(status_code=204)  # htmx leaves the page alone: a selection or a focus survives
    response = HTMLResponse(shown.html)
    if seen is None and push_url is not None:  # somebody has changed the filters
        response.headers["HX-Push-Url"] = push_url
    return response


def _body_of(found: History) -> str:
    """What was captured is what would have left; otherwise the message as it was given to us."""
    return found.captured[0].body if found.captured else found.body


def _wanted(request: Request, viewer: Viewer) -> Wanted:
    asked = request.query_params
    return Wanted(
        account=viewer.account or asked.get("account", ""),
        recipient=asked.get("to", ""),
        sender=asked.get("from", ""),
        subject=asked.get("subject", ""),
        status=asked.get("status", ""),
        after=asked.get("after", ""),
        limit=_ON_A_PAGE,
    )


def _filters(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "") for name in ("to", "from", "subject", "status", "account")}


def _url(path: str, query: Mapping[str, str]) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{given}" if given else path


def _is_refresh(request: Request) -> bool:
    """Say whether a page that is open asks for its changing part."""
    asked = request.headers
    return asked.get("hx-request") == "true" and asked.get("hx-history-restore-request") != "true"


def _wants_json(request: Request) -> bool:
    return request.url.path.endswith(".json") or "application/json" in request.headers.get("accept", "")


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def _templates(look: Look) -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("after", "ago", "clock_time", "full_time", "person", "size", "tally"):
        templates.filters[name] = getattr(words, name)
    templates.filters["iso"] = iso
    static = sorted((_HERE / "static").iterdir())
    version = hashlib.sha256(b"".join(file.read_bytes() for file in static)).hexdigest()[:10]
    templates.globals.update(look=look, version=version)
    return templates
