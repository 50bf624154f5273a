"""Requests that are read and answered on the connection, without an application's scope, task and messages.

Touches the connection. Entered by edge/connection.py for what is posted to one
of the targets with nothing unusual about it: a good part of what such a request
cost was the way to the application and back. All else goes by edge/http.py,
within the same limits, and is answered the same.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from pillarbox.edge.limits import Bodies, is_long
from pillarbox.edge.tracking_hosts import TrackingHosts
from pillarbox.wire.faults import Fault
from pillarbox.wire.request import Response

Answered = Callable[[Response], None]

_NOBODY_WAITS = asyncio.Event()
# By these a proxy tells for whom it asks; whether it is to be believed, uvicorn knows and tells the application.
_FOR_OTHERS = (b"x-forwarded-for", b"x-forwarded-proto")


class ShortRequest(NamedTuple):
    """A request as it came: headers by lower-case name, the address of the client, and "http" or "https"."""

    target: bytes
    raw_headers: Mapping[bytes, bytes]
    body: bytes
    client: str
    scheme: str

    def headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers.items()}


class Target(NamedTuple):
    """Something that may be posted to: how long its bodies are at most, and what gives the answer, now or later.

    `asks_who` when the answer depends on who asks, and how.
    """

    longest_body: int
    take: Callable[[ShortRequest, Answered], None]
    asks_who: bool = False


class ShortRoad:
    """Lets requests in whose target, as it came, is one of `targets`; none when the server sends who comes away."""

    def __init__(
        self,
        targets: Mapping[bytes, Target],
        bodies: Bodies,
        tracking_hosts: TrackingHosts,
        sends_away: Callable[[], bool],
    ) -> None:
        self._targets = targets
        self._bodies = bodies
        self._tracking_hosts = tracking_hosts
        self._sends_away = sends_away

    def enter(self, connection: HttpToolsProtocol, write: Callable[[bytes], None]) -> "ShortCycle | None":
        """Begin with a request whose head is there, and `write` its answer; None leaves it to the application."""
        target = self._targets.get(connection.url)
        if target is None or connection.parser.get_method() != b"POST" or connection.expect_100_continue:
            return None
        headers = dict(connection.headers)
        length = headers.get(b"content-length", b"")
        if (
            len(headers) < len(connection.headers)
            or b"transfer-encoding" in headers
            or (target.asks_who and any(name in headers for name in _FOR_OTHERS))
            or not length.isdigit()
            or int(length) > min(target.longest_body, self._bodies.longest)
            or is_long(connection.headers)
            or self._tracking_hosts.has(connection.headers)
            or self._sends_away()
        ):
            return None
        return ShortCycle(connection, write, target, headers, self._bodies)


class ShortCycle(RequestResponseCycle):
    """One request on the short road. To uvicorn, which looks whether it is answered, it is one of its own."""

    def __init__(
        self,
        connection: HttpToolsProtocol,
        write: Callable[[bytes], None],
        target: Target,
        headers: Mapping[bytes, bytes],
        bodies: Bodies,
    ) -> None:
        # What the base has beyond this is for an application that waits for messages.
        self.disconnected = self.response_complete = False
        self.keep_alive = connection.parser.should_keep_alive()
        self.message_event = _NOBODY_WAITS
        self._connection = connection
        self._write = write
        self._target = target
        self._headers = headers
        self._bodies = bodies
        self._pieces: list[bytes] = []

    def read(self, piece: bytes) -> bool:
        """Hold a piece of the body; False when there is no room for it."""
        try:
            self._bodies.hold(len(piece))
        except Fault:
            return False
        self._pieces.append(piece)
        return True

    def leave(self) -> list[bytes]:
        """Give up before the body is whole, and return what of it was there."""
        self._bodies.release(sum(map(len, self._pieces)))
        return self._pieces

    def end_of_body(self) -> None:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        connection = self._connection
        client = connection.client[0] if connection.client else ""
        asked = ShortRequest(connection.url, self._headers, body, client, connection.scheme or "http")
        self._target.take(asked, self._answer)

    def _answer(self, response: Response) -> None:
        self.leave()
        self.response_complete = True
        transport = self._connection.transport
        if self.disconnected or transport.is_closing():
            return
        self._write(self._written(response))
        if not self.keep_alive:
            transport.close()
        self._connection.on_response_complete()

    def _written(self, response: Response) -> bytes:
        """Return an answer as uvicorn writes it."""
        lines = [STATUS_LINE[response.status]]
        lines += [b"%s: %s\r\n" % header for header in self._connection.server_state.default_headers]
        for name, value in response.headers:
            lines.append(f"{name.lower()}: {value}\r\n".encode("latin-1"))
        lines.append(b"content-length: %d\r\n" % len(response.body))
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        lines.append(response.body)
        return b"".join(lines)
