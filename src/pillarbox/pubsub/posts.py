"""What is posted to subscribers: headers, bodies, and the text that is signed.

Pure. Called by pubsub/deliver.py. Members and their order are those of AWS,
one to a line, because consumers have been seen to depend on both.
https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pillarbox.kit.clock import Millis, iso
from pillarbox.pubsub.retry import DEFAULT_CONTENT_TYPE

NOTIFICATION = "Notification"
SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


@dataclass(slots=True, frozen=True)
class Told:
    """What one subscriber is told. `token` is there in confirmations, and only there; a number in FIFO topics."""

    kind: str
    notification_id: str
    topic_arn: str
    subscription_arn: str
    subject: str | None
    message: str
    attributes: Mapping[str, Mapping[str, str]]
    published_at: Millis
    token: str | None = None
    sequence_number: str | None = None
    is_replayed: bool = False


@dataclass(slots=True, frozen=True)
class Signed:
    """A signature and where to find the certificate that proves it."""

    version: str
    signature: str
    certificate_url: str


def confirmation_message(kind: str, topic_arn: str, subscription_arn: str) -> str:
    """Return the Message of a confirmation."""
    if kind == SUBSCRIPTION_CONFIRMATION:
        return (
            f"You have chosen to subscribe to the topic {topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    return (
        f"You have chosen to deactivate subscription {subscription_arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def subscribe_url(public_url: str, topic_arn: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}"


def unsubscribe_url(public_url: str, subscription_arn: str) -> str:
    return f"{public_url.rstrip('/')}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"


def string_to_sign(told: Told, public_url: str) -> str:
    """Return the text that is signed: names and values of some members, in the order of the names.

    It differs between subscribers only where their messages do.
    """
    # https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
    members = {
        "Message": told.message,
        "MessageId": told.notification_id,
        "Subject": told.subject,
        "SubscribeURL": subscribe_url(public_url, told.topic_arn, told.token) if told.token else None,
        "Timestamp": iso(told.published_at),
        "Token": told.token,
        "TopicArn": told.topic_arn,
        "Type": told.kind,
    }
    return "".join(f"{name}\n{value}\n" for name, value in members.items() if value is not None)


def document(told: Told, signed: Signed | None, public_url: str) -> str:
    """Return the JSON that an HTTP subscriber or a queue gets, unless it wants the bare message.

    What a FIFO topic tells has a number and no signature.
    """
    members: dict[str, Any] = {"Type": told.kind, "MessageId": told.notification_id}
    if told.sequence_number:
        members["SequenceNumber"] = told.sequence_number
    if told.token:
        members["Token"] = told.token
    members["TopicArn"] = told.topic_arn
    if told.subject is not None:
        members["Subject"] = told.subject
    members["Message"] = told.message
    if told.token:
        members["SubscribeURL"] = subscribe_url(public_url, told.topic_arn, told.token)
    members["Timestamp"] = iso(told.published_at)
    if signed:
        members["SignatureVersion"] = signed.version
        members["Signature"] = signed.signature
        members["SigningCertURL"] = signed.certificate_url
    if not told.token:
        members["UnsubscribeURL"] = unsubscribe_url(public_url, told.subscription_arn)
    if told.is_replayed:
        members["Replayed"] = "true"
    lines = [f"  {_json(name)} : {_json(value)}" for name, value in members.items()]
    if told.attributes:
        lines.append(f'  "MessageAttributes" : {{\n{_attribute_lines(told.attributes)}\n  }}')
    return "{\n" + ",\n".join(lines) + "\n}"


def headers(told: Told, *, raw: bool, content_type: str) -> dict[str, str]:
    """Return the headers of an HTTP post; the content type of a policy counts for notifications alone."""
    lines = {
        "x-amz-sns-message-type": told.kind,
        "x-amz-sns-message-id": told.notification_id,
        "x-amz-sns-topic-arn": told.topic_arn,
    }
    if told.kind != SUBSCRIPTION_CONFIRMATION:
        lines["x-amz-sns-subscription-arn"] = told.subscription_arn
    if raw:
        lines["x-amz-sns-rawdelivery"] = "true"
    lines["Content-Type"] = content_type if told.kind == NOTIFICATION else DEFAULT_CONTENT_TYPE
    lines["User-Agent"] = "Amazon Simple Notification Service Agent"
    lines["Accept-Encoding"] = "gzip,deflate"
    return lines


def _attribute_lines(attributes: Mapping[str, Mapping[str, str]]) -> str:
    return ",\n".join(
        f"    {_json(name)} : {json.dumps(dict(attribute), ensure_ascii=False, separators=(',', ':'))}"
        for name, attribute in attributes.items()
    )


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
