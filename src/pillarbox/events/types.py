"""The ten kinds of event, defined once.

Pure. Everything that records, tells, counts or shows an event takes its name
and its members from here; events/shapes.py spells them as SES does.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, get_args

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope

# The subtype of a bounce or complaint for which nothing was sent, by a rule of the sending side.
ON_GLOBAL_LIST = "Suppressed"
ON_ACCOUNT_LIST = "OnAccountSuppressionList"
ON_TENANT_LIST = "OnTenantSuppressionList"
UNSUBSCRIBED = "UnsubscribedRecipient"


class Kind(StrEnum):
    """The value is what SES writes as `eventType`."""

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


class BouncedRecipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """`status` is an enhanced code (RFC 3463); `diagnostic_code` begins with `smtp;` as in a DSN."""

    address: str
    action: str | None = None
    status: str | None = None
    diagnostic_code: str | None = None


class Send(msgspec.Struct, frozen=True, tag=Kind.SEND.value):
    """The call was accepted; this covers every recipient."""


class Reject(msgspec.Struct, frozen=True, tag=Kind.REJECT.value):
    """The mail carries something that is never delivered."""

    reason: str = "Bad content"


class Delivery(msgspec.Struct, frozen=True, tag=Kind.DELIVERY.value, omit_defaults=True):
    """The next hop took the mail for `recipients`; `processing_ms` counts from acceptance.

    `with_pixel` and `with_links` say what of it is told when it is opened or clicked.
    """

    recipients: list[str]
    smtp_response: str
    processing_ms: int
    reporting_mta: str
    remote_mta_ip: str | None = None
    transport: str = ""
    with_pixel: bool = False
    with_links: bool = False


class Bounce(msgspec.Struct, frozen=True, tag=Kind.BOUNCE.value, omit_defaults=True):
    """The mail will not reach these recipients. Types and subtypes are those of SES."""

    bounce_type: str
    bounce_subtype: str
    recipients: list[BouncedRecipient]
    feedback_id: str
    reporting_mta: str | None = None
    remote_mta_ip: str | None = None


class Complaint(msgspec.Struct, frozen=True, tag=Kind.COMPLAINT.value, omit_defaults=True):
    """A recipient called the mail spam; `arrived_at` is when the complaint reached their provider."""

    recipients: list[str]
    feedback_id: str
    subtype: str | None = None
    user_agent: str | None = None
    feedback_type: str | None = None
    arrived_at: Millis | None = None


class DeliveryDelay(msgspec.Struct, frozen=True, tag=Kind.DELIVERY_DELAY.value, omit_defaults=True):
    """These recipients are tried again, until `expires_at` at the latest."""

    delay_type: str
    expires_at: Millis
    recipients: list[BouncedRecipient]
    reporting_mta: str | None = None


class RenderingFailure(msgspec.Struct, frozen=True, tag=Kind.RENDERING_FAILURE.value):
    """The template could not be filled with the data; nothing is delivered."""

    template_name: str
    error_message: str


class Open(msgspec.Struct, frozen=True, tag=Kind.OPEN.value, omit_defaults=True):
    """The pixel was fetched.

    `recipient` is who opened it, where the copy was theirs alone; `automated` says why it looks like a program.
    """

    ip_address: str
    user_agent: str
    is_bot_event: str | None = None
    automated: str | None = None
    recipient: str | None = None


class Click(msgspec.Struct, frozen=True, tag=Kind.CLICK.value, omit_defaults=True):
    """A link was followed; `recipient` and `automated` are as with an open."""

    ip_address: str
    user_agent: str
    link: str
    link_tags: dict[str, list[str]] | None = None
    is_bot_event: str | None = None
    automated: str | None = None
    recipient: str | None = None


class TopicPreferences(msgspec.Struct, frozen=True):
    """`statuses` maps a topic of the contact list to `OptIn` or `OptOut`."""

    unsubscribe_all: bool
    statuses: dict[str, str]


class Subscription(msgspec.Struct, frozen=True, tag=Kind.SUBSCRIPTION.value):
    """A recipient changed what they want to receive."""

    contact_list: str
    source: str
    new_preferences: TopicPreferences
    old_preferences: TopicPreferences


Fact = Send | Reject | Delivery | Bounce | Complaint | DeliveryDelay | RenderingFailure | Open | Click | Subscription

_KIND_OF: Mapping[type, Kind] = {fact: Kind(str(fact.__struct_config__.tag)) for fact in get_args(Fact)}
_write_fact = msgspec.json.Encoder().encode
_read_fact: Callable[[str], Fact] = msgspec.json.Decoder(Fact).decode


class Event(msgspec.Struct, frozen=True):
    """One fact about one message.

    `happened_at` is the fact's own time, which a stranger may have told;
    `recorded_at` is ours. `event_id` is made from what makes the fact the same
    fact, so that telling it twice records it once.
    """

    event_id: str
    scope: Scope
    message_id: str
    happened_at: Millis
    recorded_at: Millis
    fact: Fact

    @property
    def kind(self) -> Kind:
        return kind_of(self.fact)


class MailFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a message when it is accepted: the `mail` object of its events.

    `headers` are as the sender gave them (for composed mail: as composed),
    before Date and Message-ID are set; `tags` are the sender's and SES's own.
    `return_path` is where feedback goes by mail: empty for mail of the service
    itself, which leaves with the null path. `source_arn` is the identity of another
    account on whose authority it was sent, and `tenant` for whom, if there is one;
    `pool` names the addresses that it leaves from, where its sender chose some, and
    `template` the stored template that it was made with, if it was.
    A `witnessed` message was sent by others through an upstream, which tells whoever listens to it; what it tells
    us goes on to destinations of ours only when it is `republished`. `opens` and `clicks` are what was said of
    this message about tracking them, None where its configuration set decides.
    """

    sender: str
    sender_address: str
    source_identity: str | None
    source_ip: str
    caller_identity: str
    recipients: list[str]
    headers: list[tuple[str, str]]
    headers_truncated: bool
    tags: dict[str, list[str]]
    return_path: str
    templated: bool = False
    source_arn: str = ""
    only_to: str = ""
    tenant: str = ""
    template: str = ""
    contact_list: str = ""
    topic: str = ""
    pool: str = ""
    witnessed: bool = False
    republished: bool = False
    opens: bool | None = None
    clicks: bool | None = None


