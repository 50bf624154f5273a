"""A server in a process of its own, to be killed: `python -m tests.support.child SETTINGS`. Prints its ports."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import uvloop

from pillarbox.app.listening import Listening
from pillarbox.app.server import serve
from pillarbox.settings import Settings

# Put a socket where a service manager puts it, and become the program.
_AS_A_SERVICE_MANAGER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Child:
    """Starts the server on a folder, this program or that of another `source`; leaving the block kills it unwarned."""

    def __init__(
        self, folder: Path, *, source: Path | None = None, listener: socket.socket | None = None, **settings: Any
    ) -> None:
        """Let it listen by HTTP on `listener`, if that is given, as a service manager does."""
        self._settings = {"data": str(folder), **settings}
        self._listener = listener
        self._environment = {**os.environ, "PYTHONPATH": str(source)} if source else None

    def __enter__(self) -> "Child":
        command = [sys.executable, "-m", "tests.support.child"]
        inherited = []
        if self._listener:
            number, port = self._listener.fileno(), self._listener.getsockname()[1]
            command = [sys.executable, "-c", _AS_A_SERVICE_MANAGER, str(number), *command]
            self._settings["port"] = port
            inherited.append(number)
        self._process = subprocess.Popen(
            [*command, json.dumps(self._settings)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=self._environment,
            pass_fds=inherited,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server did not start"
        port, smtp_port, return_path_port = map(int, line.split())
        self.endpoint = f"http://127.0.0.1:{port}"
        self.smtp_port = smtp_port
        self.return_path_port = return_path_port
        return self

    def workers(self) -> list[int]:
        """Return the processes that this one has started and that still run."""
        mine = str(self._process.pid)
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdecimal() and (folder / "stat").read_text().rpartition(")")[2].split()[1] == mine:
                    found.append(int(folder.name))
        return found

    def kill_worker(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, as a service manager does, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()


def main() -> None:
    def announce(listening: Listening) -> None:
        print(listening.port, listening.smtp_port, listening.return_path_port, flush=True)

    here = {"port": 0, "smtp_port": -1, "smtps_port": 0, "return_path_port": -1, "dev": True, "log_level": "error"}
    settings = msgspec.convert({**here, **json.loads(sys.argv[1])}, Settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_killed(settings, announce))


async def _until_killed(settings: Settings, announce: "type[None] | object") -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(settings, stop, announce)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
