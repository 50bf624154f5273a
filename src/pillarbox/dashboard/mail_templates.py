"""Templates: listed, written, looked at with data, and sent to one recipient to try.

Reads and acts through operate/templates.py. Their HTML is shown like that of
mail: in a sandbox, where it can load nothing and do nothing.
"""

from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.pages import MAIL_POLICY
from pillarbox.dashboard.show import Show, as_json, url, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, scope_of, whose
from pillarbox.kit.errors import Refusal
from pillarbox.operate import templates
from pillarbox.operate.desk import Desk
from pillarbox.operate.templates import Preview
from pillarbox.resources.templates import Template
from pillarbox.resources.users import Role

PATH = "/ui/templates"


class TemplatePages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {
            "/templates": self.all,
            "/templates/{name}": self.one,
            "/templates/{name}/preview": self.preview,
            "/templates/{name}/html": self.html,
        }
        self.changes: Changes = {
            "/templates": (Role.MEMBER, self.create),
            "/templates/{name}": (Role.MEMBER, self.update),
            "/templates/{name}/delete": (Role.MEMBER, self.delete),
            "/templates/{name}/send": (Role.MEMBER, self.send),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        found = await templates.list_all(self._desk, *whose(request, viewer))
        if wants_json(request):
            return as_json(found)
        return self._show.page(
            "templates.html", found=found, scope=scope_of(request.query_params, viewer), said=said(request),
            viewer=viewer,
        )  # fmt: skip

    async def one(self, request: Request, viewer: Viewer) -> Response:
        """The parts to be edited, and below them what comes out with the data that was given last."""
        scope, data = scope_of(request.query_params, viewer), request.query_params.get("data", "")
        found = await templates.get(self._desk, scope, request.path_params["name"])
        if wants_json(request):
            return as_json(found)
        shown, problem = await self._preview(request, viewer)
        frame = url(f"{_path(found.name)}/html", {**scope._asdict(), "data": data})
        return self._show.page(
            "template.html", one=found, own=_path(found.name), scope=scope, data=data, shown=shown,
            problem=problem, frame=frame, said=said(request), viewer=viewer,
        )  # fmt: skip

    async def preview(self, request: Request, viewer: Viewer) -> Response:
        """What comes out, for programs and for the page while somebody writes data."""
        if wants_json(request):
            return as_json(await self._rendered(request, viewer))
        name: str = request.path_params["name"]
        return RedirectResponse(url(_path(name), dict(request.query_params)), 303)

    async def html(self, request: Request, viewer: Viewer) -> Response:
        """The HTML that comes out, in a sandbox."""
        shown = await self._rendered(request, viewer)
        headers = {"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(shown.html or "", headers=headers)

    async def create(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        made, scope = _template(fields.needed("name", "how the template is called"), fields), scope_of(fields, viewer)
        await templates.create(acting(self._desk, request, viewer), scope, made)
        return done(request, made, _path(made.name), "added", **scope._asdict())

    async def update(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        changed, scope = _template(request.path_params["name"], fields), scope_of(fields, viewer)
        await templates.update(acting(self._desk, request, viewer), scope, changed)
        return done(request, changed, _path(changed.name), "saved", **scope._asdict())

    async def delete(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        scope = scope_of(fields, viewer)
        await templates.delete(acting(self._desk, request, viewer), scope, request.path_params["name"])
        return done(request, None, PATH, "removed")

    async def send(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Send it to one recipient by the rules of every send, and lead to the message."""
        addresses = fields.needed("from", "who it is from"), fields.needed("to", "whom it goes to")
        desk, scope = acting(self._desk, request, viewer), scope_of(fields, viewer)
        sent = await templates.send_test(desk, scope, request.path_params["name"], fields["data"], addresses)
        if wants_json(request):
            return as_json({"message_id": sent})
        return RedirectResponse(f"/ui/messages/{quote(sent)}", 303)

    async def _preview(self, request: Request, viewer: Viewer) -> tuple[Preview | None, str]:
        try:
            return await self._rendered(request, viewer), ""
        except Refusal as error:
            return None, str(error)

    async def _rendered(self, request: Request, viewer: Viewer) -> Preview:
        asked: Mapping[str, str] = request.query_params
        scope = scope_of(asked, viewer)
        return await templates.preview(self._desk, scope, request.path_params["name"], asked.get("data", ""))


def _template(name: str, fields: Fields) -> Template:
    return Template(name, fields["subject"], fields["text"] or None, fields["html"] or None)


def _path(name: str) -> str:
    return f"{PATH}/{quote(name)}"
