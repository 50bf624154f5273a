"""How identities sign: Easy DKIM, keys of the owner's own, on and off.

Plans, given keys that were made and sealed off the loop. Called by api/ in both
spellings; upkeep/identity_checks.py turns the keys over (dkim_rotation.py).
https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import dkim_keys, identities, verification
from pillarbox.resources.dkim_keys import SealedKey, StoredKey
from pillarbox.resources.identities import EASY, EXTERNAL, RSA_2048, Dkim, Identity
from pillarbox.resources.identity_names import checked_domain, is_domain
from pillarbox.store.plan import Plan

BITS = {RSA_2048: 2048, "RSA_1024_BIT": 1024}
LENGTHS = {bits: name for name, bits in BITS.items()}


class Asked(NamedTuple):
    """How a domain is to sign. With a `selector` the key is the owner's own."""

    key: SealedKey
    at_once: bool  # dev mode: verified without a look at the DNS
    selector: str = ""


def create(
    scope: Scope,
    name: str,
    now: Millis,
    *,
    verify_at_once: bool,
    asked: Asked | None,
    tag_pairs: Iterable[tuple[str, str]] = (),
    configuration_set: str | None = None,
) -> Plan[Identity]:
    """Create an identity that, being a domain, signs as asked (v2)."""
    if asked is None or not is_domain(name):
        if asked is not None and asked.selector:
            raise _no_domain(name)
        asked = None
    identity = yield from identities.create(
        scope,
        name,
        now,
        verify_at_once=verify_at_once,
        tag_pairs=tag_pairs,
        configuration_set=configuration_set,
    )
    return identity if asked is None else (yield from _use(scope, identity, asked, now))


def verify_domain_dkim(scope: Scope, domain: str, asked: Asked, now: Millis) -> Plan[Identity]:
    """Set Easy DKIM up for a domain, whose identity is created when it is not there (v1).

    What is set up already keeps its key; what has failed is searched for again.
    """
    identity = yield from identities.verify_domain(scope, checked_domain(domain), now, asked.at_once)
    if identity.dkim.origin == EASY and identity.dkim.started:
        return (yield from _search_again(scope, identity, now))
    return (yield from _use(scope, identity, asked, now))


def set_signing(scope: Scope, name: str, asked: Asked, next_length: str | None, now: Millis) -> Plan[Identity]:
    """Sign with a key of the owner's own, or by Easy DKIM with keys of a given length from the next one on."""
    identity = yield from identities.existing(scope, name)
    if not identity.is_domain:
        raise _no_domain(name)
    if asked.selector or identity.dkim.origin == EXTERNAL or not identity.dkim.started:
        return (yield from _use(scope, identity, asked, now))
    if next_length is not None and next_length != identity.dkim.next_length:
        return (yield from _set_next_length(scope, identity, asked, next_length, now))
    return (yield from _search_again(scope, identity, now))


def add_ed25519(scope: Scope, name: str, key: SealedKey, at_once: bool, now: Millis) -> Plan[StoredKey]:
    """Let a domain that signs sign with an Ed25519 key too, once its record is published; there is one at the most."""
    identity = yield from identities.existing(scope, name)
    if not identity.dkim.started:
        raise Invalid(f"DKIM is not set up for identity {identity.name}: verify the domain for DKIM first.")
    for other in (yield from dkim_keys.of_domain(scope, identity.name)):
        if other.algorithm == dkim_keys.ED25519:
            return other
    selector = f"ed-{identity.dkim.tokens[0][:16]}"
    made = dkim_keys.stored(identity.name, selector, key, now, dkim_keys.ACTIVE if at_once else dkim_keys.NEXT)
    yield from dkim_keys.put(scope, made, now)
    yield from identities.change(scope, name, lambda one: replace(one, look_at=one.look_at if at_once else now), now)
    return made


def set_enabled(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    """Sign the mail of an identity, or sign it no longer.

    https://docs.aws.amazon.com/ses/latest/APIReference/API_SetIdentityDkimEnabled.html
    """
    identity = yield from identities.existing(scope, name)
    domain = identity if identity.is_domain else (yield from identities.get(scope, name.rpartition("@")[2]))
    if enabled and (domain is None or not domain.dkim.started):
        raise Invalid(f"DKIM is not set up for identity {name}: verify the domain for DKIM first.")
    yield from identities.change(scope, name, lambda one: replace(one, dkim=replace(one.dkim, enabled=enabled)), now)


def _use(scope: Scope, identity: Identity, asked: Asked, now: Millis) -> Plan[Identity]:
    """Let a domain sign with the key that is given, and with no other."""
    key_name = asked.selector or identity.dkim.tokens[0]
    yield from dkim_keys.drop_all(scope, identity.name)
    yield from dkim_keys.put(scope, dkim_keys.stored(identity.name, key_name, asked.key, now), now)
    length = LENGTHS.get(asked.key.bits)

    def sign(one: Identity) -> Identity:
        dkim = Dkim(
            tokens=one.dkim.tokens,
            verification=verification.succeeded(now) if asked.at_once else verification.started(now),
            enabled=one.dkim.enabled,
            origin=EXTERNAL if asked.selector else EASY,
            selector=asked.selector,
            next_length=RSA_2048 if asked.selector or length is None else length,
            length_set_at=None if asked.selector else now,
            current_length=length,
            key_made_at=None if asked.selector else now,
        )
        return replace(one, dkim=dkim, look_at=one.look_at if asked.at_once else now)

    return (yield from identities.change(scope, identity.name, sign, now))


def _set_next_length(scope: Scope, identity: Identity, asked: Asked, length: str, now: Millis) -> Plan[Identity]:
    # https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html
    if identity.dkim.length_set_at is not None and now - identity.dkim.length_set_at < DAY:
        raise Invalid("The length of DKIM signing keys can be changed once in 24 hours at the most.")
    if asked.at_once:
        return (yield from _use(scope, identity, asked, now))

    def lengthen(one: Identity) -> Identity:
        dkim = replace(one.dkim, next_length=length, length_set_at=now)
        return replace(one, dkim=dkim, look_at=one.look_at and now)

    return (yield from identities.change(scope, identity.name, lengthen, now))


def _search_again(scope: Scope, identity: Identity, now: Millis) -> Plan[Identity]:
    if identity.dkim.verification.holds:
        return identity

    def search(one: Identity) -> Identity:
        return replace(one, dkim=replace(one.dkim, verification=verification.started(now)), look_at=now)

    return (yield from identities.change(scope, identity.name, search, now))


def _no_domain(name: str) -> Invalid:
    return Invalid(f"DKIM signing attributes can be set for domains only, and {name} is none.")
