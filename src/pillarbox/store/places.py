"""Where bodies may be kept outside the store: a folder, or a bucket of an S3-compatible service.

Touches the disk or the network, blocking: called by store/elsewhere.py and
upkeep/bodies_elsewhere.py off the loop. Pieces have names with slashes in them;
they are written once, never changed, and removed together.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pillarbox.kit.errors import Unavailable

if TYPE_CHECKING:  # the AWS SDK: whoever has no bucket does without
    from pillarbox.kit.s3 import Objects


class Place(Protocol):
    """Keeps pieces under their names. Whatever it cannot do now raises Unavailable."""

    def put(self, name: str, piece: bytes) -> None:
        """Return only when the piece would survive a power cut."""
        ...

    def get(self, name: str, first: int, length: int) -> bytes | None:
        """Return so many bytes of a piece, or None when there is none of that name."""
        ...

    def folders(self, below: str) -> list[str]:
        """Return the next parts of the names that begin with `below` (empty, or ending in a slash), in order."""
        ...

    def names(self, beginning: str) -> list[str]:
        """Return the names that begin so, in order; what it begins with has every slash that they have."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Return when none of them is there any more."""
        ...


class FolderPlace:
    """A folder that the operator made: a piece is a file.

    It is never made here: where a disk is not mounted, nothing is kept in its stead.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._safe: set[Path] = set()  # folders whose names are on disk

    def put(self, name: str, piece: bytes) -> None:
        path = self._folder / name
        partial = path.with_name(f".{path.name}")
        with self._working():
            self._make(path.parent)
            with partial.open("xb") as file:
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            _sync(path.parent)

    def get(self, name: str, first: int, length: int) -> bytes | None:
        with self._working():
            try:
                handle = os.open(self._folder / name, os.O_RDONLY)
            except FileNotFoundError:
                self._folder.stat()  # it is the piece that is gone, not the place
                return None
            try:
                return os.pread(handle, length, first)
            finally:
                os.close(handle)

    def folders(self, below: str) -> list[str]:
        return sorted(entry.name for entry in self._entries(below) if entry.is_dir())

    def names(self, beginning: str) -> list[str]:
        """Those of pieces whose writing was cut off come too, so that they can be removed."""
        below, _, first = beginning.rpartition("/")
        found = (entry.name for entry in self._entries(below))
        return sorted(f"{below}/{name}" for name in found if name.lstrip(".").startswith(first))

    def remove(self, names: Sequence[str]) -> None:
        with self._working():
            self._folder.stat()
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
            for folder in sorted({(self._folder / name).parent for name in names}):
                self._remove_empty(folder)

    def _remove_empty(self, folder: Path) -> None:
        """Remove folders with nothing in them; somebody may be about to put something there."""
        with contextlib.suppress(OSError):
            while folder != self._folder:
                self._safe.discard(folder)
                folder.rmdir()
                folder = folder.parent

    def _entries(self, below: str) -> list[os.DirEntry[str]]:
        with self._working():
            try:
                return list(os.scandir(self._folder / below))
            except FileNotFoundError:
                self._folder.stat()
                return []

    def _make(self, folder: Path) -> None:
        """Make a folder whose name survives a power cut, whoever made it first."""
        if folder in self._safe or folder == self._folder:
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)
        self._safe.add(folder)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._safe.clear()  # it may be another disk that comes back
            raise Unavailable(f"the folder of bodies: {error}") from error


class BucketPlace:
    """A bucket: a piece is an object, whose key begins with `prefix`."""

    def __init__(self, objects: "Objects", bucket: str, prefix: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")

    def put(self, name: str, piece: bytes) -> None:
        self._objects.put(self._bucket, self._prefix + name, piece)

    def get(self, name: str, first: int, length: int) -> bytes | None:
        return self._objects.get(self._bucket, self._prefix + name, first, length)

    def folders(self, below: str) -> list[str]:
        found = self._objects.folders(self._bucket, self._prefix + below)
        return sorted(one.removeprefix(self._prefix + below).rstrip("/") for one in found)

    def names(self, beginning: str) -> list[str]:
        found = self._objects.keys(self._bucket, self._prefix + beginning)
        return sorted(one.removeprefix(self._prefix) for one in found)

    def remove(self, names: Sequence[str]) -> None:
        self._objects.remove(self._bucket, [self._prefix + name for name in names])


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
