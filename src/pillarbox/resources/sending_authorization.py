"""The ARNs by which a caller says on whose authority it sends.

Plans. Every identity of the own account authorizes its own mail, so such an
ARN is only checked; another account's authority is not supported. Called by
api/ for SourceArn, FromArn, ReturnPathArn and their v2 spellings.
https://docs.aws.amazon.com/ses/latest/dg/sending-authorization.html
"""

from collections.abc import Mapping
from typing import NamedTuple

from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import identities
from pillarbox.resources.identity_names import Arn, canonical, covering_names, read_arn
from pillarbox.resources.unsupported import Unsupported
from pillarbox.store.plan import Plan

_RESOURCE = "identity/"


class Claim(NamedTuple):
    """An ARN with the member that it was given in, and the address that it should cover (None: not known here)."""

    member: str
    arn: str
    address: str | None


def claims(params: Mapping[str, str], members: Mapping[str, str | None]) -> list[Claim]:
    """Return what is claimed: `members` maps each ARN's name to the address that it goes with."""
    return [Claim(member, params[member], address) for member, address in members.items() if params.get(member)]


def check(scope: Scope, claimed: list[Claim]) -> Plan[None]:
    """Pass when every ARN names an identity of this account that covers its address, or raise why not."""
    for claim in claimed:
        parts = read_arn(claim.arn)
        if parts is None or parts.service != "ses" or not parts.resource.startswith(_RESOURCE):
            raise Invalid(f"Invalid value for {claim.member}: {claim.arn} is not the ARN of an identity.")
        yield from _check_own(scope, claim, parts)


def _check_own(scope: Scope, claim: Claim, parts: Arn) -> Plan[None]:
    if parts.scope.account != scope.account:
        raise Unsupported(f"Cross-account sending authorization is not supported: {claim.member} names {claim.arn}.")
    name = canonical(parts.resource.removeprefix(_RESOURCE))
    if parts.scope != scope or (yield from identities.get(scope, name)) is None:
        raise identities.IdentityMissing(f"Identity {claim.arn} does not exist.")
    if claim.address is not None and name not in covering_names(parse_mailbox(claim.address).address):
        raise Invalid(f"Invalid value for {claim.member}: {claim.arn} does not cover {claim.address}.")
