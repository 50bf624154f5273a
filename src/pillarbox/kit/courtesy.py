"""Courtesy: what works behind the doors gives way while many wait before them.

Pure but for sleeping. One is built for a process: the doors say who waits, and
delivery and the followers of the event log ask between two batches. Whoever
waits for an answer goes first, in a burst by far; what was promised is done a
little later, and always done. A load that lasts is shared with it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 8
# Callers give up after a while, mail does not: a burst is taken in before it is sent out.
_BURST_SECONDS = 60.0
_REST_SECONDS, _REST_AFTERWARDS_SECONDS = 1.0, 0.25


class Courtesy:
    """Counts those who wait for an answer at the doors, of this process or of those that write through it."""

    def __init__(self) -> None:
        self._waiting = 0
        self._burst_ends_at: float | None = None

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

    def went(self, many: int = 1) -> None:
        self._waiting -= many

    async def give_way(self) -> None:
        """Rest a second in a burst, and a quarter when it lasts; one batch is done in any case between two rests."""
        if self._waiting < _MANY:
            self._burst_ends_at = None
            return
        now = asyncio.get_running_loop().time()
        if self._burst_ends_at is None:
            self._burst_ends_at = now + _BURST_SECONDS
        await asyncio.sleep(_REST_SECONDS if now < self._burst_ends_at else _REST_AFTERWARDS_SECONDS)
