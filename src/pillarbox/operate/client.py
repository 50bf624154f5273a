"""The other end of the admin socket, for commands.

Touches the socket, blocking. Kept light: a command starts, asks and ends.
"""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.operate.requests import Request, encode
from pillarbox.operate.tail import Told

T = TypeVar("T")

_PATIENCE_SECONDS = 60.0
# The path of a Unix socket has room for about 100 bytes (unix(7)).
_LONGEST_PATH = 100


class NoServer(Exception):
    """No server runs on this data folder."""


class Client:
    """Asks the server whose admin socket is `path`; NoServer when none listens there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, request: Request, kind: type[T]) -> T:
        """Return the answer, or raise Refusal with the server's reason or Unavailable."""
        with closing(_Connection(self._path, _PATIENCE_SECONDS)) as connection:
            response = self._send(connection, "POST", "/", encode(request))
            body = response.read()
        if response.status == 200:
            return msgspec.json.decode(body, type=kind)
        reason = msgspec.json.decode(body, type=dict[str, str])["error"]
        raise Unavailable(reason) if response.status >= 500 else Refusal(reason)

    def tail(self, account: str = "") -> Iterator[Told]:
        """Yield events as they are recorded, until the server ends."""
        with closing(_Connection(self._path)) as connection:
            response = self._send(connection, "GET", f"/tail?account={quote(account)}", None)
            assert response.readline() == b"\n"
            while line := response.readline():
                yield msgspec.json.decode(line, type=Told)

    def _send(
        self, connection: "_Connection", method: str, target: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        try:
            connection.request(method, target, body)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NoServer(f"no server runs on {self._path.parent}") from None
        except PermissionError:
            raise Unavailable(f"{self._path} belongs to another user: only the user who runs the server may") from None
        return connection.getresponse()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float | None = None) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with reachable(self._path) as address:
            self.sock.connect(address)


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a name for the socket that is short enough; a long path is gone through its open folder."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
