"""Suppression: who gets no mail and why, searched, added to and taken from.

Reads and acts through operate/address_lists.py.
"""

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.imports import progress
from pillarbox.dashboard.show import Show, as_json, url, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, scope_of
from pillarbox.kit.errors import Invalid
from pillarbox.operate import address_lists
from pillarbox.operate.desk import Desk
from pillarbox.resources.import_files import BadRecord, SuppressedRecord
from pillarbox.resources.suppression_reasons import chosen
from pillarbox.resources.users import Role

PATH = "/ui/suppression"


class SuppressionPages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/suppression": self.all}
        self.changes: Changes = {
            "/suppression": (Role.MEMBER, self.add),
            "/suppression/remove": (Role.MEMBER, self.remove),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        """The list of one account and region, or the one address that somebody looks for."""
        asked, scope = request.query_params, scope_of(request.query_params, viewer)
        address, reason = asked.get("address", "").strip(), asked.get("reason", "")
        if address:
            found = await address_lists.find(self._desk, scope, address)
        else:
            found = await address_lists.page(self._desk, scope, reason, asked.get("token", ""))
        if wants_json(request):
            return as_json(found)
        kept = {**scope._asdict(), "reason": reason}
        more = url(PATH, {**kept, "token": found.next_token}) if found.next_token else None
        return self._show.page(
            "suppression.html", found=found, scope=scope, address=address, reason=reason, more=more,
            live=await progress(self._desk, self._show, scope, ""), said=said(request), viewer=viewer,
        )  # fmt: skip

    async def add(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        address, scope = fields.needed("address", "which address is to get no mail"), scope_of(fields, viewer)
        (reason,) = chosen([(fields["reason"] or "bounce").upper()])
        record = SuppressedRecord(1, address, reason)
        _raise(await address_lists.put(acting(self._desk, request, viewer), scope, [record]))
        return done(request, record, PATH, "added", **scope._asdict())

    async def remove(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        address, scope = fields.needed("address", "which address is to get mail again"), scope_of(fields, viewer)
        record = SuppressedRecord(1, address)
        _raise(await address_lists.remove(acting(self._desk, request, viewer), scope, [record]))
        return done(request, None, PATH, "removed", **scope._asdict())


def _raise(bad: list[BadRecord]) -> None:
    for one in bad:
        raise Invalid(one.why)
