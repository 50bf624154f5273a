"""What an identity may be called, and which identities speak for an address.

Pure. An identity is a domain (compared without regard to case) or an address
(whose local part is case-sensitive, its domain not).
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

import re
from functools import lru_cache
from typing import NamedTuple

from pillarbox.kit.addresses import InvalidAddress, parse_mailbox
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope

# https://www.rfc-editor.org/rfc/rfc1035#section-2.3.1 with the digits of RFC 1123, two labels at the least.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_LONGEST_DOMAIN = 253


class InvalidIdentity(Invalid):
    """Neither an address nor a domain that mail can be sent from."""


class Arn(NamedTuple):
    """The parts of an ARN that SES reads; `resource` is what stands after the last of its colons."""

    service: str
    scope: Scope
    resource: str


def canonical(name: str) -> str:
    """Return the one spelling under which an identity is kept."""
    local, at, domain = name.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def is_domain(name: str) -> bool:
    return "@" not in name


def checked(name: str) -> str:
    """Return the canonical name of an identity of either kind, or raise InvalidIdentity."""
    return checked_domain(name) if is_domain(name) else checked_address(name)


def checked_address(name: str) -> str:
    try:
        mailbox = parse_mailbox(name)
    except InvalidAddress:
        raise InvalidIdentity(f"Invalid email address<{name}>.") from None
    if mailbox.address != name or not _is_domain_name(mailbox.domain.lower()):
        raise InvalidIdentity(f"Invalid email address<{name}>.")
    return canonical(name)


def checked_domain(name: str) -> str:
    if not _is_domain_name(name.lower()):
        raise InvalidIdentity(f"Invalid domain name {name}.")
    return name.lower()


@lru_cache(maxsize=16_384)
def covering_names(address: str) -> tuple[str, ...]:
    """Return the identities that would cover an address, the most specific first: address, domain, its parents."""
    local, _, domain = address.rpartition("@")
    labels = domain.lower().split(".")
    parents = (".".join(labels[start:]) for start in range(len(labels)))
    return (f"{local}@{domain.lower()}", *parents)


def read_arn(text: str) -> Arn | None:
    """Take an ARN of a scoped resource apart, or return None when it is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not all(parts[1:]):
        return None
    _, _, service, region, account, resource = parts
    return Arn(service, Scope(account, region), resource)


def identity_arn(scope: Scope, name: str) -> str:
    """Return the ARN of an identity, by any spelling of its name."""
    return f"arn:aws:ses:{scope.region}:{scope.account}:identity/{canonical(name)}"


def _is_domain_name(text: str) -> bool:
    return len(text) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(text) is not None
