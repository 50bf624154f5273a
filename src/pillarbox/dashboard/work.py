"""What the pages of daily work have in common: whose things they show, as whom they act, and how they end.

Used by the pages that change something. No rule of its own: what may be done is
decided in operate/ and below it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import as_json, url, wants_json
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.operate.desk import Desk
from pillarbox.operate.keys import FIRST_ACCOUNT
from pillarbox.resources.users import Role

FIRST_REGION = "us-east-1"
# What is said after something was done; `done` in the address of a page names it.
_SAID = {
    "added": "Added.",
    "removed": "Removed.",
    "saved": "Saved.",
    "vouched": "Verified on your word.",
    "paused": "Paused: {count} deliveries wait.",
    "resumed": "Resumed: {count} deliveries go on.",
    "retried": "{count} deliveries are tried now.",
    "importing": "The file is being imported.",
    "examining": "The doctor is looking.",
    "signed-out": "Signed out everywhere.",
    "revoked": "Revoked: requests signed with the key are refused from now on.",
    "replayed": "{count} notifications are delivered again.",
    "sending-on": "Mail with this configuration set is sent again.",
    "sending-off": "Mail with this configuration set is refused from now on.",
}

Page = Callable[[Request, Viewer], Awaitable[Response]]
Change = Callable[[Request, Viewer, Fields], Awaitable[Response]]
Pages = Mapping[str, Page]
Changes = Mapping[str, tuple[Role, Change]]


def whose(request: Request, viewer: Viewer) -> tuple[str, str]:
    """Return the account and region that a list is narrowed to; empty: every one that the viewer may see."""
    asked = request.query_params
    return viewer.account or asked.get("account", ""), asked.get("region", "")


def scope_of(given: Mapping[str, str] | Fields, viewer: Viewer) -> Scope:
    """Return the account and region that something is in, the usual ones where nothing is said."""
    account, region = _given(given, "account"), _given(given, "region")
    if viewer.account and account not in ("", viewer.account):
        raise Invalid("You work for one account, and not for that one.")
    return Scope(viewer.account or account or FIRST_ACCOUNT, region or FIRST_REGION)


def acting(desk: Desk, request: Request, viewer: Viewer) -> Desk:
    """Return the desk as the viewer works at it, so that the audit log names them."""
    return desk.of(viewer.name, request.client.host if request.client else "")


def done(request: Request, value: Any, where: str, what: str, *, count: int = 0, **kept: str) -> Response:
    """End a change: a program gets `value`, a browser is led to a page that says what was done."""
    if wants_json(request):
        return as_json(value)
    said = {"done": what, "count": str(count) if "{count}" in _SAID[what] else ""}
    return RedirectResponse(url(where, {**kept, **said}), 303)


def said(request: Request) -> str:
    """Return what was done just now, in words of ours."""
    words, count = _SAID.get(request.query_params.get("done", ""), ""), request.query_params.get("count", "0")
    return words.format(count=int(count) if count.isascii() and count.isdecimal() and len(count) < 12 else 0)


def _given(given: Mapping[str, str] | Fields, name: str) -> str:
    return given[name] if isinstance(given, Fields) else given.get(name, "")
