"""What may be sent: the checks that every draft passes, in this order.

Pure. `CHECKS` is read by accept; each check returns the reason to refuse, as
the exception that the doors translate, or None. Texts are those of SES where
they are known.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Denied, Invalid, NotFound, Refusal
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Decision, Policy
from pillarbox.kit.simulated import is_simulated
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.resources.contact_lists import ContactList
from pillarbox.resources.identities import IdentityMissing
from pillarbox.resources.identity_names import identity_arn
from pillarbox.resources.sending_authorization import Claim, Owner
from pillarbox.sending.authorization import Asking
from pillarbox.sending.list_management import ListManagement, reason_against

MOST_RECIPIENTS = 50
MOST_TAGS = 50
_TAG_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_\-.@]+")
NOWHERE: Mapping[str, str] = MappingProxyType({})
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html
_RESERVED_TAGS = ("ses:feedback-id-a", "ses:feedback-id-b")


class InvalidMessage(Invalid):
    """A value of the message is not acceptable."""


class MessageRejected(Refusal):
    """The message as a whole cannot be sent."""


class NotVerified(MessageRejected):
    """An address that must be verified is not."""


class MailFromNotVerified(MessageRejected):
    """The MAIL FROM domain is not verified, and its identity wants no mail sent without it."""

    def __init__(self, domain: str) -> None:
        super().__init__(f"MAIL FROM domain is not verified: {domain}")


class PoolGone(MessageRejected):
    """The configuration set names a pool that is not there any more."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Sending pool <{name}> does not exist.")


class AccountPaused(Refusal):
    """Sending is switched off for the account."""


class TenantPaused(AccountPaused):
    """Sending is switched off for the tenant."""


class TenantUnknown(NotFound):
    """There is no tenant of that name to send for."""


