"""Files of addresses that are put on a list, or taken from it, and how far they are.

Reads and acts through operate/imports.py. The pages of the lists show the part
of a page that is made here, which follows what is going on.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Live, Show, as_json, is_refresh, refresh, url, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, scope_of
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.operate import imports
from pillarbox.operate.desk import Desk
from pillarbox.resources.import_jobs import Action
from pillarbox.resources.users import Role

PATH = "/ui/imports"


class ImportPages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/imports": self.newest}
        self.changes: Changes = {
            "/suppression/import": (Role.MEMBER, self.begin),
            "/contact-lists/{name}/import": (Role.MEMBER, self.begin),
        }

    async def newest(self, request: Request, viewer: Viewer) -> Response:
        """The newest imports of one list: a part of its page, and for programs."""
        scope, name = scope_of(request.query_params, viewer), request.query_params.get("list", "")
        if wants_json(request):
            return as_json(await imports.newest(self._desk, scope, name))
        if not is_refresh(request):
            raise NotFound("There is no such page.")
        return refresh(request, await progress(self._desk, self._show, scope, name))

    async def begin(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Take a file and begin its import in the background."""
        if fields.file is None:
            raise Invalid("Choose a file.")
        scope, name = scope_of(fields, viewer), request.path_params.get("name", "")
        action = Action.DELETE if fields["action"].upper() == Action.DELETE else Action.PUT
        desk = acting(self._desk, request, viewer)
        job = await imports.begin(desk, scope, name, action, *fields.file)
        where = f"/ui/contact-lists/{quote(name)}" if name else "/ui/suppression"
        return done(request, job, where, "importing", **scope._asdict())


async def progress(desk: Desk, show: Show, scope: Scope, contact_list: str) -> Live:
    """Return the part of a page that shows the newest imports of a list, and follows them."""
    jobs = await imports.newest(desk, scope, contact_list)
    going_on = any(job.completed_at is None for job in jobs)
    here = url(PATH, {**scope._asdict(), "list": contact_list}) if going_on else None
    return show.live("_imports.html", here, jobs=jobs)
