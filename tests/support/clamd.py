"""A clamd on a Unix socket that finds what it is told to find, and fails as it is told to fail."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = b"zINSTREAM\0"


class Clamd:
    """`virus` is what it finds, `says` what it answers instead of a verdict; one that is `silent` never answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.virus = b"VIRUS"
        self.says = ""
        self.silent = False
        self.seen: list[bytes] = []
        self._released = threading.Event()

    @classmethod
    @contextmanager
    def at(cls, path: Path) -> Iterator["Clamd"]:
        clamd = cls(path)

        class Listener(socketserver.ThreadingUnixStreamServer):
            request_queue_size = 64
            daemon_threads = True

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                clamd._answer(self)

        with Listener(str(path), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            try:
                yield clamd
            finally:
                clamd._released.set()
                server.shutdown()
                thread.join(10)
                path.unlink()

    def _answer(self, client: socketserver.StreamRequestHandler) -> None:
        command = client.rfile.read(len(COMMAND))
        if not command:  # whoever waited in vain has hung up
            return
        assert command == COMMAND
        pieces = []
        while length := struct.unpack("!I", client.rfile.read(4))[0]:
            pieces.append(client.rfile.read(length))
        raw = b"".join(pieces)
        self.seen.append(raw)
        if self.silent:
            self._released.wait(60)
            return
        found = "Test.Virus FOUND" if self.virus in raw else "OK"
        client.wfile.write((self.says or f"stream: {found}").encode() + b"\0")
