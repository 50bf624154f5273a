"""Where opens and clicks wait for the event log: append-only files in one folder of this machine.

Touches that folder and nothing else, so that neither a store that is slow nor
one that is down is felt by who follows a link. `record` is called on the road
of a redirect (edge/tracking.py), in every process that answers; what is written
is read and deleted by edge/hit_files.py.

A file begins with `MAGIC`; then comes one frame for each hit (length, checksum,
content). It is locked while somebody writes to it, and has its name only then.
"""

import asyncio
import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import msgspec

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import Millis

MAGIC = b"pbhits1\n"
FRAME = Struct("<II")
SUFFIX = ".hits"
FILE_BYTES = 1024 * 1024
_SYNC_SECONDS = 0.25

HITS = metrics.counter("tracking_hits_total", labels=("kind",), doc="Opens and clicks that came, by kind.")
LOST = metrics.counter(
    "tracking_hits_lost_total",
    labels=("why",),
    doc="""Opens and clicks that could not be recorded; their links worked all the same.

    `full`: the store has been down or slow for so long that `hits_limit_bytes` are used up. `disk`: the data folder
    takes no more. `unreadable`: a part of a file was damaged.""",
)
WAITING = metrics.gauge(
    "tracking_hits_waiting_bytes",
    doc="Bytes of opens and clicks that wait for the event log. A steady rise means that the store does not keep up.",
)


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """One request for a pixel or a link of a message; an open has no `link`.

    `manner` is GET, HEAD or PREFETCH. `recipient` is the place in the message's list of recipients, or None when
    the link is shared by all of them.
    """

    at: Millis
    message_id: str
    address: str
    agent: str
    manner: str = "GET"
    link: str = ""
    tags: dict[str, list[str]] | None = None
    recipient: int | None = None

    @property
    def is_click(self) -> bool:
        return bool(self.link)


class _File(NamedTuple):
    path: Path
    handle: int


write_hit = msgspec.msgpack.Encoder().encode
read_hit = msgspec.msgpack.Decoder(Hit).decode


class HitSpool:
    """Keeps hits, as long as all that wait are within the limit; never raises for a disk that is full.

    What `record` was given is with the operating system before the loop sends any answer that was begun after
    it, so the death of this process loses nothing; it is on disk a quarter of a second later.
    """

    def __init__(self, folder: Path, limit_bytes: int, *, file_bytes: int = FILE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._file_bytes = file_bytes
        self._waiting_bytes = _bytes_in(folder)
        self._gathered: list[Hit] = []
        self._file: _File | None = None
        self._size = 0
        self._retired: list[_File] = []
        self._is_dirty = False
        self._is_losing = False
        self._log = log.named("tracking")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Put what is written on disk, a few times a second, until the block is left."""
        syncing = asyncio.create_task(self._keep_syncing())
        try:
            yield
        finally:
            syncing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await syncing
            self.close()

    def record(self, hit: Hit) -> None:
        """Take a hit; those of one turn of the loop are written together, before any of them is answered."""
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self.flush)
        self._gathered.append(hit)

    def flush(self) -> None:
        """Hand what was gathered to the operating system."""
        hits, self._gathered = self._gathered, []
        if not hits:
            return
        frames = b"".join(map(framed, hits))
        if self._waiting_bytes + len(frames) > self._limit_bytes:
            self._lose(len(hits), "full", f"more than {self._limit_bytes} bytes wait for the store")
            return
        try:
            self._append(frames)
        except OSError as error:
            self._lose(len(hits), "disk", str(error))
            return
        self._is_losing = False
        self._is_dirty = True
        self._waiting_bytes += len(frames)

    def _append(self, frames: bytes) -> None:
        if self._file is None:
            self._file, self._size = _begun(self._folder), len(MAGIC)
        if (written := os.write(self._file.handle, frames)) != len(frames):
            if written:
                os.ftruncate(self._file.handle, self._size)  # half a hit must not stand before whole ones
            raise OSError("there is no room for a whole hit")
        self._size += len(frames)
        if self._size >= self._file_bytes:
            self._retire()

    def _retire(self) -> None:
        if self._file is not None:
            self._retired.append(self._file)
            self._file = None

    def _lose(self, count: int, why: str, said: str) -> None:
        LOST.labels(why).inc(count)
        if not self._is_losing:  # one line, not one for each hit
            self._log.error("opens and clicks are not recorded", why=said)
        self._is_losing = True

    async def _keep_syncing(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_SECONDS)
            await self.sync()

    async def sync(self) -> None:
        """Return when all that was flushed is on disk; the loop does not wait for it. A file at rest is left."""
        if not self._is_dirty:
            self._retire()
        current = self._file
        retired, self._retired, self._is_dirty = self._retired, [], False
        try:
            self._waiting_bytes = await asyncio.to_thread(_synced, current, retired, self._folder)
            WAITING.set(self._waiting_bytes)
        except OSError as error:
            self._log.error("opens and clicks are not on disk yet", why=str(error))
            self._is_dirty = True

    def close(self) -> None:
        """Write and sync what is left, and leave the files to who reads them."""
        self.flush()
        self._retire()
        retired, self._retired = self._retired, []
        with contextlib.suppress(OSError):
            _synced(None, retired, self._folder)


def framed(hit: Hit) -> bytes:
    content = write_hit(hit)
    return FRAME.pack(len(content), zlib.crc32(content)) + content


def _begun(folder: Path) -> _File:
    """Make a file that is locked and has its head before anybody can see it."""
    path = folder / f"{time.time_ns():020d}-{os.urandom(4).hex()}{SUFFIX}"
    hidden = path.with_suffix(".new")
    handle = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.write(handle, MAGIC) != len(MAGIC):
            raise OSError("there is no room for a new file")
        hidden.rename(path)
    except OSError:
        os.close(handle)
        hidden.unlink(missing_ok=True)
        raise
    return _File(path, handle)


def _synced(current: _File | None, retired: list[_File], folder: Path) -> int:
    """Sync files and the folder that names them, close those that are retired, and return how much waits in all."""
    if current or retired:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for one in [*retired, *([current] if current else [])]:
                os.fdatasync(one.handle)
            os.fsync(place)
        finally:
            for handle in (place, *(one.handle for one in retired)):
                os.close(handle)
    return _bytes_in(folder)


def _bytes_in(folder: Path) -> int:
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # read to its end, and deleted
                total += entry.stat().st_size
    return total
