"""Bodies on the embedded store: append-only files, one for each day, and more for accounts that keep theirs apart.

Touches the folder `bodies/`. Called by the writer thread of store/sqlite.py
(append and sync, before the commit that refers to them) and by readers.
Dropping a day's bodies is unlinking one file. A reference is
`day:offset:length`, or `day_account:offset:length`; each body is preceded by
its CRC, so that a damaged disk is noticed rather than delivered.
"""

import contextlib
import os
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import Protocol

from pillarbox.kit.errors import Unavailable

# What others sent is known by what is told of it.
NO_BODY = "the message was not sent through this server, or could not be made: its content was never here"

_HEADER = struct.Struct(">4sII")
_MAGIC = b"PBX1"
_UNREADABLE = (Unavailable, OSError, struct.error)


class Disk(Protocol):
    """The three calls by which bodies reach the disk; the power-cut tests bring their own."""

    def open(self, path: Path) -> int: ...
    def append(self, handle: int, data: bytes) -> None: ...
    def sync(self, handle: int) -> None: ...


class RealDisk:
    """The operating system's file calls; a new file's name is synced with its folder."""

    def open(self, path: Path) -> int:
        fresh = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if fresh:
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return handle

    def append(self, handle: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def sync(self, handle: int) -> None:
        os.fdatasync(handle)


class Segments:
    """Appends and reads bodies; a body counts as kept only after `sync`.

    One writer. A tail left by a crash is never referred to and is passed over.
    """

    def __init__(self, folder: Path, disk: Disk | None = None, *, synchronous: bool = True) -> None:
        self._folder = folder
        self._disk = disk or RealDisk()
        self._synchronous = synchronous
        self._handles: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._unsynced: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, bodies: Sequence[tuple[bytes, str]], at: int) -> list[str]:
        """Write bodies, each beside the account whose file it goes to ("" for that of all); return their references."""
        day = time.strftime("%Y-%m-%d", time.gmtime(at // 1000))
        names = [f"{day}_{account}" if account else day for _, account in bodies]
        written = {
            name: iter(self._append(name, [body for (body, _), its in zip(bodies, names, strict=True) if its == name]))
            for name in dict.fromkeys(names)
        }
        return [next(written[name]) for name in names]

    def _append(self, day: str, bodies: Sequence[bytes]) -> list[str]:
        """Write the bodies behind each other into one file."""
        handle = self._handle(day)
        end = self._ends[day]
        chunks: list[bytes] = []
        references: list[str] = []
        for body in bodies:
            header = _HEADER.pack(_MAGIC, len(body), zlib.crc32(body))
            references.append(f"{day}:{end}:{len(body)}")
            chunks += (header, body)
            end += len(header) + len(body)
        self._unsynced.add(day)
        try:
            self._disk.append(handle, b"".join(chunks))
        except OSError:
            self._forget(day)  # the end is unknown after a short write: open and measure again
            raise
        self._ends[day] = end
        return references

    def sync(self) -> None:
        """Return when everything appended so far would survive a power cut."""
        for day in sorted(self._unsynced):
            if self._synchronous and day in self._handles:
                self._disk.sync(self._handles[day])
        self._unsynced.clear()

    def read(self, reference: str) -> bytes:
        """Return a body; Unavailable when there is none, it was dropped or does not match its CRC."""
        if not reference:
            raise Unavailable(NO_BODY)
        with self._open(_day_of(reference)) as file:
            return _read(file, reference)

    def read_many(self, references: Sequence[str]) -> dict[str, bytes]:
        """Return those of several bodies that are there and whole; a file is opened once for all that are in it."""
        found: dict[str, bytes] = {}
        for day, of_day in groupby(sorted(references), _day_of):
            with contextlib.suppress(*_UNREADABLE), self._open(day) as file:
                for reference in of_day:
                    with contextlib.suppress(*_UNREADABLE):
                        found[reference] = _read(file, reference)
        return found

    def drop(self, before: int, most: int, goes: Callable[[str], bool]) -> int:
        """Unlink the files of days that ended before a time (milliseconds) and whose account `goes`; say how many."""
        today = time.strftime("%Y-%m-%d", time.gmtime(before // 1000))
        names = (file.stem for file in self._folder.glob("*.seg") if file.stem < today)
        days = sorted(name for name in names if goes(split_name(name)[1]))[:most]
        for day in days:
            if day in self._handles:
                self._forget(day)
            (self._folder / f"{day}.seg").unlink(missing_ok=True)
        return len(days)

    def _open(self, day: str) -> FileIO:
        try:
            return FileIO(self._folder / f"{day}.seg")
        except FileNotFoundError:
            raise Unavailable(f"the bodies of {day} are no longer kept") from None

    def close(self) -> None:
        for day in list(self._handles):
            self._forget(day)

    def _handle(self, day: str) -> int:
        if day not in self._handles:
            of_day = split_name(day)[0]
            for old in [one for one in self._handles if one not in self._unsynced and split_name(one)[0] != of_day]:
                self._forget(old)
            handle = self._disk.open(self._folder / f"{day}.seg")
            self._handles[day] = handle
            self._ends[day] = os.lseek(handle, 0, os.SEEK_END)
        return self._handles[day]

    def _forget(self, day: str) -> None:
        os.close(self._handles.pop(day))
        self._ends.pop(day, None)
        self._unsynced.discard(day)


def split_name(name: str) -> tuple[str, str]:
    """Return the day of a file, and whose it is ("" for that of all)."""
    day, _, account = name.partition("_")
    return day, account


def _day_of(reference: str) -> str:
    return reference.partition(":")[0]


def _read(file: FileIO, reference: str) -> bytes:
    _, offset, length = reference.split(":")
    record = os.pread(file.fileno(), _HEADER.size + int(length), int(offset))
    body = record[_HEADER.size :]
    if len(body) != int(length) or _HEADER.unpack_from(record) != (_MAGIC, len(body), zlib.crc32(body)):
        raise Unavailable(f"the body {reference} is damaged on disk")
    return body