class ConfigurationSetPaused(Refusal):
    """Sending is switched off for the configuration set."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Email sending is disabled for configuration set <{name}>.")
        self.members = {"ConfigurationSetName": name}


class RateExceeded(Refusal):
    """More recipients a second than the account may address."""

    def __init__(self, why: str = "Maximum sending rate exceeded.", until: Millis = 0) -> None:
        super().__init__(why)
        self.until = until


class DailyQuotaExceeded(Refusal):
    """More recipients in 24 hours than the account may address."""


class Prepared(msgspec.Struct, frozen=True):
    """A draft whose message and envelope are read: what the checks look at.

    `must_be_verified` are the addresses (as given, with their bare form) that
    speak in somebody's name: From, Source, Sender, Return-Path.
    """

    scope: Scope
    raw: bytes
    size_limit: int
    recipients: tuple[str, ...]
    must_be_verified: Mapping[str, tuple[str, ...]]  # as written -> names of identities that would cover it
    asking: Asking
    configuration_set: str | None
    tags: tuple[tuple[str, str], ...]
    list_management: ListManagement | None = None
    tenant: str = ""


@dataclass(slots=True, frozen=True)
class TenantStanding:
    """Whether a tenant may send, and which resources of the send are none of its own, by ARN."""

    sends: bool
    lacks: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Standing:
    """What the account may do now, as far as this draft needs to know.

    With `splits` each recipient gets a message of their own. `owners` are the
    identities on whose authority it is sent, by ARN; `policies` those of the
    account's own identities that have any; `elsewhere` tells in which other region
    an identity is verified that is not in this one. `daily_limit` is how many
    recipients the account may address in 24 hours, `rate` how many in a second (None:
    any number), and `pool` the addresses that its mail leaves from. `mail_from_lacks` is
    the MAIL FROM domain without which nothing may be sent, and which is not verified.
    """

    verified: frozenset[str]
    any_sender: bool
    account_sends: bool
    configuration_set_exists: bool
    configuration_set_sends: bool
    sandbox: bool
    recipient_covers: Mapping[str, tuple[str, ...]]
    owners: Mapping[str, Owner] = field(default_factory=dict)
    policies: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    now: Millis = 0
    most_recipients: int = MOST_RECIPIENTS
    splits: bool = False
    contact_list: ContactList | None = None
    tenant: TenantStanding | None = None
    daily_limit: int | None = None
    rate: float | None = None
    pool: str = ""
    pool_exists: bool = True
    mail_from_lacks: str = ""


Check = Callable[[Prepared, Standing], Refusal | None]


def there_are_recipients(prepared: Prepared, standing: Standing) -> Refusal | None:
    if not prepared.recipients:
        return InvalidMessage("There are no recipients specified")
    # https://docs.aws.amazon.com/ses/latest/dg/quotas.html
    if len(prepared.recipients) > standing.most_recipients:
        return InvalidMessage(f"Recipient count exceeds {standing.most_recipients}.")
    return None


def it_is_not_too_long(prepared: Prepared, _: Standing) -> Refusal | None:
    size = len(prepared.raw)
    if size > prepared.size_limit:
        return InvalidMessage(f"Message length is more than {prepared.size_limit} bytes long: '{size}'.")
    return None


def tags_are_well_formed(prepared: Prepared, _: Standing) -> Refusal | None:
    for name, value in prepared.tags:
        if reason := _why_not_tag(name, value):
            return InvalidMessage(reason)
    if len(prepared.tags) > MOST_TAGS:
        return InvalidMessage(f"Tag count exceeds {MOST_TAGS}.")
    return None


def the_configuration_set_exists(prepared: Prepared, standing: Standing) -> Refusal | None:
    if prepared.configuration_set and not standing.configuration_set_exists:
        return ConfigurationSetMissing(prepared.configuration_set)
    return None


def the_contact_list_exists(prepared: Prepared, standing: Standing) -> Refusal | None:
    asked = prepared.list_management
    return reason_against(asked, standing.contact_list) if asked else None


def the_tenant_exists(prepared: Prepared, standing: Standing) -> Refusal | None:
    if prepared.tenant and standing.tenant is None:
        return TenantUnknown(f"Tenant {prepared.tenant} for AwsAccountId {prepared.scope.account} not found.")
    return None


def the_tenant_may_use_it(_: Prepared, standing: Standing) -> Refusal | None:
    """What is sent for a tenant is sent with the identity, configuration set and template that it was given."""
    if standing.tenant is None or not standing.tenant.lacks:
        return None
    return Denied(f"Tenant not associated with resources [{', '.join(standing.tenant.lacks)}].")


def sending_is_on(prepared: Prepared, standing: Standing) -> Refusal | None:
    if not standing.account_sends:
        return AccountPaused(f"Email sending is disabled for account {prepared.scope.account}.")
    if prepared.configuration_set and not standing.configuration_set_sends:
        return ConfigurationSetPaused(prepared.configuration_set)
    if standing.tenant is not None and not standing.tenant.sends:
        return TenantPaused(f"Email sending is disabled for tenant <{prepared.tenant}>.")
    return None


def the_key_may_send(prepared: Prepared, standing: Standing) -> Refusal | None:
    """What the scope of the caller's key says; it may name any identity that covers the address."""
    asking = prepared.asking
    if asking.grants is None:
        return None
    for _, names in _unclaimed(prepared):
        known = [name for name in names if name in standing.verified] or names[:1]
        arns = [identity_arn(prepared.scope, name) for name in known]
        if not asking.granted(arns, standing.now):
            return asking.denial(arns[0])
    return next((asking.denial(one.arn) for one in asking.claims if not asking.granted([one.arn], standing.now)), None)


def identities_permit_it(prepared: Prepared, standing: Standing) -> Refusal | None:
    """What the policies of identities say: another account's must allow it, one's own must not deny it."""
    asking = prepared.asking
    for claim in asking.claims:
        if reason := _why_not_on_behalf(claim, prepared, standing):
            return reason
    if not standing.policies:
        return None
    for _, names in _unclaimed(prepared):
        for name in names:
            if policies := standing.policies.get(name):
                arn = identity_arn(prepared.scope, name)
                if asking.decide(policies, arn, standing.now) is Decision.DENIED:
                    return asking.denial(arn)
    return None


