"""The JSON of events as SES spells it, in both forms.

Pure. `published` is what event destinations get (`eventType`), `notified` what
identity notification topics get (`notificationType`). Called by destinations/;
the names of members stand here and nowhere else.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec

from pillarbox.events.types import (
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Event,
    Fact,
    Kind,
    MailFacts,
    Open,
    Reject,
    RenderingFailure,
    Send,
    Subscription,
    TopicPreferences,
)
from pillarbox.kit.clock import Millis, iso
from pillarbox.kit.headers import decode_text
from pillarbox.kit.ids import message_id_header
from pillarbox.store.messages import MessageRow

Json = dict[str, Any]
Headers = Sequence[tuple[str, str]]

NOTIFIED_KINDS = frozenset({Kind.BOUNCE, Kind.COMPLAINT, Kind.DELIVERY})

# Kinds that are told before there is a rendered message, or that SES tells without its headers.
_WITHOUT_HEADERS = frozenset({Kind.RENDERING_FAILURE, Kind.DELIVERY_DELAY})
_OBJECT_FIRST = frozenset({Kind.BOUNCE, Kind.COMPLAINT, Kind.CLICK})
_OWN_TAG = "pillarbox-"
# What a template has not yet filled in when a templated send is accepted.
_RENDERED = frozenset({"subject", "content-type", "content-transfer-encoding"})
_COMMON = (
    ("returnPath", "return-path"),
    ("from", "from"),
    ("date", "date"),
    ("sender", "sender"),
    ("replyTo", "reply-to"),
    ("to", "to"),
    ("cc", "cc"),
    ("bcc", "bcc"),
    ("messageId", "message-id"),
    ("subject", "subject"),
)
_LISTS = frozenset({"from", "replyTo", "to", "cc", "bcc"})

_encode = msgspec.json.Encoder().encode


def published(event: Event, message: MessageRow, facts: MailFacts, service_domain: str) -> Json:
    """Return the record that event destinations get; `service_domain` is the one in our Message-IDs."""
    kind = event.kind
    mail = _mail(facts.sender, message, facts)
    mail["headersTruncated"] = facts.headers_truncated
    if kind not in _WITHOUT_HEADERS:
        headers = _headers_told(kind, message, facts, service_domain)
        mail["headers"] = _header_list(headers)
        mail["commonHeaders"] = _common_headers(headers, message.message_id)
    mail["tags"] = {name: values for name, values in facts.tags.items() if not name.startswith(_OWN_TAG)}
    name, members = _object(event.fact, event.happened_at)
    return _record("eventType", kind, name, members, mail)


def notified(
    event: Event, message: MessageRow, facts: MailFacts, service_domain: str, *, with_headers: bool
) -> Json | None:
    """Return the record that identity topics get, or None for a kind that they are not told of."""
    kind, fact = event.kind, event.fact
    if kind not in NOTIFIED_KINDS:
        return None
    mail = _mail(facts.sender_address, message, facts)
    mail["sourceIp"] = facts.source_ip
    mail["callerIdentity"] = facts.caller_identity
    if with_headers:
        headers = _headers_told(kind, message, facts, service_domain)
        mail["headersTruncated"] = facts.headers_truncated
        mail["headers"] = _header_list(headers)
        mail["commonHeaders"] = _common_headers(headers, _first(facts.headers, "message-id"))
    name, members = _object(fact, event.happened_at)
    if isinstance(fact, Bounce | Delivery) and fact.remote_mta_ip is not None:
        members["remoteMtaIp"] = fact.remote_mta_ip
    return _record("notificationType", kind, name, members, mail)


def to_text(record: Json) -> str:
    """Return a record as the `Message` of a notification: compact, and with the newline that SES ends it with."""
    return _encode(record).decode() + "\n"


def _record(type_member: str, kind: Kind, name: str, members: Json, mail: Json) -> Json:
    if kind in _OBJECT_FIRST:
        return {type_member: kind.value, name: members, "mail": mail}
    return {type_member: kind.value, "mail": mail, name: members}


def _mail(source: str, message: MessageRow, facts: MailFacts) -> Json:
    mail: Json = {"timestamp": iso(message.accepted_at), "source": source}
    if facts.source_arn:
        mail["sourceArn"] = facts.source_arn
    elif facts.source_identity:
        mail["sourceArn"] = f"arn:aws:ses:{message.region}:{message.account}:identity/{facts.source_identity}"
    mail["sendingAccountId"] = message.account
    mail["messageId"] = message.message_id
    mail["destination"] = facts.recipients
    return mail


def _headers_told(kind: Kind, message: MessageRow, facts: MailFacts, service_domain: str) -> Headers:
    if kind is Kind.DELIVERY:
        return _completed(message, facts, service_domain)
    if kind is Kind.SEND and facts.templated:
        return [(name, value) for name, value in facts.headers if name.lower() not in _RENDERED]
    return facts.headers


def _completed(message: MessageRow, facts: MailFacts, service_domain: str) -> Headers:
    """Add what we set in a message that has no Date or Message-ID of its own; its own are told as they were."""
    # They may be in what was cut off; and a message without a header section is told without one.
    if facts.headers_truncated or not facts.headers:
        return facts.headers
    given = {name.lower() for name, _ in facts.headers}
    ours = {
        "Date": format_datetime(datetime.fromtimestamp(message.accepted_at // 1000, UTC)),
        "Message-ID": message_id_header(message.message_id, message.region, service_domain),
    }
    return [*((name, value) for name, value in ours.items() if name.lower() not in given), *facts.headers]


def _header_list(headers: Headers) -> list[Json]:
    return [{"name": name, "value": decode_text(value)} for name, value in headers]


def _common_headers(headers: Headers, message_id: str | None) -> Json:
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.lower(), []).append(value)
    given["message-id"] = [] if message_id is None else [message_id]
    common: Json = {}
    for member, name in _COMMON:
        if not (values := given.get(name)):
            continue
        if member in _LISTS:  # split while names are encoded: what is decoded may hold a comma
            common[member] = [decode_text(address) for value in values for address in _whole_addresses(value)]
        else:
            common[member] = decode_text(values[0])
    return common


def _first(headers: Headers, name: str) -> str | None:
    return next((value for header, value in headers if header.lower() == name), None)


def _whole_addresses(value: str) -> list[str]:
    """Split an address list at its commas, but not inside a quoted name, a comment or angle brackets."""
    addresses, current = [], ""
    quoted = escaped = False
    depth = 0
    for character in value:
        if character == "," and not quoted and depth == 0:
            addresses.append(current)
            current = ""
            continue
        current += character
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + (character in "(<") - (character in ")>"))
    addresses.append(current)
    return [address.strip() for address in addresses if address.strip()]


def _object(fact: Fact, at: Millis) -> tuple[str, Json]:
    """Return the member of its own that a kind has, and its name."""
    name, write = _OBJECTS[type(fact)]
    return name, write(fact, iso(at))


def _send(_: Send, __: str) -> Json:
    return {}


def _reject(fact: Reject, _: str) -> Json:
    return {"reason": fact.reason}


def _delivery(fact: Delivery, at: str) -> Json:
    return {
        "timestamp": at,
        "processingTimeMillis": fact.processing_ms,
        "recipients": fact.recipients,
        "smtpResponse": fact.smtp_response,
        "reportingMTA": fact.reporting_mta,
    }


def _bounce(fact: Bounce, at: str) -> Json:
    members: Json = {
        "bounceType": fact.bounce_type,
        "bounceSubType": fact.bounce_subtype,
        "bouncedRecipients": [_bounced(one) for one in fact.recipients],
        "timestamp": at,
        "feedbackId": fact.feedback_id,
    }
    return members | _present(reportingMTA=fact.reporting_mta)


def _bounced(one: BouncedRecipient) -> Json:
    told = _present(action=one.action, status=one.status, diagnosticCode=one.diagnostic_code)
    return {"emailAddress": one.address} | told


def _complaint(fact: Complaint, at: str) -> Json:
    members: Json = {
        "complainedRecipients": [{"emailAddress": address} for address in fact.recipients],
        "timestamp": at,
        "feedbackId": fact.feedback_id,
        "complaintSubType": fact.subtype,
    }
    arrived = iso(fact.arrived_at) if fact.arrived_at is not None else None
    return members | _present(userAgent=fact.user_agent, complaintFeedbackType=fact.feedback_type, arrivalDate=arrived)


def _delivery_delay(fact: DeliveryDelay, at: str) -> Json:
    members: Json = {
        "timestamp": at,
        "delayType": fact.delay_type,
        "expirationTime": iso(fact.expires_at),
        "delayedRecipients": [_bounced(one) for one in fact.recipients],
    }
    return members | _present(reportingMTA=fact.reporting_mta)


def _rendering_failure(fact: RenderingFailure, _: str) -> Json:
    return {"errorMessage": fact.error_message, "templateName": fact.template_name}


def _open(fact: Open, at: str) -> Json:
    members: Json = {"ipAddress": fact.ip_address, "timestamp": at, "userAgent": fact.user_agent}
    return members | _present(isBotEvent=fact.is_bot_event)


def _click(fact: Click, at: str) -> Json:
    members: Json = {
        "ipAddress": fact.ip_address,
        "link": fact.link,
        "linkTags": fact.link_tags,
        "timestamp": at,
        "userAgent": fact.user_agent,
    }
    return members | _present(isBotEvent=fact.is_bot_event)


def _subscription(fact: Subscription, at: str) -> Json:
    return {
        "contactList": fact.contact_list,
        "timestamp": at,
        "source": fact.source,
        "newTopicPreferences": _preferences(fact.new_preferences),
        "oldTopicPreferences": _preferences(fact.old_preferences),
    }


def _preferences(preferences: TopicPreferences) -> Json:
    statuses = [{"topicName": name, "subscriptionStatus": status} for name, status in preferences.statuses.items()]
    return {"unsubscribeAll": preferences.unsubscribe_all, "topicSubscriptionStatus": statuses}


def _present(**members: str | None) -> Json:
    return {name: value for name, value in members.items() if value is not None}


_OBJECTS: Mapping[type[Fact], tuple[str, Callable[[Any, str], Json]]] = {
    Send: ("send", _send),
    Reject: ("reject", _reject),
    Delivery: ("delivery", _delivery),
    Bounce: ("bounce", _bounce),
    Complaint: ("complaint", _complaint),
    DeliveryDelay: ("deliveryDelay", _delivery_delay),
    RenderingFailure: ("failure", _rendering_failure),
    Open: ("open", _open),
    Click: ("click", _click),
    Subscription: ("subscription", _subscription),
}
