"""The dashboard as an ASGI application, with everything under `/ui/`.

Built by app/, which hands it the requests whose path is `/ui` or begins with
`/ui/`, as they are. Here is what holds for every page: who may look and change, what a
browser may do with it, and how a refusal is told. Each page is JSON too, for
`Accept: application/json` or under `/ui/api/`.
"""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pillarbox.dashboard.access import (
    COOKIE,
    Access,
    Denied,
    Failures,
    OpenOnThisMachine,
    SignedIn,
    SignInFirst,
    Viewer,
    cookie,
    is_of_our_own,
)
from pillarbox.dashboard.configuration_sets import ConfigurationSetPages
from pillarbox.dashboard.contact_lists import ContactListPages
from pillarbox.dashboard.customers import CustomerPages
from pillarbox.dashboard.doctor import DoctorPages
from pillarbox.dashboard.forms import FORM, FORM_WITH_FILES, Fields, content_type, read_fields
from pillarbox.dashboard.identities import IdentityPages
from pillarbox.dashboard.imports import ImportPages
from pillarbox.dashboard.keys import KeyPages
from pillarbox.dashboard.login import LoginPages, leading_to
from pillarbox.dashboard.mail_templates import TemplatePages
from pillarbox.dashboard.overview import OverviewPages
from pillarbox.dashboard.pages import Pages
from pillarbox.dashboard.queue import QueuePages
from pillarbox.dashboard.show import Look, Show, url, wants_json
from pillarbox.dashboard.suppression import SuppressionPages
from pillarbox.dashboard.users import UserPages
from pillarbox.dashboard.work import Change, Page
from pillarbox.kit.errors import NotFound, Refusal, Unavailable
from pillarbox.operate.desk import Desk
from pillarbox.resources.account import Quota
from pillarbox.resources.users import Role
from pillarbox.stats.names import TENANT

_DAILY_WORK = (
    IdentityPages,
    SuppressionPages,
    ContactListPages,
    ImportPages,
    QueuePages,
    ConfigurationSetPages,
    TemplatePages,
    KeyPages,
    UserPages,
    DoctorPages,
)
_STATIC = Path(__file__).parent / "static"

# Scripts, styles and requests are our own; nothing is loaded from anywhere else and nobody frames us.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}


def build(desk: Desk, *, quota: Quota, failures: Failures, hosts: frozenset[str] = frozenset()) -> Starlette:
    """Return the application; `hosts` are names besides localhost that dev mode answers to."""
    show = Show(Look(desk.endpoint, desk.dev), desk.clock)
    signed_in = SignedIn(desk, failures)
    guard = _Guard(OpenOnThisMachine(desk, hosts) if desk.dev else signed_in, show, urlsplit(desk.endpoint).netloc)
    login = LoginPages(desk, show, signed_in)
    changes: dict[str, tuple[Role, Change]] = {"/logout": (Role.CUSTOMER, login.sign_out)}
    answers = _answers(desk, show, quota)
    messages = Pages(desk.store, desk.clock, show)
    for kind in _DAILY_WORK:
        work = kind(desk, show)
        for start in ("", "/api"):  # for people, and the same for programs
            answers |= {start + path: page for path, page in work.pages.items()}
            changes |= {start + path: change for path, change in work.changes.items()}
    routes: list[BaseRoute] = [Route(path, guard.of(page)) for path, page in answers.items()]
    routes += [Route(path, guard.of_everybodys(page)) for path, page in messages.pages.items()]
    routes += [Route(path, guard.of_change(*change), methods=["POST"]) for path, change in changes.items()]
    routes += [Route("/login", guard.of_stranger(login.form)), Mount("/static", _Static(directory=_STATIC))]
    routes += [Route("/login", guard.of_stranger(login.sign_in), methods=["POST"])]
    routes.append(Route("/{elsewhere:path}", guard.of(_nothing_there)))
    return Starlette(routes=[Route("/ui", RedirectResponse("/ui/")), Mount("/ui", routes=routes)])


async def _nothing_there(_request: Request, _viewer: Viewer) -> Response:
    raise NotFound("There is no such page.")


