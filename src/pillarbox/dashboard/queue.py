"""Queue and pace: what waits for each provider, why and until when, and the operator's hands on it.

Reads and acts through operate/queue.py.
"""

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Show, as_json, is_refresh, refresh, url, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, whose
from pillarbox.kit.errors import Invalid
from pillarbox.operate import queue
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import What
from pillarbox.resources.users import Role

PATH = "/ui/queue"


class QueuePages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/queue": self.all}
        self.changes: Changes = {
            "/queue/pause": (Role.MEMBER, self.pause),
            "/queue/resume": (Role.MEMBER, self.resume),
            "/queue/retry": (Role.MEMBER, self.retry),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        """What waits, what is paused and how fast providers are sent to; keeps itself up to date."""
        account, _ = whose(request, viewer)
        found = await queue.show(self._desk, account)
        paces = [] if viewer.account else await queue.paces(self._desk)
        if wants_json(request):
            return as_json({"queue": found, "paces": paces})
        here = url(PATH, {"account": "" if viewer.account else account})
        shown = self._show.live("_queue.html", here, found=found, paces=paces, viewer=viewer)
        if is_refresh(request):
            return refresh(request, shown)
        return self._show.page("queue.html", live=shown, account=account, said=said(request), viewer=viewer)

    async def pause(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        count = await queue.pause(acting(self._desk, request, viewer), _what(fields, viewer), fields["why"])
        return done(request, {"waiting": count}, PATH, "paused", count=count)

    async def resume(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        count = await queue.resume(acting(self._desk, request, viewer), _what(fields, viewer))
        return done(request, {"going_on": count}, PATH, "resumed", count=count)

    async def retry(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        count = await queue.retry(acting(self._desk, request, viewer), _what(fields, viewer))
        return done(request, {"tried": count}, PATH, "retried", count=count)


def _what(fields: Fields, viewer: Viewer) -> What:
    """Return what mail is meant: who works for one account never means that of another."""
    if viewer.account and fields["account"] not in ("", viewer.account):
        raise Invalid("You work for one account, and not for that one.")
    return What(
        account=viewer.account or fields["account"],
        configuration_set=fields["configuration_set"],
        provider=fields["provider"],
        message_id=fields["message_id"],
    )
