"""The ARNs by which a caller says on whose authority it speaks, and what their owners allow.

Pure but for `owners`, a plan. An identity authorizes its own account's mail
unless a policy denies it, and other accounts' as far as its policies allow.
Called by sending/: envelope reads claims, standing looks the owners up.
https://docs.aws.amazon.com/ses/latest/dg/sending-authorization.html
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Policy
from pillarbox.resources import identities, identity_policies
from pillarbox.resources.identity_names import canonical, covering_names, read_arn
from pillarbox.store.plan import Plan

_RESOURCE = "identity/"


class Given(NamedTuple):
    """An ARN, and the member or the header that it was given in."""

    member: str
    arn: str


class OnBehalf(NamedTuple):
    """The ARNs of a send. That of the source goes for author and return path where these have none of their own."""

    source: Given | None = None
    author: Given | None = None
    return_path: Given | None = None

    def or_else(self, other: "OnBehalf") -> "OnBehalf":
        return OnBehalf(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


IN_OWN_NAME = OnBehalf()


class Claim(NamedTuple):
    """That an identity speaks for an address of the message, which is `written` so."""

    written: str
    arn: str
    owner: Scope
    identity: str


class Owner(NamedTuple):
    """The identity that a claim names, as its owner has it now."""

    verified: bool
    policies: tuple[Policy, ...]


def given(params: Mapping[str, str], member: str) -> Given | None:
    return Given(member, params[member]) if params.get(member) else None


def from_headers(control: Mapping[str, str]) -> OnBehalf:
    """Read the X-SES-*-ARN headers of a message, which are by lower-case name."""
    names = ("X-SES-SOURCE-ARN", "X-SES-FROM-ARN", "X-SES-RETURN-PATH-ARN")
    return OnBehalf(*(Given(name, found) if (found := control.get(name.lower())) else None for name in names))


def claim(here: Scope, on_behalf: OnBehalf, role: str, written: str, address: str) -> Claim | None:
    """Return what is claimed for an address in its role, or None; raise Invalid when the ARN cannot speak for it."""
    own: Given | None = getattr(on_behalf, role)
    said = own or on_behalf.source
    if said is None:
        return None
    parts = read_arn(said.arn)
    if parts is None or parts.service != "ses" or not parts.resource.startswith(_RESOURCE):
        raise Invalid(f"Invalid value for {said.member}: {said.arn} is not the ARN of an identity.")
    if parts.scope.region != here.region:
        raise Invalid(
            f"Invalid value for {said.member}: {said.arn} is an identity of region {parts.scope.region}, and the "
            f"request is for region {here.region}."
        )
    identity = canonical(parts.resource.removeprefix(_RESOURCE))
    if identity not in covering_names(address):
        if own is None and role != "source":
            return None  # the source's ARN was not meant for this one: it needs a verified identity of its own
        raise Invalid(f"Invalid value for {said.member}: {said.arn} does not cover {address}.")
    return Claim(written, said.arn, parts.scope, identity)


def owners(claims: Iterable[Claim]) -> Plan[dict[str, Owner]]:
    """Return the identities that are claimed, by ARN, as far as they exist."""
    found = {}
    for one in claims:
        identity = yield from identities.get(one.owner, one.identity)
        if identity is not None:
            policies = yield from identity_policies.in_force(one.owner, one.identity)
            found[one.arn] = Owner(identity.verified, policies)
    return found
