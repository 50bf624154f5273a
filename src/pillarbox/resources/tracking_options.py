"""The tracking options of a configuration set: the domain that tracked links lead to, and when they are https.

Plans over configuration_sets.py. Called by api/. A domain must be the
account's own: a verified identity, or below one.
https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html
"""

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identities
from pillarbox.resources.configuration_set_options import Tracking
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.resources.identity_names import InvalidIdentity, checked_domain, covering_names
from pillarbox.store.plan import Plan


class InvalidTracking(Invalid):
    """Tracked links cannot lead there."""


class TrackingExists(Duplicate):
    """The set has tracking options already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Tracking options for configuration set <{name}> already exist.")
        self.members = {"ConfigurationSetName": name}


class TrackingMissing(NotFound):
    """The set has no tracking options of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Tracking options for configuration set <{name}> do not exist.")
        self.members = {"ConfigurationSetName": name}


def checked(scope: Scope, tracking: Tracking) -> Plan[Tracking | None]:
    """Return the options as they are kept (None for those that say nothing), or raise InvalidTracking."""
    given = tracking.custom_redirect_domain
    if not given:
        return None if tracking == Tracking() else tracking
    try:
        domain = checked_domain(given)
    except InvalidIdentity:
        raise InvalidTracking(f"Custom redirect domain <{given}> is not a domain name.") from None
    for name in covering_names(f"@{domain}")[1:]:
        identity = yield from identities.get(scope, name)
        if identity is not None and identity.verified:
            return msgspec.structs.replace(tracking, custom_redirect_domain=domain)
    raise InvalidTracking(f"Custom redirect domain <{given}> is not verified in region {scope.region}.")


def domains() -> Plan[set[str]]:
    """Return the redirect domains of every account; looks at all configuration sets."""
    found = yield from configuration_sets.with_text('"custom_redirect_domain":"')
    return {one.tracking.custom_redirect_domain for one in found if one.tracking} - {""}


def put(scope: Scope, name: str, tracking: Tracking, now: Millis) -> Plan[None]:
    """Set the options, whether there were any or not; those that say nothing remove them."""
    kept = yield from checked(scope, tracking)
    yield from configuration_sets.change(scope, name, lambda one: _with(one, kept), now)


def create(scope: Scope, name: str, tracking: Tracking, now: Millis) -> Plan[None]:
    """Set the options of a set that has none, or raise TrackingExists."""
    found = yield from configuration_sets.existing(scope, name)
    if found.tracking is not None:
        raise TrackingExists(name)
    yield from put(scope, name, tracking, now)


def update(scope: Scope, name: str, tracking: Tracking, now: Millis) -> Plan[None]:
    """Replace the domain that is there, or raise TrackingMissing."""
    found = yield from configuration_sets.existing(scope, name)
    if found.tracking is None:
        raise TrackingMissing(name)
    changed = msgspec.structs.replace(found.tracking, custom_redirect_domain=tracking.custom_redirect_domain)
    yield from put(scope, name, changed, now)


def delete(scope: Scope, name: str, now: Millis) -> Plan[None]:
    """Go back to the server's own tracker, or raise TrackingMissing."""
    found = yield from configuration_sets.existing(scope, name)
    if found.tracking is None:
        raise TrackingMissing(name)
    yield from configuration_sets.change(scope, name, lambda one: _with(one, None), now)


def _with(one: ConfigurationSet, tracking: Tracking | None) -> ConfigurationSet:
    return msgspec.structs.replace(one, tracking=tracking)
