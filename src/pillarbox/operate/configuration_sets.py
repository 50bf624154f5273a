"""Configuration sets and their event destinations, as somebody looks after them.

Touches the store. Called by the dashboard.
"""

import msgspec

from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import configuration_sets, event_destinations
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.resources.event_destinations import EventDestination
from pillarbox.store import nouns
from pillarbox.store.plan import Plan


class Known(msgspec.Struct, frozen=True):
    """A configuration set, and who is told of its events."""

    account: str
    region: str
    options: ConfigurationSet
    destinations: list[EventDestination]


async def list_all(desk: Desk, account: str = "", region: str = "") -> list[Known]:
    """Return the sets of an account and a region, or of all."""
    return await desk.store.read(_list, account, region)


async def get(desk: Desk, scope: Scope, name: str) -> Known:
    """Return a set, or raise NotFound."""
    return await desk.store.read(_known, scope, name)


async def create(desk: Desk, scope: Scope, name: str) -> None:
    args = (scope, name, desk.clock.now())
    await audit.write(desk, "configuration-sets.create", name, scope, configuration_sets.create, *args)


async def set_sending(desk: Desk, scope: Scope, name: str, *, enabled: bool) -> None:
    """Switch the sending of a set; NotFound when there is none of that name."""
    action = "configuration-sets.resume" if enabled else "configuration-sets.stop"
    args = (scope, name, enabled, desk.clock.now())
    await audit.write(desk, action, name, scope, configuration_sets.set_sending, *args)


def _known(scope: Scope, name: str) -> Plan[Known]:
    options = yield from configuration_sets.existing(scope, name)
    return Known(*scope, options, (yield from event_destinations.of_set(scope, name)))


def _list(account: str, region: str) -> Plan[list[Known]]:
    found: list[Known] = []
    for scope in (yield from nouns.scopes()):
        if account not in ("", scope.account) or region not in ("", scope.region):
            continue
        token: str | None = None
        while True:
            page = yield from configuration_sets.list_page(scope, "", token, None)
            for name in page.names:
                found.append((yield from _known(scope, name)))
            token = page.next_token
            if token is None:
                break
    return found
