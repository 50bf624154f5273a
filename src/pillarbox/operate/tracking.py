"""Domains for tracked links, looked at from outside, and the keys for who stands in for this server.

Touches the store, the DNS and, to see whether a domain leads here, the domain
itself. Called by the admin socket and by `pillarbox tracking`.
https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html
"""

from typing import Protocol

import msgspec

from pillarbox.delivery import tracking_keys
from pillarbox.kit.clock import Millis
from pillarbox.kit.dns import LookupFailed, Names, NotThere
from pillarbox.kit.errors import Invalid
from pillarbox.kit.net import AddressRefused, Answer, Outside, Unreachable
from pillarbox.kit.secrets import Keyring
from pillarbox.operate.desk import Desk
from pillarbox.store.engine import Store

_TIMEOUT_SECONDS = 10.0


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `works`, and what was found, for a person."""

    about: str
    works: bool
    found: str


class DomainReport(msgspec.Struct, frozen=True):
    """What was found about a domain; `https_policies` are those that its configuration sets can have."""

    domain: str
    findings: list[Finding]
    https_policies: list[str]


class Web(Protocol):
    """Makes requests; see kit/net.py."""

    async def request(self, method: str, url: str, *, headers: dict[str, str], timeout_seconds: float) -> Answer: ...


async def keys(store: Store, keyring: Keyring, now: Millis) -> dict[str, str]:
    """Return the keys that tracked links are verified with, in hex, by their numbers."""
    opened = await tracking_keys.opened(store, keyring, now)
    return {str(number): key.hex() for number, key in sorted(opened.items())}


async def check(desk: Desk, domain: str) -> DomainReport:
    """Look at a domain from here; Invalid when the settings name no host that it could lead to."""
    host = desk.premises.links_host if desk.premises else ""
    if not host:
        raise Invalid("set `tracking_url` or `public_url`: without it nobody else can reach this server by name")
    outside = Outside(desk.names)
    try:
        return await look(domain.lower().rstrip("."), host, desk.names, outside)
    finally:
        await outside.close()


async def look(domain: str, host: str, names: Names, web: Web) -> DomainReport:
    """Say whether a domain leads to `host` by the DNS, and whether this server answers there."""
    in_dns = await _in_dns(domain, host, names)
    by_http, by_https = [await _answers(domain, scheme, web) for scheme in ("http", "https")]
    policies = [
        *(["OPTIONAL"] if by_http.works else []),
        *(["REQUIRE", "REQUIRE_OPEN_ONLY"] if by_https.works else []),
    ]
    return DomainReport(domain, [in_dns, by_http, by_https], policies)


async def _in_dns(domain: str, host: str, names: Names) -> Finding:
    about = f"{domain} in the DNS"
    try:
        try:
            alias = await names.alias(domain)
        except NotThere:
            alias = ""
        if alias == host:
            return Finding(about, True, f"an alias (CNAME) of {host}")
        theirs, ours = set(await names.addresses(domain)), set(await names.addresses(host))
    except NotThere as missing:
        return Finding(about, False, f"{missing}; publish a CNAME to {host}")
    except LookupFailed as failure:
        return Finding(about, False, f"could not be asked: {failure}")
    shown = alias or ", ".join(sorted(map(str, theirs)))
    if theirs & ours:
        return Finding(about, True, f"leads to the same address as {host} ({shown})")
    return Finding(
        about, True, f"leads to {shown}, not to {host}: right for a proxy or CDN before it, which must pass Host"
    )


async def _answers(domain: str, scheme: str, web: Web) -> Finding:
    about, url = f"{domain} by {scheme}", f"{scheme}://{domain}/favicon.ico"
    try:
        answer = await web.request("GET", url, headers={}, timeout_seconds=_TIMEOUT_SECONDS)
    except (Unreachable, AddressRefused) as failure:
        return Finding(about, False, str(failure))
    told = {name.lower(): value for name, value in answer.headers.items()}
    if "x-amz-ses-region" not in told:
        return Finding(about, False, f"somebody else answers there ({answer.status})")
    if (seen := told.get("x-amz-ses-request-protocol", "")) != scheme:
        return Finding(about, True, f"answered, as {seen}: the proxy before it should send X-Forwarded-Proto")
    return Finding(about, True, "answered")
