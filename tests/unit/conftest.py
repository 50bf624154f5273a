"""Unit tests reach nothing: no network sockets are connected or bound here."""

import socket
from typing import Any

import pytest

_NETWORK = (socket.AF_INET, socket.AF_INET6)


class NetworkInUnitTest(Exception):
    """A unit test wanted the network; it belongs into scenarios/ or faults/."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex", "bind"):
        original = getattr(socket.socket, name)

        def refused(self: socket.socket, *args: Any, original: Any = original) -> Any:
            if self.family in _NETWORK:
                raise NetworkInUnitTest(args[0])
            return original(self, *args)

        monkeypatch.setattr(socket.socket, name, refused)
