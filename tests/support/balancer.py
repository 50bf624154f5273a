"""A load balancer for TCP before servers on this machine; whoever stands beside it asks `/readyz`."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Balancer:
    """Leads each new connection to the next of `servers` (their URLs) in turn; those that there are stay."""

    def __init__(self) -> None:
        self.servers: list[str] = []
        self.led: list[str] = []
        self._lock = threading.Lock()
        self.endpoint = ""

    @classmethod
    @contextmanager
    def standing(cls) -> Iterator["Balancer"]:
        balancer = cls()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    balancer._pass_on(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        with Server(("127.0.0.1", 0), Handler) as server:
            balancer.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield balancer
            server.shutdown()

    def forget(self, server: str) -> None:
        """Lead nobody there any more."""
        with self._lock:
            self.servers.remove(server)

    def _next(self) -> tuple[str, int]:
        with self._lock:
            server = self.servers[len(self.led) % len(self.servers)]
            self.led.append(server)
        return "127.0.0.1", int(server.rpartition(":")[2])

    def _pass_on(self, near: socket.socket) -> None:
        with socket.create_connection(self._next()) as far:
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
