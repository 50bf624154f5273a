"""Room on the disk: whether anything more may be promised.

Touches the file system, at most once a second. Asked by the doors before they
promise; what is promised already is delivered with what room there is.
"""

import os
from pathlib import Path

from pillarbox.kit import metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable

FREE = metrics.gauge(
    "disk_free_bytes", doc="Room left on the disk of the data folder; new mail is refused before it is used up."
)


class NoRoom(Unavailable):
    """Too little room is left on the disk to promise anything more."""


class Room:
    """The room that is left on the disk of `folder`."""

    def __init__(self, folder: Path, least_free_bytes: int, clock: Clock) -> None:
        self._folder = folder
        self._least = least_free_bytes
        self._clock = clock
        self._free = 0
        self._looked_at: Millis | None = None

    def check(self) -> None:
        """Raise NoRoom when less than `least_free_bytes` are left."""
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= SECOND:
            found = os.statvfs(self._folder)
            self._free, self._looked_at = found.f_bavail * found.f_frsize, now
            FREE.set(self._free)
        if self._free < self._least:
            raise NoRoom(f"too little room is left on the disk of {self._folder}: {self._free} bytes")
