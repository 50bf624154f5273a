"""Where opens and clicks wait for the event log: append-only files of this machine.

Touches one folder and nothing else, so that neither a store that is slow nor
one that is down is felt by who follows a link. `record` is called on the road
of a redirect (edge/tracking.py); edge/hit_drain.py reads and lets go.

A file begins with a random name of its own; then comes one frame for each hit
(length, checksum, content). A hit is known by file and place, so it can be read
again after a crash and is still the same hit.
"""

import asyncio
import contextlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import msgspec

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import Millis

SEGMENT_BYTES = 1024 * 1024
_SYNC_SECONDS = 0.25
_MAGIC = b"pbhits1\n"
_NAME_BYTES = 8
_HEAD_BYTES = len(_MAGIC) + _NAME_BYTES
_FRAME = Struct("<II")
_MOST_READ_BYTES = 256 * 1024

HITS = metrics.counter("tracking_hits_total", labels=("kind",), doc="Opens and clicks that came, by kind.")
LOST = metrics.counter(
    "tracking_hits_lost_total",
    labels=("why",),
    doc="""Opens and clicks that could not be recorded; their links worked all the same.

    `full`: the store has been down or slow for so long that `hit_spool_bytes` are used up. `disk`: the data folder
    takes no more. `unreadable`: a part of a spool file was damaged.""",
)
WAITING = metrics.gauge(
    "tracking_spool_bytes",
    doc="Bytes of opens and clicks that wait for the event log. A steady rise means that the store does not keep up.",
)


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """One request for a pixel or a link of a message. An open has no `link` and the `number` 0.

    `recipient` is the place in the message's list of recipients, or None when the link is shared by all of them.
    """

    at: Millis
    message_id: str
    address: str
    agent: str
    method: str = "GET"
    number: int = 0
    link: str = ""
    tags: dict[str, list[str]] | None = None
    recipient: int | None = None

    @property
    def is_click(self) -> bool:
        return bool(self.link)


class Place(NamedTuple):
    """Where the spool has been read to."""

    segment: int
    offset: int


class Spooled(NamedTuple):
    """A hit and what it is known by, the same each time that it is read; `end` is the place behind it."""

    key: str
    hit: Hit
    end: Place


class _Open(NamedTuple):
    number: int
    handle: int


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(Hit).decode


