"""A clamd on a Unix socket that finds what it is told to find and fails as it is told to fail, and ClamAV's own."""

import getpass
import shutil
import socketserver
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = b"zINSTREAM\0"
STREAM_MAX_LENGTH = 8_000_000


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
        pieces, left = [], STREAM_MAX_LENGTH
        while length := struct.unpack("!I", client.rfile.read(4))[0]:
            left -= length
            if left < 0:
                client.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
            pieces.append(client.rfile.read(length))
        raw = b"".join(pieces)
        self.seen.append(raw)
        if self.silent:
            self._released.wait(60)
            return
        found = "Test.Virus FOUND" if self.virus in raw else "OK"
        client.wfile.write((self.says or f"stream: {found}").encode() + b"\0")


@contextmanager
def real_clamd(path: Path) -> Iterator[None]:
    """Run ClamAV's clamd with one signature: the word VIRUS, anywhere."""
    program = shutil.which("clamd") or "/usr/sbin/clamd"
    with tempfile.TemporaryDirectory(prefix="clamd-") as given:
        folder = Path(given)
        (folder / "test.ndb").write_text(f"Test.Virus:0:*:{b'VIRUS'.hex()}\n")
        settings = folder / "clamd.conf"
        # https://docs.clamav.net/manual/Usage/Configuration.html#clamdconf
        settings.write_text(
            f"Foreground yes\nUser {getpass.getuser()}\nDatabaseDirectory {folder}\nLogFile {folder / 'log'}\n"
            f"LocalSocket {path}\nStreamMaxLength {STREAM_MAX_LENGTH}\n"
        )
        process = subprocess.Popen([program, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            ends_at = time.monotonic() + 60
            while not path.exists():
                assert process.poll() is None and time.monotonic() < ends_at, (folder / "log").read_text()
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            process.wait(30)
            path.unlink(missing_ok=True)
