"""Copies of the embedded store: taken while it is in use, looked through, and put back.

Touches the data folder (reading) and the copy's. Called by operate/backup.py.
The database is copied as of one moment; bodies are synced before the rows that
refer to them, so those in the files afterwards are at least all that the copy
refers to. A copy taken again into the same folder adds only what is new of the
bodies.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from pillarbox.kit.errors import Unavailable
from pillarbox.store.bodies import Segments, split_name
from pillarbox.store.elsewhere import is_elsewhere
from pillarbox.store.reading import BODIES, DATABASE

_CHUNK = 1 << 20
_PAGE = 1_000
_REFERRING = ("messages", "captures")


class Copied(NamedTuple):
    """What a copy holds: rows of the log and bytes of bodies."""

    messages: int
    events: int
    body_bytes: int


def is_store(folder: Path) -> bool:
    return (folder / DATABASE).exists()


def copy(source: Path, target: Path) -> Copied:
    """Copy the store in `source` into `target`; Unavailable with the reason when it cannot be read or written."""
    (target / BODIES).mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = target / f"{DATABASE}.partial"
    partial.unlink(missing_ok=True)
    try:
        with _opened(source) as database:
            # https://www.sqlite.org/lang_vacuum.html#vacuuminto takes one snapshot, without stopping writers.
            database.execute("VACUUM INTO ?", (str(partial),))
        _sync(partial)
        bodies = sum(_copy_grown(file, target / BODIES / file.name) for file in _segments(source))
        partial.replace(target / DATABASE)
        _sync(target)
        with _opened(target) as database:
            messages, events = (_count(database, table) for table in ("messages", "events"))
    except (apsw.Error, OSError) as error:
        raise Unavailable(f"the copy failed: {error}") from error
    return Copied(messages, events, bodies)


def reasons_to_distrust(folder: Path, oldest: Mapping[str, str]) -> Iterator[str]:
    """Look through a copy and say what is wrong: a damaged database, a body that is missing or not as it was.

    Bodies of days before the `oldest` of their file's account may be missing: they were kept for long enough. So
    may those that are kept outside the store.
    """
    segments = Segments(folder / BODIES)
    with _opened(folder) as database:
        for (problem,) in database.execute("PRAGMA integrity_check"):
            if problem != "ok":
                yield f"the database is damaged: {problem}"
        for table in _REFERRING:
            for page in _references(database, table):
                wanted = [one for one in page if _is_kept(one, oldest)]
                there = segments.read_many(wanted)
                yield from (f"the body {one} is missing or damaged" for one in wanted if one not in there)


def oldest_days(folder: Path) -> dict[str, str]:
    """Return the first day (YYYY-MM-DD) that has bodies: of each account that keeps its own apart, and "" of others."""
    oldest: dict[str, str] = {}
    for file in reversed(_segments(folder)):
        day, account = split_name(file.stem)
        oldest[account] = day
    return oldest


def _is_kept(reference: str, oldest: Mapping[str, str]) -> bool:
    if is_elsewhere(reference):
        return False
    day, account = split_name(reference.partition(":")[0])
    # An account without any file of its own had dropped them all; where there is none at all, some are lost.
    return day >= oldest.get(account, "9999" if account else "")


def _count(database: apsw.Connection, table: str) -> int:
    counted: Any = database.execute(f"SELECT count(*) FROM {table}").get
    return int(counted)


def _references(database: apsw.Connection, table: str) -> Iterator[list[str]]:
    last: tuple[Any, Any] = ("", -1)
    part = "part" if table == "captures" else "0"
    while True:
        rows = database.execute(
            f"SELECT message_id, {part} AS part, body FROM {table} WHERE (message_id, {part}) > (?, ?)"
            " ORDER BY 1, 2 LIMIT ?",
            (*last, _PAGE),
        ).fetchall()
        if not rows:
            return
        last = (rows[-1][0], rows[-1][1])
        yield [str(body) for _, _, body in rows if body]


class _opened:
    """A connection that only reads, closed at the end."""

    def __init__(self, folder: Path) -> None:
        self._connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        self._connection.set_busy_timeout(10_000)

    def __enter__(self) -> apsw.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _segments(folder: Path) -> list[Path]:
    return sorted((folder / BODIES).glob("*.seg"))


def _copy_grown(source: Path, target: Path) -> int:
    """Bring a copy of an append-only file up to date; return its size. A file dropped meanwhile needs no copy."""
    try:
        with source.open("rb") as given, target.open("ab") as kept:
            given.seek(kept.tell())
            shutil.copyfileobj(given, kept, _CHUNK)
            kept.flush()
            os.fsync(kept.fileno())
            return kept.tell()
    except FileNotFoundError:
        return 0


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
