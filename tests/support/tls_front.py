"""HTTPS before a plain HTTP server on this machine, with a certificate of an authority of its own.

The front is there before the server that it stands before, so that the server
can be told by which URL others reach it.
"""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.https_front import make_certificate


class TlsFront:
    """Passes bytes on to `target`, a port, once that is set."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "front-authority.pem"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(make_certificate("localhost", self.authority, folder / "front.pem"))
        self.target = 0
        self.port = 0

    @classmethod
    @contextmanager
    def standing(cls, folder: Path) -> Iterator["TlsFront"]:
        front = cls(folder)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    front._pass_on(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        with Server(("127.0.0.1", 0), Handler) as server:
            front.port = server.server_address[1]
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield front
            server.shutdown()

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def _pass_on(self, plain: socket.socket) -> None:
        with self._tls.wrap_socket(plain, server_side=True) as near:
            with socket.create_connection(("127.0.0.1", self.target)) as far:
                back = threading.Thread(target=_copy, args=(far, near), daemon=True)
                back.start()
                _copy(near, far)
                with suppress(OSError):
                    far.shutdown(socket.SHUT_WR)
                back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
