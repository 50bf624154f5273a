"""On which terms a message is delivered: what its configuration set says of TLS and of time.

Touches the store, with a memory of a second. Called by the worker for each
attempt, so that what is changed holds for mail that waits already.
"""

from typing import NamedTuple

from pillarbox.delivery.retry import GIVE_UP_AFTER
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.remember import Remembering


class Terms(NamedTuple):
    """Whether mail leaves only over TLS, and for how long its delivery is tried in all."""

    tls_required: bool = False
    give_up_after: Millis = GIVE_UP_AFTER


class TermsBook:
    """Tells the terms by configuration set; a set that is gone asks for nothing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._known = Remembering(store, clock, "nouns")

    async def of(self, scope: Scope, configuration_set: str) -> Terms:
        return await self._known.read(_terms, scope, configuration_set) if configuration_set else Terms()


def _terms(scope: Scope, configuration_set: str) -> Plan[Terms]:
    found = yield from configuration_sets.get(scope, configuration_set)
    if found is None:
        return Terms()
    seconds = found.delivery.most_seconds
    return Terms(found.delivery.tls_required, GIVE_UP_AFTER if seconds is None else seconds * SECOND)
