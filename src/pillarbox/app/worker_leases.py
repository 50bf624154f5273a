"""What worker processes claim mail under: lent to one process, and ended when it is gone.

Touches the store. Used by app/processes.py, which knows when a process is gone;
what it leaves undone need not wait then for the end of its lease.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.store import leases
from pillarbox.store.engine import Store

_AGAIN_AFTER_SECONDS = (1.0, 5.0, 15.0)


class WorkerLeases:
    """Lends leases. What is claimed under one comes due at once when it is given back: nobody can go on with it."""

    def __init__(self, store: Store, again_after_seconds: Sequence[float] = _AGAIN_AFTER_SECONDS) -> None:
        """`again_after_seconds` are the pauses between further looks for what is claimed under an ended lease.

        What a process asked of PostgreSQL last, a claim perhaps, may be committed after the process is gone.
        """
        self._store = store
        self._pauses = () if store.is_ours_alone else again_after_seconds
        self._looking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[str]:
        lease = new_token()
        try:
            yield lease
        finally:
            await self._end(lease)
            looking = asyncio.create_task(self._look_again(lease))
            self._looking.add(looking)
            looking.add_done_callback(self._looking.discard)

    async def close(self) -> None:
        """Look no more: what may still come then waits for its lease to end."""
        for looking in self._looking:
            looking.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    async def _look_again(self, lease: str) -> None:
        for pause in self._pauses:
            await asyncio.sleep(pause)
            await self._end(lease)

    async def _end(self, lease: str) -> None:
        with contextlib.suppress(Unavailable):  # then it comes due when its lease is over
            await self._store.commit(leases.end_of, lease)