def _why_not_on_behalf(claim: Claim, prepared: Prepared, standing: Standing) -> Refusal | None:
    owner = standing.owners.get(claim.arn)
    if owner and not prepared.recipients and any(policy.asks_for("ses:recipients") for policy in owner.policies):
        return None  # of a bulk send, whose entries are asked one by one
    asking = prepared.asking
    if claim.owner == prepared.scope:
        if owner is None:
            return IdentityMissing(f"Identity {claim.arn} does not exist.")
        if asking.decide(owner.policies, claim.arn, standing.now) is Decision.DENIED:
            return asking.denial(claim.arn)
    # Whether a stranger's identity exists is told only to those whom it allows something.
    elif owner is None or asking.decide(owner.policies, claim.arn, standing.now) is not Decision.ALLOWED:
        return asking.denial(claim.arn)
    return None if owner.verified or standing.any_sender else _not_verified([claim.written], prepared.scope)


def _unclaimed(prepared: Prepared) -> Collection[tuple[str, tuple[str, ...]]]:
    """Return the addresses that the account's own identities must speak for."""
    if not prepared.asking.claims:
        return prepared.must_be_verified.items()
    claimed = {claim.written for claim in prepared.asking.claims}
    return [(written, names) for written, names in prepared.must_be_verified.items() if written not in claimed]


def senders_are_verified(prepared: Prepared, standing: Standing) -> Refusal | None:
    if standing.any_sender:
        return None
    failed = {written: names for written, names in _unclaimed(prepared) if standing.verified.isdisjoint(names)}
    if not failed:
        return None
    asked = {name for names in failed.values() for name in names}
    there = {name: region for name, region in standing.elsewhere.items() if name in asked}
    return _not_verified(list(failed), prepared.scope, there)


def the_mail_from_domain_is_verified(_: Prepared, standing: Standing) -> Refusal | None:
    return MailFromNotVerified(standing.mail_from_lacks) if standing.mail_from_lacks else None


def the_pool_exists(_: Prepared, standing: Standing) -> Refusal | None:
    return None if standing.pool_exists else PoolGone(standing.pool)


def sandboxed_recipients_are_verified(prepared: Prepared, standing: Standing) -> Refusal | None:
    if not standing.sandbox:
        return None
    failed = [
        address
        for address in prepared.recipients
        if not is_simulated(address) and standing.verified.isdisjoint(standing.recipient_covers[address])
    ]
    return _not_verified(failed, prepared.scope) if failed else None


CHECKS: tuple[Check, ...] = (
    there_are_recipients,
    it_is_not_too_long,
    tags_are_well_formed,
    the_configuration_set_exists,
    the_contact_list_exists,
    the_tenant_exists,
    sending_is_on,
    the_key_may_send,
    identities_permit_it,
    senders_are_verified,
    the_mail_from_domain_is_verified,
    the_tenant_may_use_it,
    the_pool_exists,
    sandboxed_recipients_are_verified,
)
# What can be told before it is known who receives what.
CHECKS_OF_THE_SENDER: tuple[Check, ...] = (
    tags_are_well_formed,
    the_configuration_set_exists,
    the_contact_list_exists,
    the_tenant_exists,
    sending_is_on,
    the_key_may_send,
    identities_permit_it,
    senders_are_verified,
    the_mail_from_domain_is_verified,
    the_tenant_may_use_it,
)


def _why_not_tag(name: str, value: str) -> str | None:
    if not name:
        return "The tag name must be specified."
    if len(name) > 255:
        return "Tag name cannot exceed 255 characters."
    if not _TAG_NAME.fullmatch(name) and name not in _RESERVED_TAGS:
        return f"Invalid tag name <{name}>: only alphanumeric ASCII characters, '_',  '-' are allowed."
    if not value:
        return "The tag value must be specified."
    if len(value) > 255:
        return "Tag value cannot exceed 255 characters."
    if not _TAG_VALUE.fullmatch(value):
        return f"Invalid tag value <{value}>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed."
    if name.startswith("pillarbox-"):
        return f"Invalid tag name <{name}>: this server knows no such instruction."
    return None


def _not_verified(failed: list[str], scope: Scope, elsewhere: Mapping[str, str] = NOWHERE) -> NotVerified:
    hints = "".join(f". {name} is verified in region {region.upper()}" for name, region in elsewhere.items())
    return NotVerified(
        "Email address is not verified. The following identities failed the check in region "
        f"{scope.region.upper()}: {', '.join(failed)}{hints}"
    )
