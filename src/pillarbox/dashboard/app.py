"""The dashboard as an ASGI application, with everything under `/ui/`.

Built by app.py, which hands it the requests whose path is `/ui` or begins with
`/ui/`, as they are. Here is what holds for every page: who may look, what a
browser may do with it, and how a refusal is told. Each page is JSON too, for
`Accept: application/json` or with `.json` at its end.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pillarbox.dashboard.access import Access, ByAccessKey, Denied, OpenOnThisMachine, Viewer
from pillarbox.dashboard.customers import CustomerPages
from pillarbox.dashboard.overview import OverviewPages
from pillarbox.dashboard.pages import Pages
from pillarbox.dashboard.show import Look, Show
from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Invalid, NotFound, Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.operate.desk import Desk
from pillarbox.resources.account import Quota
from pillarbox.store.engine import Store

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
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}

Page = Callable[[Request, Viewer], Awaitable[Response]]


def build(
    store: Store,
    clock: Clock,
    keyring: Keyring,
    *,
    endpoint: str,
    dev: bool,
    quota: Quota,
    hosts: frozenset[str] = frozenset(),
) -> Starlette:
    """Return the application. `endpoint` is shown; `hosts` are names besides localhost that dev mode answers to."""
    access: Access = OpenOnThisMachine(store, hosts) if dev else ByAccessKey(store, keyring, clock)
    show = Show(Look(endpoint, dev), clock)
    pages = Pages(store, clock, show)
    desk = Desk(store, keyring, clock, endpoint, dev)
    overview, customers = OverviewPages(desk, show, quota), CustomerPages(desk, show)
    guard = _Guard(access, show)
    answers: dict[str, Page] = {
        "/": overview.overview,
        "/bounces": overview.bounces,
        "/customers": customers.customers,
        "/customer": customers.customer,
        "/api/overview": overview.overview,
        "/api/statistics": overview.statistics,
        "/api/members": customers.customers,
        "/messages": pages.messages,
        "/messages.json": pages.messages,
        "/messages/{message_id}.json": pages.message,
        "/messages/{message_id}": pages.message,
        "/messages/{message_id}/html": pages.html,
        "/messages/{message_id}/source": pages.source,
    }
    inside: list[BaseRoute] = [Route(path, guard.of(page)) for path, page in answers.items()]
    inside.append(Mount("/static", _Static(directory=_STATIC)))
    return Starlette(routes=[Route("/ui", RedirectResponse("/ui/")), Mount("/ui", routes=inside)])


class _Guard:
    """Stands before each page: asks who looks, tells refusals, sets the headers."""

    def __init__(self, access: Access, show: Show) -> None:
        self._access = access
        self._show = show

    def of(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            response = await self._answer(page, request)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Vary", "Accept, HX-Request")
            return response

        return guarded

    async def _answer(self, page: Page, request: Request) -> Response:
        try:
            viewer = await self._access.viewer(request)
            return await page(request, viewer)
        except Denied as error:
            return self._show.refusal(request, error.status, error.reason, error.headers)
        except NotFound as error:
            return self._show.refusal(request, 404, str(error))
        except Invalid as error:
            return self._show.refusal(request, 400, str(error))
        except Unavailable as error:
            return self._show.refusal(request, 503, str(error))


class _Static(StaticFiles):
    """Style, script and icon; their URLs carry the version, so that they can be kept."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=86400"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
