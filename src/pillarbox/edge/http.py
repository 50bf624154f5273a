"""The HTTP face: bytes in within limits, bytes out, and who answers which host and path.

A bare ASGI application (docs/decisions/0002-http-server.md). Called by uvicorn,
built by app/doors.py. Pages are a mounted application; probes, metrics and the
SNS certificate are answered here; everything else is for the gateway. A host to
which only tracked links lead shows nothing else.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any

from pillarbox.delivery.unsubscribe_links import PATH as UNSUBSCRIBE_PATH
from pillarbox.edge.events_in import PATH as EVENTS_PATH
from pillarbox.edge.events_in import EventsIn
from pillarbox.edge.gateway import Gateway
from pillarbox.edge.limits import Bodies, is_long
from pillarbox.edge.short_road import Answered, ShortRequest, Target
from pillarbox.edge.tracking import FAVICON, PATHS, Tracker
from pillarbox.edge.tracking_hosts import TrackingHosts
from pillarbox.edge.unsubscribe import UnsubscribePages
from pillarbox.edge.verification import VerificationPages
from pillarbox.kit import metrics
from pillarbox.sending.verification_mail import PATH as VERIFICATION_PATH
from pillarbox.wire.faults import Fault
from pillarbox.wire.request import Request, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = ("127.0.0.1", "::1")
# Where v1 of SES, SNS and SQS are asked for everything, and v2 of SES to send.
_CALLED_OFTEN = (b"/", b"/v2/email/outbound-emails")
# So much of a body is read in any case before anybody looks at the head: for more, its signature is judged first.
_SHORT_CALL_BYTES = 64 * 1024


class HttpEdge:
    """Answers each request; holds no more of bodies than `bodies` has room for."""

    def __init__(
        self,
        gateway: Gateway,
        pages: Application,
        certificates: Mapping[str, bytes],
        verification: VerificationPages,
        unsubscribe: UnsubscribePages,
        tracker: Tracker,
        tracking_hosts: TrackingHosts,
        *,
        events_in: EventsIn,
        bodies: Bodies,
        metrics_token: str,
    ) -> None:
        self._gateway = gateway
        self._pages = pages
        self._certificates = certificates
        self._verification = verification
        self._unsubscribe = unsubscribe
        self._tracker = tracker
        self._tracking_hosts = tracking_hosts
        self._events_in = events_in
        self._bodies = bodies
        self._metrics_token = metrics_token
        self._at_work: set[asyncio.Task[None]] = set()

    def targets(self, roles: Collection[str]) -> dict[bytes, Target]:
        """Return what may be posted to by edge/short_road.py, for these roles."""
        targets = dict(self._events_in.targets()) if "events" in roles else {}
        if "api" in roles:
            targets |= dict.fromkeys(_CALLED_OFTEN, Target(_SHORT_CALL_BYTES, self._take_call, asks_who=True))
        return targets

    def _take_call(self, posted: ShortRequest, answered: Answered) -> None:
        task = asyncio.create_task(self._answer_call(posted, answered))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _answer_call(self, posted: ShortRequest, answered: Answered) -> None:
        async def read() -> bytes:
            return posted.body

        request = Request("POST", posted.target.decode("latin-1"), posted.headers(), b"")
        answered(await self._gateway.answer(request, read, posted.client, posted.scheme))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["raw_path"].startswith(PATHS)
            or scope["raw_path"] == FAVICON
            or self._tracking_hosts.has(scope["headers"])
        ):
            await self._tracker(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/ui/") or path == "/ui":
            await self._pages(scope, receive, send)
            return
        response = self._plain(path, scope)
        if response is None and path.startswith(VERIFICATION_PATH):
            response = await self._verification.answer(scope["method"], path, (scope.get("client") or ("",))[0])
        if response is None and path.startswith(UNSUBSCRIBE_PATH):
            response = await self._unsubscribe.answer(scope, receive)
        if response is None:
            body = _Body(self._bodies, receive)
            try:
                response = await self._answer(scope, body)
            finally:
                self._bodies.release(body.held_bytes)
        await _write(response, send)

    def _plain(self, path: str, scope: Scope) -> Response | None:
        if path == "/healthz":
            return _text(200, b"ok\n")
        if path == "/metrics":
            return self._metrics(scope)
        if (pem := self._certificates.get(path)) is not None:
            return Response(200, [("Content-Type", "application/x-pem-file"), ("Cache-Control", "max-age=86400")], pem)
        return None

    def _metrics(self, scope: Scope) -> Response:
        given = _headers(scope).get("authorization", "")
        if self._metrics_token:
            allowed = hmac.compare_digest(given.encode(), f"Bearer {self._metrics_token}".encode())
        else:
            allowed = (scope.get("client") or ("",))[0] in _LOOPBACK
        if not allowed:
            return _text(403, b"metrics are shown on loopback, or with the metrics token\n")
        return _text(200, metrics.exposition())

    async def _answer(self, scope: Scope, body: "_Body") -> Response:
        headers = _headers(scope)
        if is_long(scope["headers"]):
            return _text(431, b"the request's headers are too long\n")
        if scope["path"].startswith(EVENTS_PATH):
            return await self._events_in.answer(scope["method"], scope["path"], headers, body.read)
        request = Request(scope["method"], _target(scope), headers, b"")
        client = scope.get("client")
        return await self._gateway.answer(request, body.read, client[0] if client else "", scope["scheme"])


class _Body:
    """Reads one request's body, once, when the gateway wants it."""

    def __init__(self, bodies: Bodies, receive: Receive) -> None:
        self._bodies = bodies
        self._receive = receive
        self.held_bytes = 0

    async def read(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Fault("IncompleteBody", "The connection ended before the body did.")
            chunk: bytes = message.get("body", b"")
            if chunk:
                self._take(len(chunk))
                chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _take(self, count: int) -> None:
        limit = self._bodies.longest
        if self.held_bytes + count > limit:
            raise Fault("RequestEntityTooLarge", f"The request body is longer than {limit} bytes.", 413)
        self._bodies.hold(count)
        self.held_bytes += count


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _target(scope: Scope) -> str:
    path: str = scope["raw_path"].decode("latin-1")
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def _text(status: int, body: bytes) -> Response:
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], body)


async def _write(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
