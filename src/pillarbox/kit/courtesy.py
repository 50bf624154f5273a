"""Courtesy: what works behind the doors gives way while many wait before them.

Pure but for sleeping. One is built for a process: the doors say who waits, and
delivery and the followers of the event log ask between two batches. Whoever
waits for an answer goes first; what was promised is done a little later, and
always done.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 8
_LONGEST_SECONDS = 0.25


class Courtesy:
    """Counts those who wait for an answer at the doors, of this process or of those that write through it."""

    def __init__(self) -> None:
        self._waiting = 0

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
        """Rest a quarter of a second when many wait; so much is done in any case between two rests."""
        if self._waiting >= _MANY:
            await asyncio.sleep(_LONGEST_SECONDS)
