"""What is known of who takes mail for which domain.

Touches the store and, for what nobody has asked yet, the name servers. One book
serves a process: the routes look into it when rows are made (memory alone, never
a question), and the worker has found out what was missing there. What was found
is kept in rows for all processes. See docs/decisions/0006-lanes-by-provider.md.
"""

import asyncio
from collections import OrderedDict

from pillarbox.delivery.lanes import UNSORTED
from pillarbox.delivery.providers import provider_of
from pillarbox.kit.clock import HOUR, MINUTE, Clock, Millis
from pillarbox.kit.dns import LookupFailed, Names, NotThere
from pillarbox.store import pace
from pillarbox.store.engine import Store

BELIEVED: Millis = 6 * HOUR
# Without an answer mail goes on in a lane of its domain's own: the attempt will tell what is wrong with it.
_BELIEVED_UNANSWERED: Millis = 5 * MINUTE
_MOST_IN_MEMORY = 100_000


class ProviderBook:
    """Tells the provider of a domain: at once if it is known here, or after asking."""

    def __init__(self, store: Store, names: Names, clock: Clock) -> None:
        self._store = store
        self._names = names
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, Millis]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[str]] = {}

    def known(self, domain: str) -> str:
        """Return the provider, or UNSORTED when it has to be asked for."""
        provider, until = self._known.get(domain, (UNSORTED, 0))
        return provider if until > self._clock.now() else UNSORTED

    async def find(self, domain: str) -> str:
        """Return the provider; those who ask for the same domain at the same time share one question."""
        if (provider := self.known(domain)) != UNSORTED:
            return provider
        asking = self._asking.get(domain)
        if asking is None:
            asking = self._asking[domain] = asyncio.create_task(self._find(domain))
            asking.add_done_callback(lambda _: self._asking.pop(domain, None))
        return await asyncio.shield(asking)

    async def _find(self, domain: str) -> str:
        now = self._clock.now()
        kept = await self._store.read(pace.providers_of, [domain], now)
        if domain in kept:
            provider, until = kept[domain]
        else:
            provider, lifetime = await self._asked(domain)
            until = now + lifetime
            await self._store.commit(pace.remember_providers, (domain, provider, until))
        self._known[domain] = (provider, until)
        self._known.move_to_end(domain)
        if len(self._known) > _MOST_IN_MEMORY:
            self._known.popitem(last=False)
        return provider

    async def _asked(self, domain: str) -> tuple[str, Millis]:
        try:
            exchangers = await self._names.mail_exchangers(domain)
        except NotThere:  # the domain's own address takes its mail: https://www.rfc-editor.org/rfc/rfc5321#section-5.1
            return domain, BELIEVED
        except LookupFailed:
            return domain, _BELIEVED_UNANSWERED
        return provider_of([exchanger.host for exchanger in exchangers]) or domain, BELIEVED
