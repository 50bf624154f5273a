"""Which DNS records an identity asks for, and what it means when they are there or not.

Pure. upkeep/identity_checks.py looks the records up; operate/ prints them for
people. Without a service domain that is in the DNS nothing can point at it, so
the keys of Easy DKIM are then published as TXT records of the domain itself.
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from pillarbox.kit.clock import Millis
from pillarbox.resources.dkim_keys import ACTIVE, ED25519, RETIRED, StoredKey
from pillarbox.resources.identities import DEV_MODE, DNS, EASY, OPERATOR, Identity
from pillarbox.resources.verification import Seen, Verdict, after, look_again_at

OWNERSHIP, DKIM, NEXT_DKIM, SECOND_DKIM = "ownership", "dkim", "next dkim key", "second dkim key"
MAIL_FROM, SPF = "mail from", "spf"
_VOUCHED = (OPERATOR, DEV_MODE)
# https://www.rfc-editor.org/rfc/rfc6761#section-6.3 (such names are never asked for in the DNS)
_NEVER_IN_DNS = ".localhost"
_PUBLIC_KEY = re.compile(r"(?:^|;)\s*p\s*=([^;]*)")

# The ErrorType of AWS's VerificationInfo.
DNS_SERVER_ERROR, INVALID_VALUE = "DNS_SERVER_ERROR", "INVALID_VALUE"
HOST_NOT_FOUND, TYPE_NOT_FOUND = "HOST_NOT_FOUND", "TYPE_NOT_FOUND"


class Site(NamedTuple):
    """The operator's own domain, and the region that an identity is in."""

    service_domain: str
    region: str

    @property
    def exchanger(self) -> str:
        """Where a MAIL FROM domain takes its bounces."""
        return f"feedback-smtp.{self.region}.{self.service_domain}"


class Wanted(NamedTuple):
    """One record that is to be published, and what for."""

    purpose: str
    name: str
    type: str  # TXT, CNAME or MX
    value: str


class Answer(NamedTuple):
    """What the DNS holds under the name and type of one wanted record; `error` is the ErrorType when there is nothing.

    `why` says it to people.
    """

    values: tuple[str, ...] = ()
    error: str = ""
    why: str = ""


Answers = Mapping[Wanted, Answer]


def zone_of(service_domain: str) -> str | None:
    """Return the operator's domain if it can be in the DNS."""
    return None if f".{service_domain}".endswith(_NEVER_IN_DNS) else service_domain


def signing_zone(service_domain: str) -> str | None:
    """Return where the CNAME records of Easy DKIM lead to: AWS's SigningHostedZone."""
    zone = zone_of(service_domain)
    return f"dkim.{zone}" if zone else None


def wanted_by(identity: Identity, keys: Iterable[StoredKey], site: Site) -> list[Wanted]:
    """Return the records that the owner of an identity is to publish."""
    found: list[Wanted] = []
    if identity.is_domain:
        found.append(Wanted(OWNERSHIP, f"_amazonses.{identity.name}", "TXT", identity.verification_token))
        found += _dkim_wanted(identity, keys, site)
    if identity.mail_from is not None and zone_of(site.service_domain):
        domain = identity.mail_from.domain
        found.append(Wanted(MAIL_FROM, domain, "MX", f"10 {site.exchanger}"))
        found.append(Wanted(SPF, domain, "TXT", f"v=spf1 include:{site.service_domain} ~all"))
    return found


def _dkim_wanted(identity: Identity, keys: Iterable[StoredKey], site: Site) -> list[Wanted]:
    if not identity.dkim.started:
        return []
    zone = signing_zone(site.service_domain) if identity.dkim.origin == EASY else None
    aliases = [(f"{token}._domainkey.{identity.name}", f"{token}.{zone}") for token in identity.dkim.tokens if zone]
    # What the aliases lead to is published by the operator.
    direct = [record_of(key) for key in keys if key.state != RETIRED and (zone is None or key.algorithm == ED25519)]
    return [Wanted(DKIM, name, "CNAME", target) for name, target in aliases] + direct


def record_of(key: StoredKey) -> Wanted:
    """Return the record by which receivers find a key, wherever it is published."""
    purpose = SECOND_DKIM if key.algorithm == ED25519 else DKIM if key.state == ACTIVE else NEXT_DKIM
    return Wanted(purpose, key.record_name, "TXT", key.record)


