"""Removes messages that nobody can receive any more: of purged and deleted queues, too old ones, and archived ones.

Touches the store. Run by app/ as a background task. Receivers never see such
messages, with or without the sweep; it only gives their room back.
"""

import asyncio

from pillarbox.kit import log
from pillarbox.kit.clock import MINUTE, SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.pubsub import topic_archives
from pillarbox.pubsub.queue_attributes import LONGEST_RETENTION_SECONDS
from pillarbox.pubsub.queues import REMAINS
from pillarbox.store import fifo_messages, nouns
from pillarbox.store import queue_messages as stored
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

_AT_ONCE = 500  # few enough that others who write wait only some milliseconds
_IDLE_SECONDS = MINUTE / SECOND


class QueueSweep:
    """Sweeps until cancelled; several processes may sweep the same store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._woken = asyncio.Event()
        self._log = log.named("queue-sweep")
        store.listen(REMAINS[1], self._woken.set)

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                more = await self.step()
            except Unavailable as error:
                self._log.error("cannot sweep", why=str(error))
                more = False
            if not more:
                await self._idle()

    async def step(self) -> bool:
        """Remove some messages, and say whether there may be more."""
        return await self._store.write(sweep, self._clock.now())

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass


def sweep(now: Millis) -> Plan[bool]:
    """Remove up to some hundred messages of each sort; say whether there may be more."""
    removed = yield from stored.remove_oldest(now - LONGEST_RETENTION_SECONDS * SECOND, _AT_ONCE)
    more = yield from fifo_messages.forget(now, _AT_ONCE)
    more |= yield from topic_archives.sweep(now, _AT_ONCE)
    remains = yield from nouns.list_by_name(*REMAINS, "", 1)
    if not remains:
        return more or removed == _AT_ONCE
    key = remains[0].name
    messages = yield from stored.remove_some(key, _AT_ONCE)
    groups = yield from fifo_messages.remove_groups(key, _AT_ONCE)
    if max(messages, groups) < _AT_ONCE:
        yield from nouns.delete(*REMAINS, key)
    return True
