"""Other people's programs as processes of their own: each says its URL in a line, then in lines what came."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Peer:
    """A program that prints JSON lines; the first has its `url`."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=folder, env=environment, text=True
        )
        self._arrived = threading.Condition()
        self.lines: list[dict[str, Any]] = []
        self.url = json.loads(self._line())["url"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    @contextmanager
    def started(
        cls, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> Iterator["Peer"]:
        peer = cls(command, folder, environment)
        try:
            yield peer
        finally:
            peer._process.kill()
            peer._process.wait(30)
            peer._reader.join(30)
            assert peer._process.stdout is not None
            peer._process.stdout.close()

    def wait_for(self, condition: Callable[[list[dict[str, Any]]], Any], seconds: float = 30.0) -> None:
        """Return when `condition(lines)` holds; it is looked at after each line."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: condition(self.lines), seconds), f"only these came: {self.lines}"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._process.args} ended"
        return line

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._arrived:
                self.lines.append(json.loads(line))
                self._arrived.notify_all()
