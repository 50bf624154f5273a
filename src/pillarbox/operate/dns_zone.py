"""What the operator publishes in the zone of the service domain.

Touches the store. Called through operate/requests.py. The keys of every
identity with Easy DKIM stand here, under the names that their owners' aliases
lead to.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import msgspec

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.operate.desk import Desk, Host
from pillarbox.resources import dkim_keys, identities, identity_dns, service_key
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.resources.identities import EASY, Filter
from pillarbox.resources.identity_dns import Site
from pillarbox.store import nouns
from pillarbox.store.plan import Plan


class ZoneRecord(msgspec.Struct, frozen=True):
    """One record, or with an empty `value` one whose value only the operator knows; `about` says what for."""

    name: str
    type: str
    value: str
    about: str


class Zone(msgspec.Struct, frozen=True):
    """The records of one domain."""

    domain: str
    records: list[ZoneRecord]


async def zone(desk: Desk) -> Zone:
    """Return the records of the service domain; Invalid when it is none that can be in the DNS."""
    domain = identity_dns.zone_of(desk.service_domain)
    if domain is None:
        raise Invalid(
            f"there is no zone to publish: the setting service_domain is {desk.service_domain}, which is never in the"
            " DNS; set it to a domain of yours (DKIM keys are then published as aliases into it)"
        )
    own = [_key_of_service(key) for key in await service_key.load(desk.store, desk.keyring, domain, desk.clock.now())]
    regions, keys = await desk.store.read(_of_identities, domain)
    return Zone(
        domain,
        [
            *_hosts(domain, desk.hosts),
            *_exchangers(domain, regions),
            *own,
            *keys,
        ],
    )


def _hosts(domain: str, hosts: Sequence[Host]) -> list[ZoneRecord]:
    """Return the records of the host that takes bounces, and of those in the domain that mail leaves from."""
    mta = f"mta.{domain}"
    known = {mta: (), **dict(hosts)}
    records = [
        ZoneRecord(domain, "MX", f"10 {mta}", "where bounces of mail without a MAIL FROM domain of its own come back"),
        ZoneRecord(domain, "TXT", _policy(known), "the sender policy that MAIL FROM domains include"),
    ]
    for name, addresses in known.items():
        if name.endswith(f".{domain}"):
            about = "an address that mail leaves from, and the name that it greets with"
            records += [ZoneRecord(name, _kind(one), one, about) for one in addresses or ("",)]
            records.append(ZoneRecord(name, "TXT", "v=spf1 a -all", "the sender policy of the greeting"))
    return records


def _policy(hosts: Mapping[str, Sequence[str]]) -> str:
    """Allow the addresses that are known, and those of each name that has none set.

    https://www.rfc-editor.org/rfc/rfc7208#section-5
    """
    terms = []
    for name, addresses in hosts.items():
        terms += [f"ip{ip_address(one).version}:{one}" for one in addresses] or [f"a:{name}"]
    return " ".join(("v=spf1", *terms, "~all"))


def _kind(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def _exchangers(domain: str, regions: list[str]) -> list[ZoneRecord]:
    return [
        ZoneRecord(Site(domain, region).exchanger, "A", "", f"where bounces of MAIL FROM domains in {region} come back")
        for region in regions
    ]


def _key_of_service(key: StoredKey) -> ZoneRecord:
    about = f"the key of mail that no key of its sender's signs: {key.state}"
    return ZoneRecord(key.record_name, "TXT", key.record, about)


def _of_identities(domain: str) -> Plan[tuple[list[str], list[ZoneRecord]]]:
    """Return the regions that have domains, and the key records of all identities."""
    regions: set[str] = set()
    records: list[ZoneRecord] = []
    for scope in (yield from nouns.scopes()):
        found = yield from _keys_in(scope, f"dkim.{domain}")
        if found is not None:
            regions.add(scope.region)
            records += found
    return sorted(regions), records


def _keys_in(scope: Scope, zone: str) -> Plan[list[ZoneRecord] | None]:
    records: list[ZoneRecord] | None = None
    token: str | None = None
    while True:
        page = yield from identities.list_page(scope, Filter(domains=True), token, None)
        for identity in page.identities:
            records = records or []
            if identity.dkim.started and identity.dkim.origin == EASY:
                about = f"{identity.name} of account {scope.account} in {scope.region}"
                records += [
                    ZoneRecord(f"{key.selector}.{zone}", "TXT", key.record, f"{about}: {key.state}")
                    for key in (yield from dkim_keys.of_domain(scope, identity.name))
                    if key.algorithm == dkim_keys.RSA
                ]
        token = page.next_token
        if token is None:
            return records
