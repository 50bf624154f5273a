"""A way to the server on which answers get lost: the request arrives, the client never hears of it."""

import socket
import socketserver
import threading
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit


class LossyWay:
    """Passes requests on, one for each connection; the next `losing` answers are dropped with their connection."""

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._to = (address.hostname or "", address.port or 80)
        self.losing = 0
        self.requests = 0
        self._lock = threading.Lock()
        way = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    way._pass_on(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "LossyWay":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _pass_on(self, client: socket.socket) -> None:
        with socket.create_connection(self._to, timeout=30) as server, client:
            while request := _whole(client):
                server.sendall(request)
                answer = _whole(server)
                with self._lock:
                    self.requests += 1
                    lost = self.losing > 0
                    self.losing -= lost
                if lost or not answer:
                    return
                client.sendall(answer)


def _whole(sender: socket.socket) -> bytes:
    """Read a request or an answer with its body; nothing when the connection is closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sender.recv(65536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0]) - len(body) if lengths else 0
    while left > 0:
        if not (more := sender.recv(65536)):
            return b""
        data += more
        left -= len(more)
    return data
