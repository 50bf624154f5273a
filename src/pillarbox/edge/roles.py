"""Who of several servers answers what, and whether this one can.

A bare ASGI application before edge/http.py; reads the store when it is asked
whether it is ready. Built by app/doors.py. A server answers what its roles
name, and its probes and metrics in any case: what leads here wrongly hears so
at once instead of being half done. One that is about to stop answers all as
before, and asks to be left.
"""

import asyncio
from collections.abc import Collection, MutableMapping
from typing import Any

from pillarbox.delivery.unsubscribe_links import PATH as UNSUBSCRIBE_PATH
from pillarbox.edge.events_in import PATH as EVENTS_PATH
from pillarbox.edge.http import Application, Receive, Scope, Send
from pillarbox.edge.tracking import FAVICON, PATHS
from pillarbox.edge.tracking_hosts import TrackingHosts
from pillarbox.kit.errors import Unavailable
from pillarbox.sending.verification_mail import PATH as VERIFICATION_PATH
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

_READY, _PROBES = "/readyz", ("/healthz", "/metrics")
_CERTIFICATES = "/SimpleNotificationService-"
_ANSWER_SECONDS = 5.0


class RoleDoor:
    """Lets through what is for this server's roles; `/readyz` is 200 when the store answers, else 503.

    After `send_away` it is 503 in any case, and connections end with the answer to their next request.
    """

    def __init__(self, edge: Application, roles: Collection[str], store: Store, hosts: TrackingHosts) -> None:
        self._edge = edge
        self._roles = frozenset(roles)
        self._store = store
        self._hosts = hosts
        self._sends_away = False

    def send_away(self) -> None:
        """Ask load balancers and clients to go to another server; who comes nevertheless is answered."""
        self._sends_away = True

    @property
    def sends_away(self) -> bool:
        return self._sends_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        role = self._role(scope)
        if self._sends_away:
            send = _closing(send)
        if role is None or role in self._roles:
            await self._edge(scope, receive, send)
        elif scope["path"] != _READY:
            await _text(send, 404, f"this server has not the role {role!r}\n")
        elif self._sends_away:
            await _text(send, 503, "this server is about to stop\n")
        elif await self._is_ready():
            await _text(send, 200, "ready\n")
        else:
            await _text(send, 503, "the store does not answer\n")

    def _role(self, scope: Scope) -> str | None:
        """Return the role whose request this is; None when every server answers it."""
        path: str = scope["path"]
        if scope["raw_path"].startswith(PATHS) or scope["raw_path"] == FAVICON or self._hosts.has(scope["headers"]):
            return "tracking"
        if path == _READY:
            return _READY
        if path in _PROBES or path.startswith(_CERTIFICATES):
            return None
        if path.startswith((UNSUBSCRIBE_PATH, VERIFICATION_PATH)):
            return "tracking"
        if path.startswith(EVENTS_PATH):
            return "events"
        return "dashboard" if path.startswith("/ui/") or path == "/ui" else "api"

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._store.read(_answers)
        except (Unavailable, TimeoutError):
            return False


def _answers() -> Plan[bool]:
    return bool((yield Rows("SELECT 1")))


def _closing(send: Send) -> Send:
    """Return `send` so that the connection ends with what is answered."""

    async def closing(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return closing


async def _text(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
