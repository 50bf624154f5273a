"""The MAIL FROM domain of an identity, under which its mail takes bounces.

Plans. Called by api/ in both spellings; `of_sender` and `speaking` are for the
sending road, `is_used` is for what comes back.
https://docs.aws.amazon.com/ses/latest/dg/mail-from.html
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import identities, identity_dns, verification
from pillarbox.resources.identities import REJECT, USE_DEFAULT, Identity, MailFrom
from pillarbox.resources.identity_names import checked_domain, covering_names
from pillarbox.store.plan import Plan


class Asked(NamedTuple):
    """What is asked for; without a domain there shall be none, without a behavior the one that was or the default."""

    domain: str | None
    on_mx_failure: str | None
    service_domain: str
    at_once: bool  # dev mode: verified without a look at the DNS


def set_domain(scope: Scope, name: str, asked: Asked, now: Millis) -> Plan[Identity]:
    """Set the MAIL FROM domain, or clear it."""

    def edit(identity: Identity) -> Identity:
        if not asked.domain:
            return replace(identity, mail_from=None)
        domain = _checked(asked.domain, identity, asked)
        mail_from = identity.mail_from
        if mail_from is None or mail_from.domain != domain or mail_from.verification.status == verification.FAILED:
            begun = verification.succeeded(now) if asked.at_once else verification.started(now)
            mail_from = MailFrom(domain, USE_DEFAULT, begun)
        mail_from = replace(mail_from, on_mx_failure=asked.on_mx_failure or mail_from.on_mx_failure)
        return replace(identity, mail_from=mail_from, look_at=identity.look_at if asked.at_once else now)

    return (yield from identities.change(scope, name, edit, now))


def of_sender(scope: Scope, sender: str) -> Plan[MailFrom | None]:
    """Return the MAIL FROM domain set for mail from `sender`, verified or not: the most specific identity's.

    Where its `verification` does not say SUCCESS, `on_mx_failure` tells what is to happen.
    """
    for name in covering_names(sender):
        identity = yield from identities.get(scope, name)
        if identity is not None and identity.mail_from is not None:
            return identity.mail_from
    return None


def is_used(domain: str) -> Plan[bool]:
    """Say whether it is the verified MAIL FROM domain of any account's identity. Looks at all of them."""
    found = yield from identities.containing(domain)
    uses = (one.mail_from for one in found if one.mail_from is not None and one.mail_from.domain == domain)
    return any(one.verification.status == verification.SUCCESS for one in uses)


def speaking(found: Iterable[Identity]) -> MailFrom | None:
    """Return the MAIL FROM domain of a sender whose identities these are, the most specific one first."""
    return next((one.mail_from for one in found if one.mail_from is not None), None)


def forbids_sending(mail_from: MailFrom) -> bool:
    """Say whether nothing is to be sent because the domain is not, or no longer, set up.

    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MailFromAttributes.html
    """
    return mail_from.on_mx_failure == REJECT and mail_from.verification.status != verification.SUCCESS


def _checked(given: str, identity: Identity, asked: Asked) -> str:
    """Return the domain, or raise Invalid: it is a subdomain of the identity, and not the identity itself."""
    domain = checked_domain(given)
    parent = identity.name.rpartition("@")[2]
    if not domain.endswith(f".{parent}"):
        raise Invalid(
            f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <{parent}>."
        )
    if not asked.at_once and identity_dns.zone_of(asked.service_domain) is None:
        raise Invalid(
            f"A MAIL FROM domain is not supported by a server whose service_domain is {asked.service_domain}: its MX"
            " record would have no name to point to."
        )
    return domain