def _answers(desk: Desk, show: Show, quota: Quota) -> dict[str, Page]:
    overview, customers = OverviewPages(desk, show, quota), CustomerPages(desk, show)
    return {
        "/": overview.overview,
        "/bounces": overview.bounces,
        "/customers": customers.customers,
        "/customer": customers.customer,
        "/api/overview": overview.overview,
        "/api/bounces": overview.bounces,
        "/api/statistics": overview.statistics,
        "/api/members": customers.customers,
    }


class _Guard:
    """Stands before each page: asks who looks and what they may do, tells refusals, sets the headers."""

    def __init__(self, access: Access, show: Show, host: str) -> None:
        self._access = access
        self._show = show
        self._host = host

    def of(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Guard a page that shows something."""

        async def answer(request: Request) -> Response:
            viewer = await self._access.viewer(request)
            if viewer.role == Role.CUSTOMER:
                return await _of_customer(page, request, viewer)
            return await page(request, viewer)

        return self.of_stranger(answer)

    def of_everybodys(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Guard a page that itself shows a customer no more than what is their tenant's."""

        async def answer(request: Request) -> Response:
            return await page(request, await self._access.viewer(request))

        return self.of_stranger(answer)

    def of_change(self, needed: Role, change: Change) -> Callable[[Request], Awaitable[Response]]:
        """Guard what changes something: from our own pages or a program, by somebody who may."""

        async def answer(request: Request) -> Response:
            if not is_of_our_own(request, self._host):
                raise Denied(403, "This was asked for by another site, and is not done.")
            viewer = await self._access.viewer(request)
            if not viewer.may(needed):
                raise Denied(403, f"This is for those with the role {needed} and above; yours is {viewer.role}.")
            fields = await read_fields(request, takes_files=True)
            _check_token(request, viewer, fields)
            return await change(request, viewer, fields)

        return self.of_stranger(answer)

    def of_stranger(self, page: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Guard what everybody may ask for."""

        async def guarded(request: Request) -> Response:
            response = await self._told(page, request)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Vary", "Accept, HX-Request")
            if token := getattr(request.state, "new_cookie", ""):
                response.headers.append("Set-Cookie", cookie(token, is_secure=False))
            return response

        return guarded

    async def _told(self, page: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        try:
            return await page(request)
        except SignInFirst as error:
            if wants_json(request):
                return self._show.refusal(request, error.status, error.reason, error.headers)
            return leading_to(request)
        except Denied as error:
            return self._show.refusal(request, error.status, error.reason, error.headers)
        except NotFound as error:
            return self._show.refusal(request, 404, str(error))
        except Refusal as error:
            return self._show.refusal(request, 400, str(error))
        except Unavailable as error:
            return self._show.refusal(request, 503, str(error))


def _check_token(request: Request, viewer: Viewer, fields: Fields) -> None:
    """Raise unless a browser brings along what its pages gave it; a program has neither cookie nor form."""
    if not viewer.csrf or (COOKIE not in request.cookies and content_type(request) not in (FORM, FORM_WITH_FILES)):
        return
    given = request.headers.get("x-csrf-token") or fields["csrf"]
    if not hmac.compare_digest(given.encode(), viewer.csrf.encode()):
        raise Denied(403, "That form is from before you signed in: load its page again.")


async def _of_customer(page: Page, request: Request, viewer: Viewer) -> Response:
    """Answer a customer, who is shown the statistics of their tenant whatever they ask for."""
    own = {"by": TENANT, "only": viewer.tenant, "region": viewer.region}
    if request.url.path not in ("/ui/customer", "/ui/api/statistics"):
        if wants_json(request):
            raise Denied(403, "You see your own tenant: ask /ui/api/statistics or /ui/api/messages.")
        return RedirectResponse(url("/ui/customer", own), 303)
    last = request.query_params.get("last", "30d")
    narrowed = {**request.scope, "query_string": urlencode({"last": last, **own}).encode()}
    return await page(Request(narrowed), viewer)


class _Static(StaticFiles):
    """Style, script and icon; their URLs carry the version, so that they can be kept."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=86400"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
