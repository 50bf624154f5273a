"""Reads what edge/hit_spool.py has written, from every process of this machine, and deletes what is done with.

Touches the folder of the spool. Called by edge/hit_drain.py, and by it alone. A
hit is known by its file and its place there, so that it can be read again after
a crash and is still the same hit.
"""

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pillarbox.edge.hit_spool import FRAME, LOST, MAGIC, SUFFIX, Hit, read_hit
from pillarbox.kit import log

_MOST_READ_BYTES = 256 * 1024


class Spooled(NamedTuple):
    """A hit, where it stands, and the place behind it."""

    path: Path
    at: int
    end: int
    hit: Hit

    @property
    def key(self) -> str:
        """What the hit is known by, the same each time that it is read."""
        return f"hit/{self.path.stem}/{self.at}"


class HitFiles:
    """The files of a folder, the oldest first. What is not let go is read again after a restart."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._read_to: dict[Path, int] = {}
        self._let_go_to: dict[Path, int] = {}
        self._log = log.named("tracking")

    def read(self) -> list[Spooled]:
        """Return the next hits of one file (some thousand), or none when all that is there has been read.

        Blocks for the disk: for a thread. Files that are let go to their end and that nobody writes to are deleted.
        """
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            with contextlib.suppress(FileNotFoundError):
                is_written = _is_written(path)
                if found := self._read(path):
                    return found
                if not is_written:
                    self._finish(path)
        return []

    def let_go(self, done: Sequence[Spooled]) -> None:
        """Forget hits, which come in the order in which they were read."""
        for one in done:
            self._let_go_to[one.path] = one.end

    def _read(self, path: Path) -> list[Spooled]:
        start = self._read_to.get(path, len(MAGIC))
        with path.open("rb") as file:
            is_ours = file.read(len(MAGIC)) == MAGIC
            file.seek(start)
            found = list(_hits(path, start, file.read(_MOST_READ_BYTES))) if is_ours else []
        if found:
            self._read_to[path] = found[-1].end
        return found

    def _finish(self, path: Path) -> None:
        """Delete a file that nobody writes to and nothing more is read from, once all that was is let go."""
        read_to = self._read_to.get(path, len(MAGIC))
        if self._let_go_to.get(path, len(MAGIC)) < read_to:
            return
        if (left := path.stat().st_size - read_to) > 0:
            LOST.labels("unreadable").inc()
            self._log.error("the end of a file of opens and clicks cannot be read", file=path.name, bytes=left)
        path.unlink()
        self._read_to.pop(path, None)
        self._let_go_to.pop(path, None)


def _is_written(path: Path) -> bool:
    """Say whether a process has the file open to write to it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _hits(path: Path, start: int, content: bytes) -> Iterator[Spooled]:
    """Yield whole hits, up to the first that is not."""
    at = 0
    while at + FRAME.size <= len(content):
        length, checksum = FRAME.unpack_from(content, at)
        end = at + FRAME.size + length
        frame = content[at + FRAME.size : end]
        # After a loss of power a file can end in zeros, and of nothing the checksum is zero too.
        if not frame or len(frame) != length or zlib.crc32(frame) != checksum:
            return
        try:
            hit = read_hit(frame)
        except msgspec.DecodeError:
            return
        yield Spooled(path, start + at, start + end, hit)
        at = end
