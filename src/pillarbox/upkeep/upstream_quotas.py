"""Reads the quotas of other SES again and again, so that mail goes there as fast as they allow.

Touches the store and the network. A duty of runner.py, done by one process at a
time; what it reads is said by delivery/transport/ses_quota.py.
"""

import asyncio
from collections.abc import Mapping

from pillarbox.delivery.transport import ses_quota
from pillarbox.delivery.transport.ses_client import SesClient
from pillarbox.kit import log
from pillarbox.kit.clock import Millis
from pillarbox.resources import upstreams
from pillarbox.resources.upstreams import Quota
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan


class UpstreamQuotas:
    """The duty: each piece asks those upstreams whose time has come, all at once."""

    name = "upstream-quotas"
    topic = upstreams.TOPIC

    def __init__(self, store: Store, clients: Mapping[str, SesClient]) -> None:
        self._store = store
        self._clients = clients
        self._log = log.named("upkeep.upstream-quotas")

    async def due_at(self) -> Millis | None:
        known = await self._store.read(_quotas, list(self._clients))
        return min((seen.look_again_at if seen else 0 for seen in known.values()), default=None)

    async def work(self, now: Millis) -> None:
        known = await self._store.read(_quotas, list(self._clients))
        due = [name for name, seen in known.items() if seen is None or seen.look_again_at <= now]
        looks = [ses_quota.look(self._store, self._clients[name], now) for name in due]
        for name, seen in zip(due, await asyncio.gather(*looks), strict=True):
            self._tell(name, known[name], seen)

    def _tell(self, name: str, before: Quota | None, after: Quota) -> None:
        if after.failure and (before is None or before.failure != after.failure):
            self._log.warning("quota not read", upstream=name, why=after.failure)
        if not after.failure and (before is None or before.max_send_rate != after.max_send_rate):
            self._log.info("quota", upstream=name, rate=after.max_send_rate, day=after.max_24_hour_send)


def _quotas(names: list[str]) -> Plan[dict[str, Quota | None]]:
    found = {}
    for name in names:
        found[name] = yield from upstreams.quota(name)
    return found
