"""Backup and restore: the whole store in a folder, taken while the server runs.

Touches the store's files, or runs PostgreSQL's own tools. Called by the
command line. A backup is whole once its `backup.json` is there, which is
written last. The keyring is never in it: whoever has both can read every
secret.
https://www.postgresql.org/docs/current/app-pgdump.html
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.store import copies

_MANIFEST = "backup.json"
_DUMP = "postgresql.dump"
_MOST_TOLD = 20


class Backup(msgspec.Struct, frozen=True):
    """What `backup.json` says: which engine, when, and how much (0 where PostgreSQL's tools do not count)."""

    engine: str
    taken_at: Millis
    messages: int = 0
    events: int = 0
    body_bytes: int = 0


def take(database: str, folder: Path, target: Path, now: Millis) -> Backup:
    """Back a store up into `target`; taken again into the same folder, bodies that are there are not copied again."""
    before = read(target) if (target / _MANIFEST).exists() else None
    if before is None and target.exists() and any(target.iterdir()):
        raise Invalid(f"{target} holds something that is no backup; name another folder")
    engine = _engine(database)
    if before is not None and before.engine != engine:
        raise Invalid(f"{target} holds a backup of {before.engine}; name another folder for one of {engine}")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    (target / _MANIFEST).unlink(missing_ok=True)
    if engine == "postgresql":
        _run(database, "pg_dump", "--format=custom", f"--file={target / _DUMP}")
        backup = Backup(engine, now)
    else:
        if not copies.is_store(folder):
            raise Invalid(f"there is no Pillarbox data in {folder}: name its folder with --data")
        backup = Backup(engine, now, *copies.copy(folder, target))
    _write(target / _MANIFEST, msgspec.json.format(msgspec.json.encode(backup)))
    return backup


def put_back(source: Path, database: str, folder: Path) -> Backup:
    """Restore a backup into an empty data folder or database, and look through what was restored."""
    backup = read(source)
    if backup.engine != _engine(database):
        raise Invalid(f"this is a backup of {backup.engine}, and the settings name another engine: {database}")
    if backup.engine == "postgresql":
        try:
            _run(database, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", f"{source / _DUMP}")
        except Unavailable as failed:
            if "already exists" in str(failed):
                raise Invalid("the database holds a store already; name an empty one") from None
            raise
        return backup
    if copies.is_store(folder):
        raise Invalid(f"{folder} holds a store already; name another folder with --data, or move it away first")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    copies.copy(source, folder)
    if wrong := list(copies.reasons_to_distrust(folder, copies.oldest_days(source))):
        told = "; ".join(wrong[:_MOST_TOLD])
        raise Unavailable(f"what was restored is not whole ({len(wrong)} faults): {told}")
    return backup


def read(source: Path) -> Backup:
    """Return what a backup says of itself; Invalid when it is none, or was never finished."""
    try:
        return msgspec.json.decode((source / _MANIFEST).read_bytes(), type=Backup)
    except FileNotFoundError:
        raise Invalid(f"{source} holds no backup, or one that was not finished: there is no {_MANIFEST}") from None
    except (msgspec.ValidationError, msgspec.DecodeError, NotADirectoryError) as error:
        raise Invalid(f"{source / _MANIFEST} cannot be read: {error}") from None


def _engine(database: str) -> str:
    return "postgresql" if database.startswith(("postgresql://", "postgres://")) else "sqlite"


def _run(database: str, program: str, *args: str) -> None:
    """Run one of PostgreSQL's tools; the password goes by the environment, which other users cannot see."""
    found = shutil.which(program)
    if found is None:
        raise Unavailable(f"{program} is not installed; it comes with PostgreSQL's client programs")
    settings = _environment(database)
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, with arguments of ours
        [found, *args, f"--dbname={settings['PGDATABASE']}"],
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"{program}: {' '.join(done.stderr.split())}")


def _environment(database: str) -> dict[str, str]:
    """Return a database's URL as libpq's environment variables."""
    parts = urlsplit(database)
    query = dict(parse_qsl(parts.query))
    given = {
        "PGHOST": query.get("host") or parts.hostname or "",
        "PGPORT": query.get("port") or str(parts.port or ""),
        "PGUSER": query.get("user") or unquote(parts.username or ""),
        "PGPASSWORD": query.get("password") or unquote(parts.password or ""),
        "PGDATABASE": query.get("dbname") or unquote(parts.path.lstrip("/")),
        "PGSSLMODE": query.get("sslmode", ""),
    }
    return {name: value for name, value in given.items() if value}


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def taken(backup: Backup) -> str:
    """Return when a backup was taken, for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(backup.taken_at // 1000))
