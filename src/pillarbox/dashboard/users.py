"""Users of the pages: listed, made, given another password, signed out and removed.

Reads and acts through operate/users.py. For admins alone; an admin of one
account looks after the users of that account.
"""

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Denied, Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Show, as_json, wants_json
from pillarbox.dashboard.work import FIRST_REGION, Changes, Pages, acting, done, said
from pillarbox.kit.errors import Invalid
from pillarbox.operate import users
from pillarbox.operate.desk import Desk
from pillarbox.operate.users import Login, User
from pillarbox.resources.users import Role, UserMissing

PATH = "/ui/users"


class UserPages:
    """Answers an admin; raises a Refusal or Denied for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/users": self.all}
        self.changes: Changes = {
            "/users": (Role.ADMIN, self.create),
            "/users/password": (Role.ADMIN, self.set_password),
            "/users/sign-out": (Role.ADMIN, self.sign_out),
            "/users/remove": (Role.ADMIN, self.remove),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        if not viewer.may(Role.ADMIN):
            raise Denied(403, f"Users are for those with the role {Role.ADMIN}; yours is {viewer.role}.")
        found = await self._known_to(viewer)
        return as_json(found) if wants_json(request) else self._page(request, viewer, found)

    async def create(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Make a user and show the password; nothing can show it again."""
        name = fields.needed("name", "what they sign in with")
        role, account = fields["role"] or Role.READ_ONLY, fields["account"]
        if viewer.account and account not in ("", viewer.account):
            raise Invalid("You work for one account, and not for that one.")
        of = (fields["region"], fields["tenant"]) if role == Role.CUSTOMER else ("", "")
        desk = acting(self._desk, request, viewer)
        made = await users.create(desk, name, role, viewer.account or account, *of, fields["password"])
        return await self._made(request, viewer, made)

    async def set_password(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Give a user another password and show it; they are signed out everywhere."""
        name = await self._named(viewer, fields)
        made = await users.set_password(acting(self._desk, request, viewer), name, fields["password"])
        return await self._made(request, viewer, made)

    async def sign_out(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name = await self._named(viewer, fields)
        await users.sign_out_everywhere(acting(self._desk, request, viewer), name)
        return done(request, None, PATH, "signed-out")

    async def remove(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name = await self._named(viewer, fields)
        if name == viewer.name:
            raise Invalid("Nobody removes themselves: another admin does.")
        await users.remove(acting(self._desk, request, viewer), name)
        return done(request, None, PATH, "removed")

    async def _made(self, request: Request, viewer: Viewer, made: Login) -> Response:
        if wants_json(request):
            return as_json(made)
        return self._page(request, viewer, await self._known_to(viewer), made)

    def _page(self, request: Request, viewer: Viewer, found: list[User], made: Login | None = None) -> Response:
        now = self._desk.clock.now()
        return self._show.page(
            "users.html", found=found, made=made, roles=list(Role), region=FIRST_REGION, now=now,
            said=said(request), viewer=viewer,
        )  # fmt: skip

    async def _named(self, viewer: Viewer, fields: Fields) -> str:
        name = fields.needed("name", "which user is meant")
        if all(user.name != name for user in await self._known_to(viewer)):
            raise UserMissing(f"there is no user {name}")
        return name

    async def _known_to(self, viewer: Viewer) -> list[User]:
        return [user for user in await users.list_all(self._desk) if viewer.account in ("", user.account)]
