"""The events of SES as types: both forms, all ten kinds, and whatever members SES may add.

Pure values, made by parse.py. `extra` holds the members that have no name
here, as JSON gave them.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Extra = Mapping[str, Any]


class Kind(StrEnum):
    """What happened, as SES spells it."""

    SEND = "Send"
    REJECT = "Reject"
    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    DELIVERY = "Delivery"
    OPEN = "Open"
    CLICK = "Click"
    RENDERING_FAILURE = "Rendering Failure"
    DELIVERY_DELAY = "DeliveryDelay"
    SUBSCRIPTION = "Subscription"

    __hash__ = str.__hash__  # as of the text that it is equal to, and without a call of Python for each


class Form(StrEnum):
    """By which of its two mechanisms SES tells: an event destination, or the notification topic of an identity."""

    EVENT = "eventType"
    NOTIFICATION = "notificationType"

    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The message that an event is about, as far as SES tells of it: tags only in events, addresses of callers only in
    notifications, headers only where they are switched on."""

    timestamp: datetime
    message_id: str
    source: str = ""
    destination: tuple[str, ...] = ()
    source_arn: str | None = None
    sending_account_id: str | None = None
    source_ip: str | None = None
    caller_identity: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    headers_truncated: bool = False
    common_headers: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: Extra = field(default_factory=dict)

    @property
    def subject(self) -> str | None:
        subject = self.common_headers.get("subject")
        return subject if isinstance(subject, str) else None

    @property
    def configuration_set(self) -> str | None:
        return next(iter(self.tags.get("ses:configuration-set", ())), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """SES took the message and will try to deliver it."""

    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """SES found a virus in the message and did not try to deliver it."""

    reason: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The recipients' mail server took the message."""

    timestamp: datetime
    recipients: tuple[str, ...]
    smtp_response: str = ""
    processing_time_ms: int = 0
    reporting_mta: str = ""
    remote_mta_ip: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncedRecipient:
    """Only the address is certain; the rest is there when a mail server told it."""

    address: str
    action: str | None = None
    status: str | None = None
    diagnostic_code: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """The message will not reach these recipients; `bounce_type` is Permanent, Transient or Undetermined."""

    timestamp: datetime
    bounce_type: str
    bounce_subtype: str
    recipients: tuple[BouncedRecipient, ...]
    feedback_id: str
    reporting_mta: str | None = None
    remote_mta_ip: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Somebody called the message spam. `recipients` are all to whom that can apply: providers hide who it was."""

    timestamp: datetime
    recipients: tuple[str, ...]
    feedback_id: str
    subtype: str | None = None
    user_agent: str | None = None
    feedback_type: str | None = None
    arrival_date: datetime | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDelay:
    """SES goes on trying, until `expiration_time` at the latest."""

    timestamp: datetime
    delay_type: str
    recipients: tuple[BouncedRecipient, ...]
    expiration_time: datetime
    reporting_mta: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The message was opened, or something fetched its pixel."""

    timestamp: datetime
    ip_address: str = ""
    user_agent: str = ""
    is_bot_event: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A link in the message was followed."""

    timestamp: datetime
    link: str
    link_tags: Mapping[str, tuple[str, ...]] | None = None
    ip_address: str = ""
    user_agent: str = ""
    is_bot_event: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingFailure:
    """The template could not be filled; nothing is delivered."""

    template_name: str
    error_message: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPreferences:
    """`topics` maps a topic of the contact list to `OptIn` or `OptOut`."""

    unsubscribe_all: bool = False
    topics: Mapping[str, str] = field(default_factory=dict)
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A recipient changed what they want to receive."""

    timestamp: datetime
    contact_list: str
    source: str
    new_preferences: TopicPreferences
    old_preferences: TopicPreferences
    extra: Extra = field(default_factory=dict)


Detail = Send | Reject | Delivery | Bounce | Complaint | DeliveryDelay | Open | Click | RenderingFailure | Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class SesEvent:
    """One event. `happened_at` is its own time: when the link was followed, not when the mail was sent.

    Events come in any order and may come twice: take them by (`mail.message_id`, `kind`, `happened_at`, whom it is
    about), and never move a state back because an older fact came late. `raw` is the whole record.
    """

    kind: Kind
    form: Form
    happened_at: datetime
    mail: Mail
    detail: Detail
    raw: Mapping[str, Any] = field(repr=False)
    extra: Extra = field(default_factory=dict)

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses that the event is about: those it names, or every one of the message."""
        named = getattr(self.detail, "recipients", None)
        if named is None:
            return self.mail.destination
        return tuple(one.address if isinstance(one, BouncedRecipient) else one for one in named)
