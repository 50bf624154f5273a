"""Forgets by what calls were known, when they can no longer be made again.

Touches the store. Run by app/ as a background task. A key that has ended
means nothing with or without the sweep; it only gives its room back.
"""

import asyncio

from pillarbox.kit import log
from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Unavailable
from pillarbox.store import retry_keys
from pillarbox.store.engine import Store

_AT_ONCE = 500  # few enough that others who write wait only some milliseconds
_BETWEEN_SECONDS = 0.05
_IDLE_SECONDS = 10.0


class RetryKeySweep:
    """Sweeps until cancelled; several processes may sweep the same store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._log = log.named("retry-key-sweep")

    async def run(self) -> None:
        while True:
            try:
                more = await self.step()
            except Unavailable as error:
                self._log.error("cannot sweep", why=str(error))
                more = False
            await asyncio.sleep(_BETWEEN_SECONDS if more else _IDLE_SECONDS)

    async def step(self) -> bool:
        """Forget some keys that have ended, and say whether there may be more."""
        return await self._store.write(retry_keys.prune, self._clock.now(), _AT_ONCE) == _AT_ONCE
