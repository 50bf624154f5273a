"""What may be sent: the checks that every draft passes, in this order.

Pure. `CHECKS` is read by accept; each check returns the reason to refuse, as
the exception that the doors translate, or None. Texts are those of SES where
they are known.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pillarbox.kit.errors import Invalid, Refusal
from pillarbox.kit.ids import Scope
from pillarbox.kit.simulated import is_simulated
from pillarbox.resources.configuration_sets import ConfigurationSetMissing

MOST_RECIPIENTS = 50
MOST_TAGS = 50
_TAG_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_\-.@]+")
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html
_RESERVED_TAGS = ("ses:feedback-id-a", "ses:feedback-id-b")


class InvalidMessage(Invalid):
    """A value of the message is not acceptable."""


class MessageRejected(Refusal):
    """The message as a whole cannot be sent."""


class NotVerified(MessageRejected):
    """An address that must be verified is not."""


class AccountPaused(Refusal):
    """Sending is switched off for the account."""


class ConfigurationSetPaused(Refusal):
    """Sending is switched off for the configuration set."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Email sending is disabled for configuration set <{name}>.")
        self.members = {"ConfigurationSetName": name}


class RateExceeded(Refusal):
    """More recipients a second than the account may address."""


class DailyQuotaExceeded(Refusal):
    """More recipients in 24 hours than the account may address."""


@dataclass(slots=True, frozen=True)
class Prepared:
    """A draft whose message and envelope are read: what the checks look at.

    `must_be_verified` are the addresses (as given, with their bare form) that
    speak in somebody's name: From, Source, Sender, Return-Path.
    """

    scope: Scope
    raw: bytes
    size_limit: int
    recipients: tuple[str, ...]
    must_be_verified: Mapping[str, tuple[str, ...]]  # as written -> names of identities that would cover it
    configuration_set: str | None
    tags: tuple[tuple[str, str], ...]


@dataclass(slots=True, frozen=True)
class Standing:
    """What the account may do now, as far as this draft needs to know."""

    verified: frozenset[str]
    any_sender: bool
    account_sends: bool
    configuration_set_exists: bool
    configuration_set_sends: bool
    sandbox: bool
    recipient_covers: Mapping[str, tuple[str, ...]]


Check = Callable[[Prepared, Standing], Refusal | None]


def there_are_recipients(prepared: Prepared, _: Standing) -> Refusal | None:
    if not prepared.recipients:
        return InvalidMessage("There are no recipients specified")
    # https://docs.aws.amazon.com/ses/latest/dg/quotas.html
    if len(prepared.recipients) > MOST_RECIPIENTS:
        return InvalidMessage(f"Recipient count exceeds {MOST_RECIPIENTS}.")
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


def sending_is_on(prepared: Prepared, standing: Standing) -> Refusal | None:
    if not standing.account_sends:
        return AccountPaused(f"Email sending is disabled for account {prepared.scope.account}.")
    if prepared.configuration_set and not standing.configuration_set_sends:
        return ConfigurationSetPaused(prepared.configuration_set)
    return None


def senders_are_verified(prepared: Prepared, standing: Standing) -> Refusal | None:
    if standing.any_sender:
        return None
    failed = [written for written, names in prepared.must_be_verified.items() if standing.verified.isdisjoint(names)]
    return _not_verified(failed, prepared.scope) if failed else None


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
    sending_is_on,
    senders_are_verified,
    sandboxed_recipients_are_verified,
)
# What can be told before it is known who receives what.
CHECKS_OF_THE_SENDER: tuple[Check, ...] = (
    tags_are_well_formed,
    the_configuration_set_exists,
    sending_is_on,
    senders_are_verified,
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


def _not_verified(failed: list[str], scope: Scope) -> NotVerified:
    return NotVerified(
        "Email address is not verified. The following identities failed the check in region "
        f"{scope.region.upper()}: {', '.join(failed)}"
    )
