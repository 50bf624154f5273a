"""Runs the programs of this folder beside the packages that package-lock.json names.

They are installed into the folder `.node/clients` when they are missing there,
or when the lock has changed.
"""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.peer import Peer
from tests.support.server import Server

_HERE = Path(__file__).parent
_FOLDER = Path(__file__).parents[3] / ".node" / "clients"
_PACKAGE_FILES = ("package.json", "package-lock.json")
_SECONDS = 60


class NodeClients:
    """Programs in JavaScript, ready to run."""

    @classmethod
    def installed(cls) -> "NodeClients":
        with _alone():
            if not _is_current():
                for name in _PACKAGE_FILES:
                    shutil.copy(_HERE / name, _FOLDER / name)
                subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=_FOLDER, check=True, timeout=300)
                shutil.copy(_HERE / "package-lock.json", _FOLDER / "installed.json")
            for program in _HERE.glob("*.mjs"):
                copy = _FOLDER / program.name
                if not copy.exists() or copy.read_bytes() != program.read_bytes():
                    shutil.copy(program, copy)
        return cls()

    def run(self, program: str, *arguments: str) -> Any:
        """Run a program to its end and return the JSON that it printed."""
        command = ["node", "--no-warnings", program, *arguments]
        done = subprocess.run(command, cwd=_FOLDER, timeout=_SECONDS, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def subscriber(self, server: Server, failures: int = 0) -> Iterator[Peer]:
        """Run subscriber.mjs until the block is left and `server` owes it nothing."""
        with Peer.started(["node", "subscriber.mjs", str(failures)], _FOLDER) as peer:
            yield peer
            server.settle()  # a post whose answer is lost would be made again, to nobody


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other processes that run tests from installing at the same time."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_current() -> bool:
    installed = _FOLDER / "installed.json"
    return installed.exists() and installed.read_bytes() == (_HERE / "package-lock.json").read_bytes()
