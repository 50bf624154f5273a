"""Access keys: listed, made with a scope (the secret is shown this once) and revoked.

Reads and acts through operate/keys.py. For admins alone.
"""

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Denied, Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Show, as_json, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, scope_of
from pillarbox.operate import keys
from pillarbox.operate.desk import Desk
from pillarbox.operate.keys import Key, KeyPair
from pillarbox.resources.credentials import CredentialMissing
from pillarbox.resources.users import Role

PATH = "/ui/keys"


class KeyPages:
    """Answers an admin; raises a Refusal or Denied for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/keys": self.all}
        self.changes: Changes = {"/keys": (Role.ADMIN, self.create), "/keys/revoke": (Role.ADMIN, self.revoke)}

    async def all(self, request: Request, viewer: Viewer) -> Response:
        if not viewer.may(Role.ADMIN):
            raise Denied(403, f"Keys are for those with the role {Role.ADMIN}; yours is {viewer.role}.")
        found = await self._known_to(viewer)
        return as_json(found) if wants_json(request) else self._page(request, viewer, found)

    async def create(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Make a key and show its secret; nothing can show it again."""
        user = fields.needed("user", "who is going to use the key")
        scope = fields["scope"] + fields["of"] if fields["scope"].endswith("=") else fields["scope"]
        account = scope_of(fields, viewer).account
        made = await keys.create(acting(self._desk, request, viewer), account, user, scope)
        if wants_json(request):
            return as_json(made)
        return self._page(request, viewer, await self._known_to(viewer), made)

    async def revoke(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        key_id = fields["key_id"]
        if all(key.key_id != key_id for key in await self._known_to(viewer)):
            raise CredentialMissing(f"there is no access key {key_id}")
        await keys.revoke(acting(self._desk, request, viewer), key_id)
        return done(request, None, PATH, "revoked")

    def _page(self, request: Request, viewer: Viewer, found: list[Key], made: KeyPair | None = None) -> Response:
        scope = scope_of(request.query_params, viewer)
        return self._show.page("keys.html", found=found, made=made, scope=scope, said=said(request), viewer=viewer)

    async def _known_to(self, viewer: Viewer) -> list[Key]:
        return [key for key in await keys.list_all(self._desk) if viewer.account in ("", key.account)]
