"""A server in a process of its own, to be killed: `python -m tests.support.child FOLDER`. Prints its ports."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import uvloop

from pillarbox.app.listening import Listening
from pillarbox.app.server import serve
from pillarbox.settings import Settings


class Child:
    """Starts the server on a folder; leaving the block kills it without warning."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "Child":
        command = [sys.executable, "-m", "tests.support.child", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server did not start"
        port, smtp_port, return_path_port = map(int, line.split())
        self.endpoint = f"http://127.0.0.1:{port}"
        self.smtp_port = smtp_port
        self.return_path_port = return_path_port
        return self

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

    settings = Settings(
        data=sys.argv[1], port=0, smtp_port=-1, smtps_port=0, return_path_port=-1, dev=True, log_level="error"
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_killed(settings, announce))


async def _until_killed(settings: Settings, announce: "type[None] | object") -> None:
    await serve(settings, asyncio.Event(), announce)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
