"""Courtesy: what works behind the doors gives way while many wait before them.

Pure but for sleeping. One is built for a process: the doors say who waits, and
delivery and the followers of the event log ask between two batches. Whoever
waits for an answer goes first, in a burst by far; what was promised is done a
little later, and always done. A load that lasts is shared with it.
"""

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 8
# Callers give up after a while, mail does not: a burst is taken in before it is sent out.
_BURST_SECONDS = 60.0
_REST_SECONDS, _REST_AFTERWARDS_SECONDS = 1.0, 0.25
# Many are answered at once by one commit, and are back a moment later: a burst is over when few wait for longer.
_LOOK_SECONDS, _CALM_LOOKS = 0.05, 4
_CALM_SECONDS = 5.0
# So many at once are a crowd, and are one until they have not been seen for a while.
_CROWD, _CROWD_STAYS_SECONDS = 16, 0.1


class Courtesy:
    """Counts those who wait for an answer at the doors, of this process or of those that write through it."""

    def __init__(self) -> None:
        self._waiting = 0
        self._busy_at = self._burst_ends_at = -math.inf
        self._crowded_at = self._crowd_ends_at = -math.inf

    @property
    def is_burst(self) -> bool:
        """Say whether a crowd waits, or did a moment ago, and has not for longer than a burst may last.

        What can be done after its answers should be: when a load lasts, that is no longer any sooner.
        """
        now = time.monotonic()
        return now - self._crowded_at < _CROWD_STAYS_SECONDS and now < self._crowd_ends_at

    @contextmanager
    def waiting(self, many: int = 1) -> Iterator[None]:
        """Count one who waits, or as many as wait in one call."""
        self.came(many)
        try:
            yield
        finally:
            self.went(many)

    def came(self, many: int = 1) -> None:
        self._waiting += many
        if self._waiting >= _CROWD:
            now = time.monotonic()
            if now - self._crowded_at > _CALM_SECONDS:
                self._crowd_ends_at = now + _BURST_SECONDS
            self._crowded_at = now

    def went(self, many: int = 1) -> None:
        self._waiting -= many

    async def give_way(self) -> None:
        """Rest a second in a burst, and a quarter when it lasts, unless it ends; between two rests a batch is done."""
        if self._waiting < _MANY:
            return
        now = asyncio.get_running_loop().time()
        if now - self._busy_at > _CALM_SECONDS:
            self._burst_ends_at = now + _BURST_SECONDS
        self._busy_at = now
        rest, calm = _REST_SECONDS if now < self._burst_ends_at else _REST_AFTERWARDS_SECONDS, 0
        for _ in range(round(rest / _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS)
            calm = calm + 1 if self._waiting < _MANY else 0
            if calm == _CALM_LOOKS:
                break
