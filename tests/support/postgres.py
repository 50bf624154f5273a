"""Starts the PostgreSQL that is installed, for tests."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Postgres:
    """A server on a Unix socket; databases are made on demand."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._numbers = itertools.count(1)

    @classmethod
    @contextmanager
    def started(cls) -> Iterator["Postgres"]:
        # Not below pytest's own folder, which every pytest of the same user closes to others.
        folder = Path(tempfile.mkdtemp(prefix="pillarbox-postgres-"))
        server = cls(folder, _binaries())
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        server._run("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=200"
        server._run("pg_ctl", "-D", str(data), "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield server
        finally:
            server._run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
            shutil.rmtree(folder, ignore_errors=True)

    def new_database(self, copy_of: str = "template1") -> str:
        """Make a database like another, in which nobody is, and return its URL."""
        name = f"test_{next(self._numbers)}"
        self._run("createdb", "-h", str(self._folder), "-U", "postgres", "-T", copy_of, name)
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def restart(self, mode: str) -> None:
        """Stop and start: `fast` breaks off what is under way, `immediate` is a crash, after which it recovers."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", mode, "-w", "-t", "60", "restart")

    @property
    def pid(self) -> int:
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def socket(self) -> Path:
        return self._folder / ".s.PGSQL.5432"

    def _run(self, program: str, *args: str) -> None:
        user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        done = subprocess.run(
            [str(self._binaries / program), *args],
            user=user if os.getuid() == 0 else None,
            group=user if os.getuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"


def _binaries() -> Path:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    complete = [place for place in places if all((place / name).exists() for name in ("initdb", "pg_ctl", "createdb"))]
    assert complete, "PostgreSQL is not installed: `make setup` installs it"
    return complete[0]
