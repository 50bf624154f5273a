"""The doctor: what is wrong with the server and its surroundings, and how it is repaired.

Reads and acts through operate/doctor.py. An examination goes on in the
background while its page follows it. Who works for one account sees what is
its own.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Denied, Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Show, as_json, is_refresh, refresh, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said
from pillarbox.operate import doctor
from pillarbox.operate.desk import Desk
from pillarbox.operate.doctor import Examination
from pillarbox.operate.finding import STATES
from pillarbox.resources.users import Role

PATH = "/ui/doctor"


class DoctorPages:
    """Answers a viewer; raises a Refusal or Denied for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/doctor": self.newest}
        self.changes: Changes = {"/doctor": (Role.MEMBER, self.examine)}

    async def newest(self, request: Request, viewer: Viewer) -> Response:
        """The newest examination, the worst findings first; it follows one that is going on."""
        found = _of(await doctor.newest(self._desk), viewer)
        if wants_json(request):
            return as_json(found)
        is_going_on = found is not None and found.ended_at is None
        shown = self._show.live(
            "_doctor.html",
            PATH if is_going_on else None,
            found=found,
            findings=sorted(found.findings, key=lambda one: -STATES.index(one.state)) if found else [],
            parts=list(doctor.PARTS),
        )
        if is_refresh(request):
            return refresh(request, shown)
        return self._show.page(
            "doctor.html", live=shown, is_going_on=is_going_on, said=said(request), viewer=viewer
        )  # fmt: skip

    async def examine(self, request: Request, viewer: Viewer, _fields: Fields) -> Response:
        """Begin an examination, unless one is going on."""
        if viewer.account:
            raise Denied(403, "The server is examined by those who look after every account.")
        begun = await doctor.ask(acting(self._desk, request, viewer))
        return done(request, begun, PATH, "examining")


def _of(found: Examination | None, viewer: Viewer) -> Examination | None:
    if found is None or not viewer.account:
        return found
    own = [one for one in found.findings if one.account == viewer.account]
    return msgspec.structs.replace(found, findings=own, host="")
