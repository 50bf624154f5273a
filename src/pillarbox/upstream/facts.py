"""From an event as SES tells it to a fact of ours, and the key by which it is the same fact when it comes again.

Pure. Called by upstream/arrival.py.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pillarbox import consumer
from pillarbox.consumer import SesEvent
from pillarbox.events import types as ours
from pillarbox.kit.clock import Millis

# By what the deliveries of an upstream are told apart from our own.
TRANSPORT = "ses"


def fact_of(event: SesEvent) -> ours.Fact:
    """Return what the event tells, as the event log keeps it."""
    return _FACTS[type(event.detail)](event.detail)


def fact_key(event: SesEvent) -> str:
    """Return what makes the fact the same fact.

    Both forms of an event tell one fact, so what only one of them knows (addresses of servers, ids of the feedback)
    is no part of the key.
    """
    detail = event.detail
    parts = [event.mail.message_id, event.kind.value, str(millis(event.happened_at))]
    named = getattr(detail, "recipients", None)
    if named is not None:
        parts += sorted(address.lower() for address in event.recipients)
    for member in ("bounce_type", "delay_type", "ip_address", "user_agent", "link", "contact_list", "template_name"):
        parts.append(str(getattr(detail, member, "")))
    return f"upstream/{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:40]}"


def millis(at: datetime) -> Millis:
    """Return a moment as the store keeps it."""
    return round(at.timestamp() * 1000)


def _send(_: consumer.Send) -> ours.Send:
    return ours.Send()


def _reject(detail: consumer.Reject) -> ours.Reject:
    return ours.Reject(detail.reason)


def _delivery(detail: consumer.Delivery) -> ours.Delivery:
    """What the mail carried is not told: opens and clicks of any may come."""
    return ours.Delivery(
        list(detail.recipients),
        detail.smtp_response,
        detail.processing_time_ms,
        detail.reporting_mta,
        detail.remote_mta_ip,
        TRANSPORT,
        with_pixel=True,
        with_links=True,
    )


def _bounce(detail: consumer.Bounce) -> ours.Bounce:
    return ours.Bounce(
        detail.bounce_type,
        detail.bounce_subtype,
        _recipients(detail.recipients),
        detail.feedback_id,
        detail.reporting_mta,
        detail.remote_mta_ip,
    )


def _recipients(told: Sequence[consumer.BouncedRecipient]) -> list[ours.BouncedRecipient]:
    return [ours.BouncedRecipient(one.address, one.action, one.status, one.diagnostic_code) for one in told]


def _complaint(detail: consumer.Complaint) -> ours.Complaint:
    return ours.Complaint(
        list(detail.recipients),
        detail.feedback_id,
        detail.subtype,
        detail.user_agent,
        detail.feedback_type,
        millis(detail.arrival_date) if detail.arrival_date else None,
    )


def _delay(detail: consumer.DeliveryDelay) -> ours.DeliveryDelay:
    return ours.DeliveryDelay(
        detail.delay_type, millis(detail.expiration_time), _recipients(detail.recipients), detail.reporting_mta
    )


def _open(detail: consumer.Open) -> ours.Open:
    return ours.Open(detail.ip_address, detail.user_agent, detail.is_bot_event)


def _click(detail: consumer.Click) -> ours.Click:
    tags = {name: list(values) for name, values in detail.link_tags.items()} if detail.link_tags is not None else None
    return ours.Click(detail.ip_address, detail.user_agent, detail.link, tags, detail.is_bot_event)


def _failure(detail: consumer.RenderingFailure) -> ours.RenderingFailure:
    return ours.RenderingFailure(detail.template_name, detail.error_message)


def _subscription(detail: consumer.Subscription) -> ours.Subscription:
    return ours.Subscription(
        detail.contact_list,
        detail.source,
        _preferences(detail.new_preferences),
        _preferences(detail.old_preferences),
    )


def _preferences(told: consumer.TopicPreferences) -> ours.TopicPreferences:
    return ours.TopicPreferences(told.unsubscribe_all, dict(told.topics))


_FACTS: Mapping[type[consumer.Detail], Callable[[Any], ours.Fact]] = {
    consumer.Send: _send,
    consumer.Reject: _reject,
    consumer.Delivery: _delivery,
    consumer.Bounce: _bounce,
    consumer.Complaint: _complaint,
    consumer.DeliveryDelay: _delay,
    consumer.Open: _open,
    consumer.Click: _click,
    consumer.RenderingFailure: _failure,
    consumer.Subscription: _subscription,
}
