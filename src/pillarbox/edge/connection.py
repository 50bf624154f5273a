"""How answers reach the socket: head and body in one piece, and those to redirects and posts without a detour.

Touches the connection. Built by app/doors.py into uvicorn, which would write
the head of a response and its body one after the other: two system calls and
two packets, and the second wakes the client a second time.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pillarbox.edge.short_road import ShortCycle, ShortRoad
from pillarbox.edge.tracking import GIF, PATHS, Tracker

# A body, or a proxy between: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"x-forwarded-for", b"expect"})

_GOODBYE_SECONDS = 0.5
# For who has connected while we were told to stop, and has not come to ask yet.
_FIRST_REQUEST_SECONDS = 1.0


class JoinedWrites:
    """A transport that gathers what is written until the event loop's next turn; all else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append(data)

    def write_whole(self, data: bytes) -> None:
        """Write what nothing follows that should leave with it."""
        self._flush()
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._gathered:
            self._transport.write(b"".join(self._gathered))
            self._gathered.clear()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with its writes joined, and with tracked links answered as soon as they are read.

    A redirect is worked out in less time than an application's request takes to be made. What is anything but
    plain (a damaged link, a proxy that tells for whom it asks, a request behind another) goes the usual way. So does
    what `short_road` does not let in.
    """

    def __init__(self, *args: Any, tracker: Tracker | None, short_road: ShortRoad | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tracker = tracker
        self._is_for_tracker = False
        self._short_road = short_road
        self._short: ShortCycle | None = None  # while its body is being read
        self._was_asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = JoinedWrites(transport, self.loop)
        super().connection_made(self._joined)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._short is not None:
            self._short.leave()
            self._short = None
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End the connection when nothing is in hand; a new one has a moment for its first request.

        Who keeps one by TLS, and sleeps, does not say goodbye.
        """
        if not self._was_asked:
            self._was_asked = True
            self.loop.call_later(_FIRST_REQUEST_SECONDS, self.shutdown)
            return
        super().shutdown()
        if self.transport.is_closing() and self.transport.get_extra_info("sslcontext"):
            self.loop.call_later(_GOODBYE_SECONDS, self.transport.abort)

    def on_headers_complete(self) -> None:
        self._was_asked = True
        is_plain = (
            self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
        )
        self._is_for_tracker = (
            is_plain
            and self._tracker is not None
            and self.url.startswith(PATHS)
            and self.parser.get_method() == b"GET"
            and not any(name in _NOT_PLAIN for name, _ in self.headers)
        )
        if self._is_for_tracker:
            return
        if is_plain and self._short_road is not None:
            self._short = self._short_road.enter(self, self._joined.write_whole)
        if self._short is not None:
            self.cycle = self._short
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._short is None:
            super().on_body(body)
        elif not self._short.read(body):
            pieces, self._short = self._short.leave(), None
            self.cycle = None  # type: ignore[assignment]  # as before this request
            super().on_headers_complete()
            for piece in (*pieces, body):
                super().on_body(piece)

    def on_message_complete(self) -> None:
        if self._short is not None:
            short, self._short = self._short, None
            short.end_of_body()
            return
        if self._tracker is not None and self._is_for_tracker:
            self._is_for_tracker = False
            target = self.url.partition(b"#")[0]
            answer = self._tracker.at_once(target, self.headers, self.client[0] if self.client else "")
            if answer is not None:
                self._answer(answer)
                return
            super().on_headers_complete()
        super().on_message_complete()

    def _answer(self, answer: bytes) -> None:
        stays = self.parser.should_keep_alive()
        date = b"".join([b"%s: %s\r\n" % header for header in self.server_state.default_headers])
        end = b"\r\n" if stays else b"connection: close\r\n\r\n"
        body = GIF if answer.startswith(b"HTTP/1.1 200") else b""
        self._joined.write_whole(b"".join((answer, date, end, body)))
        if not stays:
            self.transport.close()
        self.on_response_complete()
