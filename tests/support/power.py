"""A disk that forgets what was not synced when the power goes.

Writes reach the real files at once, so that the store works as always; beside
them a durable image of each file is kept, which only a sync brings up to date.
At the cut, what was not synced survives, is lost or is torn at random.
"""

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import apsw

_SECTOR = 512


@dataclass
class _File:
    image: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: truncated to the offset


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        return
    if len(image) < offset:
        image.extend(b"\0" * (offset - len(image)))
    image[offset : offset + len(data)] = data


class FragileDisk:
    """Knows every file of the store; `cut` writes what would be left of them into another folder."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._paths: dict[int, str] = {}
        self.lock = threading.Lock()

    def wrote(self, path: str, offset: int, data: bytes | None) -> None:
        with self.lock:
            self._files.setdefault(path, _File()).pending.append((offset, data))

    def synced(self, path: str) -> None:
        with self.lock:
            file = self._files.setdefault(path, _File())
            for offset, data in file.pending:
                _apply(file.image, offset, data)
            file.pending.clear()

    def removed(self, path: str) -> None:
        with self.lock:
            self._files.pop(path, None)

    def cut(self, source: Path, target: Path, chance: random.Random) -> None:
        """Leave in `target` what a power cut would leave of `source`. The caller holds `lock`."""
        for path, file in self._files.items():
            image = bytearray(file.image)
            for offset, data in file.pending:
                survives = chance.random()
                if survives < 0.4:
                    continue
                if data is not None and survives < 0.6:
                    data = data[: chance.randrange(0, len(data) + 1) // _SECTOR * _SECTOR]
                _apply(image, offset, data)
            destination = target / Path(path).relative_to(source)
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(image)

    # What store/bodies.py asks of a disk.

    def open(self, path: Path) -> int:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._paths[handle] = str(path)
        return handle

    def append(self, handle: int, data: bytes) -> None:
        self.wrote(self._paths[handle], os.lseek(handle, 0, os.SEEK_END), data)
        os.write(handle, data)

    def sync(self, handle: int) -> None:
        self.synced(self._paths[handle])


class FragileVfs(apsw.VFS):
    """SQLite's view of the same disk."""

    def __init__(self, name: str, disk: FragileDisk) -> None:
        super().__init__(name, "")
        self._disk = disk

    def xOpen(self, name, flags):  # type: ignore[no-untyped-def]
        return _FragileFile(name, flags, self._disk)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self._disk.removed(name)
        super().xDelete(name, sync_folder)


class _FragileFile(apsw.VFSFile):
    def __init__(self, name, flags, disk: FragileDisk) -> None:  # type: ignore[no-untyped-def]
        super().__init__("", name, flags)
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.wrote(self._path, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.wrote(self._path, size, None)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._disk.synced(self._path)
