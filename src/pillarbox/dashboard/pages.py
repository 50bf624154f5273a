"""The pages of messages: what each reads, and what it is shown with.

Reads through operate/. No rule of its own: what a message's state means, which
filters there are and what an event is called is decided elsewhere.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.content import Content, read_content
from pillarbox.dashboard.export import as_csv
from pillarbox.dashboard.show import Show, as_json, is_refresh, refresh, url, wants_json
from pillarbox.dashboard.work import Page
from pillarbox.kit.clock import Clock, Millis, parse_iso
from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.operate import history, messages
from pillarbox.operate.history import History
from pillarbox.operate.messages import STATES, Number, Wanted
from pillarbox.operate.snippet import NOT_LOOKED_AT, NOT_SHOWN_AGAIN, boto3_snippet
from pillarbox.resources.users import Role
from pillarbox.stats.spans import SPAN_WORDS, span_of
from pillarbox.store.engine import Store

_ON_A_PAGE = 50
_BY_CONTENT = ("to", "from", "subject", "tag", "id")
_FILTERS = (*_BY_CONTENT, "status", "last", "since", "until", "account")
# A mail's HTML may look as it likes and do nothing: no script, no form, no request, no way out of its frame.
# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/sandbox
MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)


class Pages:
    """Answers a viewer; raises NotFound, Invalid or Unavailable for the guard to tell.

    A customer is shown the messages of their tenant, and told of no other that it exists.
    """

    def __init__(self, store: Store, clock: Clock, show: Show) -> None:
        self._store = store
        self._clock = clock
        self._show = show
        self.pages: Mapping[str, Page] = {
            "/messages": self.messages,
            "/messages.json": self.messages,
            "/messages.csv": self.export,
            "/messages/{message_id}.json": self.message,
            "/messages/{message_id}": self.message,
            "/messages/{message_id}/html": self.html,
            "/messages/{message_id}/source": self.source,
            "/api/messages": self.messages,
            "/api/messages.csv": self.export,
            "/api/messages/counts": self.counts,
            "/api/messages/{message_id}": self.message,
        }

    async def messages(self, request: Request, viewer: Viewer) -> Response:
        """The list, newest first; its first page keeps itself up to date."""
        now = self._clock.now()
        wanted = _wanted(request, viewer, now)
        page = await messages.page(self._store, wanted)
        if wants_json(request):
            return as_json(page)
        filters = _filters(request)
        shown = self._show.live(
            "_messages.html",
            url("/ui/messages", filters) if not wanted.after else None,
            page=page,
            filters=filters,
            states=STATES,
            counts=await self._counts(request, viewer, wanted, now),
            older=url("/ui/messages", {**filters, "after": page.next}) if page.next else None,
            newest=url("/ui/messages", filters) if wanted.after else None,
            viewer=viewer,
            snippet=self._snippet(viewer),
        )
        if is_refresh(request):
            return refresh(request, shown, push_url=url("/ui/messages", filters))
        return self._show.page("messages.html", live=shown, filters=filters, spans=SPAN_WORDS, viewer=viewer)

    async def counts(self, request: Request, viewer: Viewer) -> Response:
        """How many recipients are in each state, for programs."""
        now = self._clock.now()
        found = await self._counts(request, viewer, _wanted(request, viewer, now), now)
        return as_json({state or "all": number for state, number in found.items()})

    async def export(self, request: Request, viewer: Viewer) -> Response:
        """Every message that fits, as a file."""
        return await as_csv(self._store, _wanted(request, viewer, self._clock.now()))

    async def message(self, request: Request, viewer: Viewer) -> Response:
        """One message: what became of it, and what it says."""
        found = await self._history(request, viewer)
        if wants_json(request):
            return as_json(found)
        here = f"/ui/messages/{quote(found.message.message_id)}"
        shown = self._show.live("_fate.html", here if found.waiting else None, found=found)
        if is_refresh(request):
            return refresh(request, shown)
        content, problem = await self._content(found)
        return self._show.page(
            "message.html", live=shown, found=found, content=content, problem=problem, viewer=viewer, here=here
        )

    async def html(self, request: Request, viewer: Viewer) -> Response:
        """The HTML of the message, as its sender wrote it, in a sandbox."""
        found = await self._history(request, viewer)
        content = await asyncio.to_thread(read_content, await self._store.body(_body_of(found)))
        headers = {"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(content.html or "", headers=headers)

    async def source(self, request: Request, viewer: Viewer) -> Response:
        """The message as a file."""
        found = await self._history(request, viewer)
        name = f"{found.message.message_id}.eml"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
        return Response(await self._store.body(_body_of(found)), media_type="message/rfc822", headers=headers)

    async def _counts(self, request: Request, viewer: Viewer, wanted: Wanted, now: Millis) -> Mapping[str, Number]:
        """Return nothing where more is asked for than a time: what fits that nobody counts."""
        if viewer.tenant or _is_narrowed(_filters(request)):
            return {}
        return await messages.count_by_state(self._store, wanted, now)

    def _snippet(self, viewer: Viewer) -> str:
        secret = NOT_LOOKED_AT if self._show.look.dev else NOT_SHOWN_AGAIN
        return boto3_snippet(self._show.look.endpoint, viewer.key_id, secret, dev=self._show.look.dev)

    async def _history(self, request: Request, viewer: Viewer) -> History:
        message_id: str = request.path_params["message_id"]
        now = self._clock.now()
        if viewer.role == Role.CUSTOMER:
            own = Scope(viewer.account, viewer.region)
            return await history.of_tenant(self._store, message_id, now, own, viewer.tenant)
        return await history.of(self._store, message_id, now, viewer.account)

    async def _content(self, found: History) -> tuple[Content | None, str | None]:
        try:
            content = await asyncio.to_thread(read_content, await self._store.body(_body_of(found)))
        except Unavailable as error:
            return None, str(error)
        return content, content.problem


def _body_of(found: History) -> str:
    """What was captured is what would have left; otherwise the message as it was given to us."""
    return found.captured[0].body if found.captured else found.body


def _wanted(request: Request, viewer: Viewer, now: Millis) -> Wanted:
    asked = request.query_params
    last, since = asked.get("last", ""), asked.get("since", "")
    return Wanted(
        account=viewer.account or asked.get("account", ""),
        region=viewer.region,
        tenant=viewer.tenant,
        recipient=asked.get("to", ""),
        sender=asked.get("from", ""),
        subject=asked.get("subject", ""),
        tag=asked.get("tag", ""),
        message_id=asked.get("id", ""),
        status=asked.get("status", ""),
        since=_time("since", since) if since or not last else span_of(last, now).since,
        until=_time("until", asked.get("until", "")),
        after=asked.get("after", ""),
        limit=_ON_A_PAGE,
    )


def _time(name: str, text: str) -> Millis:
    try:
        return parse_iso(text) if text else 0
    except ValueError as error:
        raise Invalid(f"`{name}`: {error}") from None


def _filters(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "") for name in _FILTERS}


def _is_narrowed(filters: Mapping[str, str]) -> bool:
    """Say whether anything is asked for besides a time and a state, by which messages are counted."""
    return any(filters[name] for name in _BY_CONTENT)
