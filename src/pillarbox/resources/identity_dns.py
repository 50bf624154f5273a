"""Which DNS records an identity asks for, and what it means when they are there or not.

Pure. upkeep/identity_checks.py looks the records up; operate/ prints them for
people. Without a service domain that is in the DNS nothing can point at it, so
the keys of Easy DKIM are then published as TXT records of the domain itself.
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

from typing import NamedTuple

OWNERSHIP, DKIM, MAIL_FROM = "ownership", "dkim", "mail from"
# https://www.rfc-editor.org/rfc/rfc6761#section-6.3 (such names are never asked for in the DNS)
_NEVER_IN_DNS = ".localhost"

# The ErrorType of AWS's VerificationInfo.
DNS_SERVER_ERROR, HOST_NOT_FOUND, TYPE_NOT_FOUND, INVALID_VALUE = (
    "DNS_SERVER_ERROR",
    "HOST_NOT_FOUND",
    "TYPE_NOT_FOUND",
    "INVALID_VALUE",
)


class Wanted(NamedTuple):
    """One record that is to be published, and what for."""

    purpose: str
    name: str
    type: str  # TXT, CNAME or MX
    value: str


class Answer(NamedTuple):
    """What the DNS holds under the name and type of one wanted record; `error` says why there is nothing."""

    values: tuple[str, ...] = ()
    error: str = ""


def zone_of(service_domain: str) -> str | None:
    """Return the operator's domain if it can be in the DNS."""
    return None if f".{service_domain}".endswith(_NEVER_IN_DNS) else service_domain


def signing_zone(service_domain: str) -> str | None:
    """Return where the CNAME records of Easy DKIM lead to: AWS's SigningHostedZone."""
    zone = zone_of(service_domain)
    return f"dkim.{zone}" if zone else None
