"""Identities: listed, added, and one with the records that it asks for, each looked up while somebody waits.

Reads and acts through operate/identities.py.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Show, as_json, url, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, scope_of, whose
from pillarbox.kit.ids import Scope
from pillarbox.operate import identities
from pillarbox.operate.desk import Desk
from pillarbox.operate.identities import Report
from pillarbox.resources.identities import IdentityMissing
from pillarbox.resources.users import Role

PATH = "/ui/identities"


class IdentityPages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {
            "/identities": self.all,
            "/identities/{name}": self.one,
            "/identities/{name}/records": self.records,
        }
        self.changes: Changes = {
            "/identities": (Role.MEMBER, self.add),
            "/identities/{name}/vouch": (Role.ADMIN, self.vouch),
            "/identities/{name}/delete": (Role.MEMBER, self.delete),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        """Every sender, and how far it is verified."""
        found = await identities.list_all(self._desk, *whose(request, viewer))
        if wants_json(request):
            return as_json(found)
        return self._show.page(
            "identities.html", found=found, scope=scope_of(request.query_params, viewer), said=said(request),
            viewer=viewer,
        )  # fmt: skip

    async def one(self, request: Request, viewer: Viewer) -> Response:
        """The page of one; a browser asks for its records by itself, because name servers may be slow."""
        if wants_json(request):
            return as_json(await self._report(request, viewer))
        name: str = request.path_params["name"]
        scope = scope_of(request.query_params, viewer)
        listed = await identities.list_all(self._desk, *scope)
        known = next((one for one in listed if one.name == name), None)
        if known is None:
            raise IdentityMissing(f"Identity {name} does not exist.")
        return self._show.page(
            "identity.html", one=known, own=_path(name), records=url(f"{_path(name)}/records", scope._asdict()),
            scope=scope, said=said(request), viewer=viewer,
        )  # fmt: skip

    async def records(self, request: Request, viewer: Viewer) -> Response:
        """The part of the page that was looked up just now."""
        report = await self._report(request, viewer)
        if wants_json(request):
            return as_json(report)
        return self._show.page("_records.html", report=report)

    async def add(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope = fields.needed("name", "which domain or address is to be added"), scope_of(fields, viewer)
        made = await identities.create(acting(self._desk, request, viewer), name, *scope)
        return done(request, made, _path(made.name), "added", **scope._asdict())

    async def vouch(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Take the admin's word for it that the identity is its owner's."""
        name, scope = _named(request, viewer, fields)
        made = await identities.vouch(acting(self._desk, request, viewer), name, *scope)
        return done(request, made, _path(name), "vouched", **scope._asdict())

    async def delete(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope = _named(request, viewer, fields)
        await identities.delete(acting(self._desk, request, viewer), name, *scope)
        return done(request, None, PATH, "removed")

    async def _report(self, request: Request, viewer: Viewer) -> Report:
        scope = scope_of(request.query_params, viewer)
        (report,) = await identities.check(self._desk, request.path_params["name"], *scope)
        return report


def _named(request: Request, viewer: Viewer, fields: Fields) -> tuple[str, Scope]:
    return request.path_params["name"], scope_of(fields, viewer)


def _path(name: str) -> str:
    return f"{PATH}/{quote(name)}"
