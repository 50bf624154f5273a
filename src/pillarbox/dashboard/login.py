"""Signing in and out.

Called for requests of people who are not signed in yet; what a name and a
secret are good for is decided in operate/users.py.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.dashboard.access import COOKIE, Denied, SignedIn, Viewer, cookie, is_of_our_own
from pillarbox.dashboard.forms import Fields, read_fields
from pillarbox.dashboard.show import Show, url
from pillarbox.operate import users
from pillarbox.operate.desk import Desk

PATH = "/ui/login"


class LoginPages:
    """Answers a stranger; raises nothing but what the guard tells."""

    def __init__(self, desk: Desk, show: Show, access: SignedIn) -> None:
        self._desk = desk
        self._show = show
        self._access = access
        self._host = urlsplit(desk.endpoint).netloc

    async def form(self, request: Request) -> Response:
        """The page where people sign in."""
        return self._page(request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """Begin a session, and go on to where somebody wanted to go."""
        fields = await read_fields(request)
        if not is_of_our_own(request, self._host):
            return self._page(fields["next"], 403, "That form was not on this site: sign in here.")
        try:
            person = await self._access.person(request, fields["name"], fields["secret"])
        except Denied as denied:
            retry = {name: value for name, value in denied.headers.items() if name == "Retry-After"}
            return self._page(fields["next"], denied.status, denied.reason, fields["name"], retry)
        if token := request.cookies.get(COOKIE):
            await users.sign_out(self._desk, token)
        begun = cookie(await users.sign_in(self._desk, person), is_secure=is_secure(request))
        return RedirectResponse(_inside(fields["next"]), 303, {"Set-Cookie": begun})

    async def sign_out(self, request: Request, _viewer: Viewer, _fields: Fields) -> Response:
        """End the session here and in the store."""
        await users.sign_out(self._desk, request.cookies.get(COOKIE, ""))
        return RedirectResponse(PATH, 303, {"Set-Cookie": cookie("", is_secure=is_secure(request))})

    def _page(
        self, then: str, status: int = 200, problem: str = "", name: str = "", headers: dict[str, str] | None = None
    ) -> Response:
        return self._show.page("login.html", status, headers, then=then, problem=problem, name=name, viewer=None)


def leading_to(request: Request) -> Response:
    """Lead a browser to the page where people sign in, and back to where it was from there."""
    here = url(request.url.path, dict(request.query_params)) if request.method == "GET" else ""
    there = url(PATH, {"next": here if here != "/ui/" else ""})
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": url(PATH, {})})
    return RedirectResponse(there, 303)


def is_secure(request: Request) -> bool:
    """Say whether a browser speaks TLS with us, or with the proxy that we trust to say so."""
    return request.url.scheme == "https"


def _inside(target: str) -> str:
    """Return a path of ours: nobody is led elsewhere by a link to this page."""
    parts = urlsplit(target)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/ui/") and "\\" not in target
    return target if is_ours else "/ui/"
