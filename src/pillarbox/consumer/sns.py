"""The envelope of SNS, and the text in it that is signed.

Pure. Called by verify.py and read.py, and by programs that have a way of their
own to get at posts.
https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pillarbox.consumer.errors import Unreadable
from pillarbox.consumer.json_text import read_json

NOTIFICATION = "Notification"
SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"

# https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION_CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBE_CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_TEXTS = ("Type", "MessageId", "TopicArn", "Message", "Timestamp")


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """One post of SNS as it came; nothing in it is believed before it is verified.

    `raw` holds every member of the envelope, also those that have no name here.
    """

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def subject(self) -> str | None:
        return self._text("Subject")

    @property
    def subscribe_url(self) -> str | None:
        """Who fetches this confirms the subscription; only in confirmations."""
        return self._text("SubscribeURL")

    def string_to_sign(self) -> bytes:
        """Return what the signature is about: names and values of some members, in the order of the names."""
        raw = self.raw
        signed = [f"{name}\n{raw[name]}\n" for name in _SIGNED[self.type] if raw.get(name) is not None]
        return "".join(signed).encode("utf-8", "surrogatepass")

    def _text(self, name: str) -> str | None:
        value = self.raw.get(name)
        return value if isinstance(value, str) else None


def parse_envelope(body: bytes | str) -> SnsMessage:
    """Read the body of an HTTP post; Unreadable when it is no envelope of SNS."""
    try:
        raw = read_json(body)
    except (ValueError, RecursionError):
        raise Unreadable("the post is not JSON") from None
    if not isinstance(raw, dict) or not is_envelope(raw):
        raise Unreadable("the post is JSON, but no envelope of SNS; raw delivery carries no signature: turn it off")
    return envelope_of(raw)


def is_envelope(raw: Mapping[str, Any]) -> bool:
    """Say whether this JSON object is what SNS wraps around a message."""
    return raw.get("Type") in _SIGNED and "TopicArn" in raw and "Message" in raw


def envelope_of(raw: Mapping[str, Any]) -> SnsMessage:
    for name in _TEXTS:
        if not isinstance(raw.get(name), str):
            raise Unreadable(f"the envelope of SNS has no text {name}")
    kind, message_id, topic_arn, message, timestamp = [raw[name] for name in _TEXTS]
    return SnsMessage(kind, message_id, topic_arn, message, timestamp, raw)
