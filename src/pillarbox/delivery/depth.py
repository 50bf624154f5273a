"""How much mail waits for each provider, and for how long: two numbers to watch.

Touches the store (reads). Runs in the background of every server that
delivers; a reading looks at every waiting row, so there are few of them.
"""

import asyncio

from pillarbox.delivery.lanes import Hop, read_lane
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.store import outgoing
from pillarbox.store.engine import Store

_EVERY_SECONDS = 15.0

DEPTH = metrics.gauge(
    "delivery_queue_rows",
    labels=("egress", "provider"),
    doc="Attempts that wait, by egress source and provider. Compare with `pillarbox queue`, which says why.",
)
OLDEST = metrics.gauge(
    "delivery_queue_oldest_seconds",
    labels=("egress", "provider"),
    doc="""Age of the oldest mail that waits for a provider.

    Some hours are ordinary for mail to one broken domain. When it grows together with the depth, the provider
    takes less than is sent: see `pillarbox pace`.""",
)


class DepthGauge:
    """Sets the two gauges, again and again; a provider for which nothing waits any more is no longer shown."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shown: set[Hop] = set()

    async def run(self) -> None:
        while True:
            try:
                await self.measure()
            except Unavailable as error:
                log.named("delivery").error("cannot measure the queue", why=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def measure(self) -> None:
        rows: dict[Hop, int] = {}
        oldest_at: dict[Hop, Millis] = {}
        for depth in await self._store.read(outgoing.depths):
            hop = read_lane(depth.lane).hop
            rows[hop] = rows.get(hop, 0) + depth.rows
            oldest_at[hop] = min(oldest_at.get(hop, depth.oldest_at), depth.oldest_at)
        now = self._clock.now()
        for hop in self._shown - rows.keys():
            DEPTH.remove(*hop)
            OLDEST.remove(*hop)
        for hop, count in rows.items():
            DEPTH.labels(*hop).set(count)
            OLDEST.labels(*hop).set(max(0, now - oldest_at[hop]) / SECOND)
        self._shown = set(rows)
