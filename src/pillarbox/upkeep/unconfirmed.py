"""Gives up addresses whose owners have not confirmed them within 24 hours.

Touches the store. Run by app/ as a background task. Links tell by themselves
that their time is over; this makes lists and look-ups say so too.
"""

import asyncio

from pillarbox.kit import log
from pillarbox.kit.clock import MINUTE, SECOND, Clock
from pillarbox.kit.errors import Unavailable
from pillarbox.resources import address_verification
from pillarbox.store.engine import Store

_AT_ONCE = 100
_EVERY_SECONDS = MINUTE / SECOND


class Unconfirmed:
    """Looks every minute until cancelled; several processes may do so on the same store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._log = log.named("unconfirmed")

    async def run(self) -> None:
        while True:
            try:
                while await self.step():
                    pass
            except Unavailable as error:
                self._log.error("cannot give up unconfirmed addresses", why=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def step(self) -> bool:
        """Give up some addresses, and say whether there may be more."""
        return await self._store.write(address_verification.give_up, self._clock.now(), _AT_ONCE)