class Listed(msgspec.Struct, frozen=True):
    """The contact list that a message was sent to, and the topic that it is about, if it names one."""

    contact_list: str = ""
    topic: str = ""


_read_listed = msgspec.json.Decoder(Listed).decode


def listed_in(mail: str) -> Listed | None:
    """Return what MailFacts, as they are stored, say of a contact list; None when the message goes to none."""
    if '"contact_list"' not in mail:
        return None
    listed = _read_listed(mail)
    return listed if listed.contact_list else None


class _Witnessed(msgspec.Struct, frozen=True):
    witnessed: bool = False


_read_witnessed = msgspec.json.Decoder(_Witnessed).decode


def was_witnessed(mail: str) -> bool:
    """Say whether MailFacts, as they are stored, are of a message that others sent."""
    return '"witnessed":true' in mail and _read_witnessed(mail).witnessed


def kind_of(fact: Fact) -> Kind:
    return _KIND_OF[type(fact)]


def fact_to_json(fact: Fact) -> str:
    return _write_fact(fact).decode()


def fact_from_json(text: str) -> Fact:
    return _read_fact(text)


def recipients_of(fact: Fact) -> list[str] | None:
    """Return the addresses that a fact is about, or None when it is about the whole message."""
    recipients: list[Any] | None = getattr(fact, "recipients", None)
    if recipients is None:
        return None
    return [one.address if isinstance(one, BouncedRecipient) else one for one in recipients]


STATE_AFTER: Mapping[Kind, tuple[str, int]] = {
    # The state a recipient is in after an event, and its rank: a fact that comes late never moves a
    # recipient back to a lower rank (a complaint may arrive before its delivery).
    Kind.SEND: ("accepted", 0),
    Kind.DELIVERY_DELAY: ("delayed", 10),
    Kind.DELIVERY: ("delivered", 20),
    Kind.BOUNCE: ("bounced", 30),
    Kind.REJECT: ("rejected", 30),
    Kind.RENDERING_FAILURE: ("rendering-failed", 30),
    Kind.COMPLAINT: ("complained", 40),
}
