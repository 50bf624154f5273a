"""Identities, as the operator sees them, checks their records and vouches for them.

Touches the store, and for a check the network. Called through
operate/requests.py.
"""

import asyncio
from functools import partial

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import dkim_keys, identities, identity_dkim, identity_dns
from pillarbox.resources.dkim_keys import RETIRED, RSA, StoredKey
from pillarbox.resources.identities import EASY, RSA_2048, Identity
from pillarbox.resources.identity_dkim import Asked
from pillarbox.resources.identity_dns import Answer, Site, Wanted
from pillarbox.resources.identity_lookup import look_up
from pillarbox.resources.identity_names import is_domain
from pillarbox.resources.verification import Seen
from pillarbox.store import nouns
from pillarbox.store.audit import AuditRow
from pillarbox.store.audit import add as tell
from pillarbox.store.plan import Plan


class Sender(msgspec.Struct, frozen=True):
    """An identity as it is listed; `verified_by` says who vouched for it."""

    name: str
    account: str
    region: str
    status: str
    verified_by: str


class Published(msgspec.Struct, frozen=True):
    """A TXT record that is to be published."""

    name: str
    value: str


class Record(msgspec.Struct, frozen=True):
    """One record that an identity asks for, and what is there.

    `state` is found, missing, different or unknown; `is_needed` says whether something does not work without it;
    `publisher` is who owns the zone: the domain's owner, or the operator.
    """

    purpose: str
    publisher: str
    name: str
    type: str
    value: str
    state: str
    there: list[str]
    why: str
    is_needed: bool


class Report(msgspec.Struct, frozen=True):
    """How far an identity is verified, record by record."""

    name: str
    account: str
    region: str
    status: str
    verified_by: str
    dkim_status: str
    mail_from_status: str
    records: list[Record]


async def list_all(desk: Desk, account: str = "", region: str = "") -> list[Sender]:
    """Return the identities of an account and a region, or of all."""
    return await desk.store.read(_list, account, region)


async def create(desk: Desk, name: str, account: str, region: str) -> Sender:
    """Create an identity: a domain signs with a key of its own, the owner of an address is asked by mail.

    Unavailable where no server runs that could send that mail.
    """
    if desk.verification_mail is None:
        raise Unavailable("no server runs here that could ask the owner of an address")
    scope, asked = Scope(account, region), None
    if is_domain(name):
        material = await asyncio.to_thread(dkim_keys.make_rsa, identity_dkim.BITS[RSA_2048])
        asked = Asked(dkim_keys.seal(scope, name, material, desk.keyring), desk.dev)

    entry = audit.entry(desk, "identities.create", name, scope)
    creating = partial(_create, verify_at_once=desk.dev, asked=asked, entry=entry)
    made = await desk.verification_mail.create(desk.store, creating, scope, name, desk.clock.now())
    return _sender(scope, made)


async def delete(desk: Desk, name: str, account: str, region: str) -> None:
    """Delete an identity with its keys; NotFound when there is none."""
    scope = Scope(account, region)
    await audit.write(desk, "identities.delete", name, scope, identities.delete_existing, scope, name)


async def vouch(desk: Desk, name: str, account: str, region: str) -> Sender:
    """Verify an identity on the operator's word; Invalid when nothing can be sent from such a name."""
    scope = Scope(account, region)
    return _sender(
        scope, await audit.write(desk, "identities.vouch", name, scope, identities.vouch, scope, name, desk.clock.now())
    )


async def add_ed25519(desk: Desk, name: str, account: str, region: str) -> Published:
    """Make a second key for a domain; it signs beside the first once its record is seen."""
    scope = Scope(account, region)
    sealed = dkim_keys.seal(scope, name, dkim_keys.make_ed25519(), desk.keyring)
    args = (scope, name, sealed, desk.dev, desk.clock.now())
    key = await audit.write(desk, "identities.add-key", name, scope, identity_dkim.add_ed25519, *args)
    return Published(key.record_name, key.record)


async def check(desk: Desk, name: str, account: str, region: str) -> list[Report]:
    """Look the records of an identity up now, and let what is still searched for be looked at at once."""
    found = await desk.store.read(_known, name, account, region)
    if not found:
        raise identities.IdentityMissing(
            f"Identity {name} does not exist; an application makes it, as at SES, or the page Identities, or"
            f" `pillarbox identities vouch {name}`."
        )
    reports = [await _report(desk, scope, identity, keys) for scope, identity, keys in found]
    for scope, _, _ in found:
        await desk.store.write(identities.look_now, scope, name, desk.clock.now())
    return reports


def _create(
    scope: Scope, name: str, now: Millis, *, verify_at_once: bool, asked: Asked | None, entry: AuditRow
) -> Plan[Identity]:
    made = yield from identity_dkim.create(scope, name, now, verify_at_once=verify_at_once, asked=asked)
    yield from tell(entry)
    return made


async def _report(desk: Desk, scope: Scope, identity: Identity, keys: list[StoredKey]) -> Report:
    ours = _ours(desk.service_domain, identity, keys)
    wanted = identity_dns.wanted_by(identity, keys, Site(desk.service_domain, scope.region))
    answers = await look_up(desk.names, dict.fromkeys([*wanted, *ours]))
    by_dkim = any(one.purpose == identity_dns.DKIM for one in wanted)
    records = [_record(one, answer, "operator" if one in ours else "owner", by_dkim) for one, answer in answers.items()]
    return Report(
        identity.name,
        scope.account,
        scope.region,
        identity.status,
        identity.verified_by,
        identity.dkim.verification.status,
        identity.mail_from.verification.status if identity.mail_from else "",
        records,
    )


def _ours(service_domain: str, identity: Identity, keys: list[StoredKey]) -> list[Wanted]:
    """Return the keys that the operator publishes, to which the owner's aliases lead."""
    zone = identity_dns.signing_zone(service_domain)
    if zone is None or identity.dkim.origin != EASY:
        return []
    led_to = [key for key in keys if key.state != RETIRED and key.algorithm == RSA]
    return [identity_dns.record_of(key)._replace(name=f"{key.selector}.{zone}") for key in led_to]


def _record(wanted: Wanted, answer: Answer, publisher: str, by_dkim: bool) -> Record:
    seen = identity_dns.verdict_on(wanted, answer).seen
    states = {
        Seen.FOUND: "found",
        Seen.UNANSWERED: "unknown",
        Seen.MISSING: "different" if answer.values else "missing",
    }
    # A domain that signs needs no token: its DKIM records prove that it is its owner's.
    is_needed = not (by_dkim and wanted.purpose == identity_dns.OWNERSHIP)
    return Record(*wanted[:1], publisher, *wanted[1:], states[seen], list(answer.values), answer.why, is_needed)


def _known(name: str, account: str, region: str) -> Plan[list[tuple[Scope, Identity, list[StoredKey]]]]:
    found = []
    for scope in (yield from nouns.scopes()):
        if account in ("", scope.account) and region in ("", scope.region):
            identity = yield from identities.get(scope, name)
            if identity is not None:
                found.append((scope, identity, (yield from dkim_keys.of_domain(scope, identity.name))))
    return found


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