class HitSpool:
    """Keeps hits until they are let go; never raises for a disk that is full, and never grows over its limit.

    What `record` was given is with the operating system before the loop sends any answer that was begun after
    it, so the death of this process loses nothing; it is on disk a quarter of a second later.
    """

    def __init__(self, folder: Path, limit_bytes: int, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._segment_bytes = segment_bytes
        # By number: how long each file is that is not let go, the oldest first.
        self._sizes = {int(path.stem): path.stat().st_size for path in sorted(folder.glob("*.hits"))}
        self._newest = max(self._sizes, default=0)
        self._waiting_bytes = sum(self._sizes.values())
        self._read_to = Place(0, 0)
        self._gathered: list[Hit] = []
        self._open: _Open | None = None
        self._retired: list[_Open] = []
        self._dirty = False
        self._losing = False
        self._log = log.named("tracking")
        WAITING.set(self._waiting_bytes)

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
        frames = b"".join(map(_framed, hits))
        if self._waiting_bytes + len(frames) > self._limit_bytes:
            self._lose(len(hits), "full", f"more than {self._limit_bytes} bytes wait for the store")
            return
        try:
            self._append(frames)
        except OSError as error:
            self._lose(len(hits), "disk", str(error))
            return
        self._losing = False
        self._dirty = True
        WAITING.set(self._waiting_bytes)

    def _append(self, frames: bytes) -> None:
        number, handle = self._open = self._open or self._begun()
        size = self._sizes[number]
        if (written := os.write(handle, frames)) != len(frames):
            if written:
                os.ftruncate(handle, size)  # half a hit must not stand before whole ones
            raise OSError("there is no room for a whole hit")
        self._sizes[number] = size + len(frames)
        self._waiting_bytes += len(frames)
        if self._sizes[number] >= self._segment_bytes:
            self._retire()

    def _begun(self) -> _Open:
        path = self._path(self._newest + 1)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 0o600)
        head = _MAGIC + os.urandom(_NAME_BYTES)
        try:
            if os.write(handle, head) != len(head):
                raise OSError("there is no room for a new file")
        except OSError:
            os.close(handle)
            raise
        self._newest += 1
        self._sizes[self._newest] = len(head)
        self._waiting_bytes += len(head)
        return _Open(self._newest, handle)

    def _retire(self) -> None:
        if self._open is not None:
            self._retired.append(self._open)
            self._open = None

    def _lose(self, count: int, why: str, said: str) -> None:
        LOST.labels(why).inc(count)
        if not self._losing:  # one line, not one for each hit
            self._log.error("opens and clicks are not recorded", why=said)
        self._losing = True

    @property
    def is_empty(self) -> bool:
        """Whether everything that was recorded has been let go."""
        return not self._gathered and all(size <= _HEAD_BYTES for size in self._sizes.values())

    async def run(self) -> None:
        """Put what was written on disk, a few times a second, until cancelled."""
        try:
            while True:
                await asyncio.sleep(_SYNC_SECONDS)
                await self.sync()
        finally:
            self.close()

    async def sync(self) -> None:
        """Return when all that was flushed is on disk. The loop does not wait for the disk."""
        if not self._dirty and not self._retired:
            return
        self._dirty = False
        retired, self._retired = self._retired, []
        handles = [one.handle for one in retired]
        if self._open is not None:
            handles.append(os.dup(self._open.handle))
        try:
            await asyncio.to_thread(_sync, handles, self._folder)
        except OSError as error:
            self._log.error("opens and clicks are not on disk yet", why=str(error))
            self._dirty = True

    def close(self) -> None:
        """Write and sync what is left; what is not let go is read at the next start."""
        self.flush()
        self._retire()
        retired, self._retired = self._retired, []
        with contextlib.suppress(OSError):
            _sync([one.handle for one in retired], self._folder)

    async def read(self) -> list[Spooled]:
        """Return the next hits in their order (some hundred), or none when all have been read."""
        for number in [one for one in self._sizes if one >= self._read_to.segment]:
            offset = self._read_to.offset if number == self._read_to.segment else _HEAD_BYTES
            if offset >= self._sizes[number]:
                continue
            content = await asyncio.to_thread(_content, self._path(number), offset, self._sizes[number])
            found = list(_hits(number, offset, content))
            if found:
                self._read_to = found[-1].end
                return found
            LOST.labels("unreadable").inc()
            self._log.error("the rest of a spool file cannot be read", file=self._path(number).name, offset=offset)
            self._read_to = Place(number, self._sizes[number])
        return []

    def let_go(self, place: Place) -> None:
        """Forget everything before a place that was read; files without anything behind it are deleted.

        What stands before it in a file that goes on is read again after a restart.
        """
        for number in list(self._sizes):
            is_done = number < place.segment or (number == place.segment and place.offset >= self._sizes[number])
            if is_done:
                self._delete(number)
        WAITING.set(self._waiting_bytes)

    def _delete(self, number: int) -> None:
        if self._open is not None and self._open.number == number:
            self._retire()
        self._waiting_bytes -= self._sizes.pop(number)
        with contextlib.suppress(OSError):
            self._path(number).unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.hits"


def _framed(hit: Hit) -> bytes:
    content = _write(hit)
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def _sync(handles: list[int], folder: Path) -> None:
    """Sync files and the folder that names them, and close the files."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for handle in handles:
            os.fdatasync(handle)
        os.fsync(place)
    finally:
        for handle in (*handles, place):
            os.close(handle)


def _content(path: Path, offset: int, size: int) -> bytes:
    """Return the name in a file's head, and what stands from `offset` on, up to some hundred hits."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(offset)
        return head + file.read(min(size - offset, _MOST_READ_BYTES))


def _hits(number: int, offset: int, content: bytes) -> Iterator[Spooled]:
    """Yield whole hits, up to the first that is not."""
    if not content.startswith(_MAGIC):
        return
    name = content[len(_MAGIC) : _HEAD_BYTES].hex()
    at, shift = _HEAD_BYTES, offset - _HEAD_BYTES
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        end = at + _FRAME.size + length
        frame = content[at + _FRAME.size : end]
        if len(frame) != length or zlib.crc32(frame) != checksum:
            return
        yield Spooled(f"hit/{name}/{at + shift}", _read(frame), Place(number, end + shift))
        at = end
