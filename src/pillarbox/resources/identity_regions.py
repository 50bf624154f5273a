"""Where else an account has an identity: verified in one region, it counts in no other.

Plans. Called by sending, to tell a sender who asks in the wrong region what is wrong.
https://docs.aws.amazon.com/ses/latest/dg/regions.html#region-verification
"""

from collections.abc import Iterable

from pillarbox.kit.ids import Scope
from pillarbox.resources import identities
from pillarbox.store import nouns
from pillarbox.store.plan import Plan


def verified_elsewhere(scope: Scope, names: Iterable[str]) -> Plan[dict[str, str]]:
    """Return another region in which each of these identities is verified, of those that are in any."""
    found: dict[str, str] = {}
    for region in (yield from nouns.regions_of(scope.account)):
        for name in names if region != scope.region else ():
            identity = yield from identities.get(Scope(scope.account, region), name)
            if identity is not None and identity.verified:
                found.setdefault(name, region)
    return found