def verdict_on(wanted: Wanted, answer: Answer) -> Verdict:
    """Say whether a record is there as it is wanted."""
    if answer.error:
        return Verdict(Seen.UNANSWERED if answer.error == DNS_SERVER_ERROR else Seen.MISSING, answer.error)
    fits = _FITS.get(wanted.purpose, _is_among)
    return Verdict(Seen.FOUND) if fits(wanted.value, answer.values) else Verdict(Seen.MISSING, INVALID_VALUE)


def _is_among(wanted: str, values: Sequence[str]) -> bool:
    return wanted.lower() in (value.lower() for value in values)


def _is_token(wanted: str, values: Sequence[str]) -> bool:
    return wanted in (value.strip() for value in values)


def _is_key(wanted: str, values: Sequence[str]) -> bool:
    """Compare a CNAME, or of TXT records the public keys: the rest may be written in many ways."""
    key = _public_key(wanted)
    return _is_among(wanted, values) if key is None else key in map(_public_key, values)


def _public_key(record: str) -> str | None:
    found = _PUBLIC_KEY.search(record)
    return "".join(found[1].split()) if found else None


def _is_only(wanted: str, values: Sequence[str]) -> bool:
    """A MAIL FROM domain has this exchanger and no other; its preference does not matter then."""
    return [value.split()[-1] for value in values] == [wanted.split()[-1]]


def _includes(wanted: str, values: Sequence[str]) -> bool:
    _, include, _ = wanted.split()
    policies = [value.lower().split() for value in values if value.lower().startswith("v=spf1")]
    # https://www.rfc-editor.org/rfc/rfc7208#section-4.5 (more than one policy is an error)
    return len(policies) == 1 and include.lower() in policies[0]


_FITS = {
    OWNERSHIP: _is_token,
    DKIM: _is_key,
    NEXT_DKIM: _is_key,
    SECOND_DKIM: _is_key,
    MAIL_FROM: _is_only,
    SPF: _includes,
}


def after_look(identity: Identity, answers: Answers, now: Millis) -> Identity:
    """Return what becomes of an identity after one look at its records, and when to look again."""
    verdicts = {wanted: verdict_on(wanted, answer) for wanted, answer in answers.items()}
    dkim = _all_of(verdicts, DKIM)
    identity = _after_ownership(identity, _ownership(_all_of(verdicts, OWNERSHIP), dkim), now)
    if dkim is not None:
        signing = replace(identity.dkim, verification=after(identity.dkim.verification, dkim, now))
        identity = replace(identity, dkim=signing)
    exchanger = _all_of(verdicts, MAIL_FROM)
    if exchanger is not None and identity.mail_from is not None:
        mail_from = identity.mail_from
        mail_from = replace(mail_from, verification=after(mail_from.verification, exchanger, now))
        identity = replace(identity, mail_from=mail_from)
    return replace(identity, look_at=_look_at(identity, now))


def _after_ownership(identity: Identity, verdict: Verdict | None, now: Millis) -> Identity:
    if verdict is None or (identity.verified and identity.verified_by in _VOUCHED):
        return identity
    verified_by = DNS if verdict.seen is Seen.FOUND else identity.verified_by
    return replace(identity, verification=after(identity.verification, verdict, now), verified_by=verified_by)


def _ownership(token: Verdict | None, dkim: Verdict | None) -> Verdict | None:
    """A domain is its account's by the token, or by DKIM alone.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#verify-domain-procedure
    """
    verdicts = [verdict for verdict in (dkim, token) if verdict is not None]
    for seen in (Seen.FOUND, Seen.UNANSWERED):
        for verdict in verdicts:
            if verdict.seen is seen:
                return verdict
    return verdicts[0] if verdicts else None


def _all_of(verdicts: Mapping[Wanted, Verdict], purpose: str) -> Verdict | None:
    """Return the worst verdict on the records of one purpose, or None when there are none."""
    order = (Seen.MISSING, Seen.UNANSWERED, Seen.FOUND)
    found = [verdict for wanted, verdict in verdicts.items() if wanted.purpose == purpose]
    return min(found, key=lambda verdict: order.index(verdict.seen)) if found else None


def _look_at(identity: Identity, now: Millis) -> Millis | None:
    lives = [identity.dkim.verification]
    if identity.is_domain and identity.verified_by not in _VOUCHED:
        lives.append(identity.verification)
    if identity.mail_from is not None:
        lives.append(identity.mail_from.verification)
    times = [at for at in (look_again_at(life, now) for life in lives) if at is not None]
    return min(times, default=None)
