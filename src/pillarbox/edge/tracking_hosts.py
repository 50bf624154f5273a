"""The hosts to which only tracked links lead; they answer nothing else.

Touches the store, now and then: the redirect domains of configuration sets are
such hosts too, and a recipient who looks behind a link is shown neither the
APIs nor the pages. Asked by edge/http.py for each request.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from pillarbox.kit import log
from pillarbox.kit.errors import Unavailable
from pillarbox.resources import tracking_options
from pillarbox.store.engine import Store

_LOOK_SECONDS = 30.0


class TrackingHosts:
    """Those of the settings, and those of the configuration sets as they were half a minute ago."""

    def __init__(self, hosts: Iterable[str], *, never: str) -> None:
        """`never` is the host of the APIs and pages, whatever a configuration set says."""
        self._set = frozenset(hosts) - {never}
        self._never = never
        self._hosts = self._encoded(())

    @asynccontextmanager
    async def following(self, store: Store) -> AsyncIterator[None]:
        """Know the redirect domains of configuration sets until the block is left."""
        await self.look(store)
        looking = asyncio.create_task(self._keep_looking(store))
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def look(self, store: Store) -> None:
        try:
            self._hosts = self._encoded(await store.read(tracking_options.domains))
        except Unavailable as error:  # those that were known are still good
            log.named("tracking").error("cannot read the redirect domains", why=str(error))

    def has(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Say whether a request with these headers was made to one of them."""
        if not self._hosts:
            return False
        for name, value in headers:
            if name == b"host":
                return value.partition(b":")[0].lower() in self._hosts
        return False

    async def _keep_looking(self, store: Store) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look(store)

    def _encoded(self, domains: Iterable[str]) -> frozenset[bytes]:
        return frozenset(host.lower().encode() for host in self._set.union(domains) if host != self._never)
