"""Identities, as the operator sees them and vouches for them.

Touches the store. Called through operate/requests.py. Outside dev mode an
identity counts as verified once the operator has vouched for it.
"""

import msgspec

from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import identities
from pillarbox.store import nouns
from pillarbox.store.plan import Plan


class Sender(msgspec.Struct, frozen=True):
    """An identity as it is listed; `verified_by` says who vouched for it."""

    name: str
    account: str
    region: str
    status: str
    verified_by: str


async def list_all(desk: Desk, account: str = "", region: str = "") -> list[Sender]:
    """Return the identities of an account and a region, or of all."""
    return await desk.store.read(_list, account, region)


async def vouch(desk: Desk, name: str, account: str, region: str) -> Sender:
    """Verify an identity on the operator's word; Invalid when nothing can be sent from such a name."""
    scope = Scope(account, region)
    return _sender(
        scope, await audit.write(desk, "identities.vouch", name, scope, identities.vouch, scope, name, desk.clock.now())
    )


def _list(account: str, region: str) -> Plan[list[Sender]]:
    found: list[Sender] = []
    for scope in (yield from nouns.scopes()):
        if account in ("", scope.account) and region in ("", scope.region):
            found += [_sender(scope, identity) for identity in (yield from _every(scope))]
    return found


def _every(scope: Scope) -> Plan[list[identities.Identity]]:
    found: list[identities.Identity] = []
    token: str | None = None
    while True:
        page = yield from identities.list_page(scope, identities.Filter(), token, None)
        found += page.identities
        token = page.next_token
        if token is None:
            return found


def _sender(scope: Scope, identity: identities.Identity) -> Sender:
    return Sender(identity.name, scope.account, scope.region, identity.status, identity.verified_by)
