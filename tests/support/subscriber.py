"""An HTTP subscriber as people write them: confirms, keeps what it is sent, and can be told to fail or to stall."""

import json
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed while it posted is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class Post:
    """One request to the subscriber."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class _Server(ThreadingHTTPServer):
    """Ends with its connections: those that are kept alive would be answered for ever."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Subscriber:
    """Every post in its order of arrival. `answers` are the statuses to give first; then it is 200.

    While `gate` is not set, posts are taken in and get no answer.
    """

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)  # those in notifications; set-up texts are passed over
    answers: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, condition: Any, seconds: float = 30.0) -> None:
        """Return when `condition(self)` holds; it is looked at after each post."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: condition(self), seconds), f"{len(self.posts)} posts came"

    @property
    def notifications(self) -> list[Post]:
        return [post for post in self.posts if post.headers.get("x-amz-sns-message-type") == "Notification"]

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator["Subscriber"]:
        subscriber = cls()
        subscriber.gate.set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = subscriber.answers.pop(0) if subscriber.answers else 200
                if status == 200 and headers.get("x-amz-sns-message-type") == "SubscriptionConfirmation":
                    with urllib.request.urlopen(body["SubscribeURL"], timeout=10) as answer:
                        assert answer.status == 200
                with subscriber.arrived:
                    subscriber.posts.append(Post(self.path, headers, body))
                    if body["Type"] == "Notification" and body["Message"].startswith("{"):
                        subscriber.events.append(json.loads(body["Message"]))
                    subscriber.arrived.notify_all()
                subscriber.gate.wait()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                return None

        server = _Server(Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        subscriber.url = f"http://127.0.0.1:{server.server_address[1]}/mail_events"
        try:
            yield subscriber
        finally:
            subscriber.gate.set()
            server.shutdown()
            server.server_close()
