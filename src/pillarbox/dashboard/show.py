"""How pages are shown: templates, parts that keep themselves up to date, and JSON.

Used by every page. Reads the templates once; no page decides here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pillarbox.dashboard import words
from pillarbox.dashboard.access import Viewer
from pillarbox.kit.clock import Clock, iso
from pillarbox.resources.users import Role
from pillarbox.stats.providers import isp_name

_HERE = Path(__file__).parent
_PAGES = (
    (("/ui/", "Overview"), Role.READ_ONLY),
    (("/ui/messages", "Messages"), Role.READ_ONLY),
    (("/ui/customers", "Customers"), Role.READ_ONLY),
    (("/ui/bounces", "Bounces"), Role.READ_ONLY),
    (("/ui/identities", "Identities"), Role.READ_ONLY),
    (("/ui/suppression", "Suppression"), Role.READ_ONLY),
    (("/ui/contact-lists", "Contacts"), Role.READ_ONLY),
    (("/ui/queue", "Queue"), Role.READ_ONLY),
    (("/ui/sets", "Sets"), Role.READ_ONLY),
    (("/ui/templates", "Templates"), Role.READ_ONLY),
    (("/ui/doctor", "Doctor"), Role.READ_ONLY),
    (("/ui/keys", "Keys"), Role.ADMIN),
    (("/ui/users", "Users"), Role.ADMIN),
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


class Show:
    """Renders pages and parts of pages."""

    def __init__(self, look: Look, clock: Clock) -> None:
        self.look = look
        self._clock = clock
        self._templates = _templates(look)

    def page(
        self, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **shown: Any
    ) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(**shown), status, headers)

    def live(self, template: str, again: str | None, *, seconds: int = 2, **shown: Any) -> Live:
        """Render a part that asks for itself again at `again`, if that is given, every so many seconds."""
        inside = self._templates.get_template(template).render(now=self._clock.now(), **shown)
        seen = hashlib.sha256(inside.encode()).hexdigest()[:16]
        outside = self._templates.get_template("_live.html")
        whole = outside.render(inside=Markup(inside), seen=seen, refresh=again, seconds=seconds)  # noqa: S704
        return Live(Markup(whole), seen)  # noqa: S704

    def refusal(self, request: Request, status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
        if wants_json(request):
            return as_json({"error": reason}, status, headers)
        return self.page("refusal.html", status, headers, reason=reason, viewer=None)


def refresh(request: Request, shown: Live, push_url: str | None = None) -> Response:
    """Answer a page that is open and asks for its changing part."""
    seen = request.headers.get("x-seen")
    if seen == shown.seen:
        return Response(status_code=204)  # htmx leaves the page alone: a selection or a focus survives
    response = HTMLResponse(shown.html)
    if seen is None and push_url is not None:  # somebody has changed the filters
        response.headers["HX-Push-Url"] = push_url
    return response


def is_refresh(request: Request) -> bool:
    """Say whether a page that is open asks for its changing part."""
    asked = request.headers
    return asked.get("hx-request") == "true" and asked.get("hx-history-restore-request") != "true"


def wants_json(request: Request) -> bool:
    path = request.url.path
    asks = "application/json" in request.headers.get("accept", "")
    return asks or path.endswith(".json") or path.startswith("/ui/api/")


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def url(path: str, query: Mapping[str, str]) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{given}" if given else path


def _templates(look: Look) -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        "after",
        "ago",
        "clock_time",
        "full_time",
        "minute",
        "number",
        "percent",
        "person",
        "size",
        "span",
        "tally",
    ):
        templates.filters[name] = getattr(words, name)
    templates.filters.update(iso=iso, isp=isp_name)
    static = sorted((_HERE / "static").iterdir())
    version = hashlib.sha256(b"".join(file.read_bytes() for file in static)).hexdigest()[:10]
    templates.globals.update(look=look, version=version, url=url, pages_of=pages_of)
    return templates


def pages_of(viewer: Viewer | None) -> list[tuple[str, str]]:
    """Return the pages that somebody is led to: a customer has two, and a stranger none."""
    if viewer is None:
        return []
    if viewer.role == Role.CUSTOMER:
        return [("/ui/customer", "Statistics"), ("/ui/messages", "Messages")]
    return [page for page, needed in _PAGES if viewer.may(needed)]
