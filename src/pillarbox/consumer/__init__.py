"""For programs that are told of mail by SNS or SQS: verify the posts, and read them as typed SES events.

Public: what is named here stays. Imports nothing else of Pillarbox, so that it
works wherever this package is installed, with Amazon SES or with Pillarbox at
the other end. See docs/consumer.md.
"""

from pillarbox.consumer.endpoint import Endpoint, Post, confirm
from pillarbox.consumer.errors import CannotVerify, ConsumerError, Refused, Unreadable
from pillarbox.consumer.events import (
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Detail,
    Form,
    Kind,
    Mail,
    Open,
    Reject,
    RenderingFailure,
    Send,
    SesEvent,
    Subscription,
    TopicPreferences,
)
from pillarbox.consumer.getting import Get, https_get
from pillarbox.consumer.parse import parse_event
from pillarbox.consumer.read import Leftover, Reading, events_in, read
from pillarbox.consumer.sns import SnsMessage, parse_envelope
from pillarbox.consumer.verify import Verifier

__all__ = [
    "Bounce",
    "BouncedRecipient",
    "CannotVerify",
    "Click",
    "Complaint",
    "ConsumerError",
    "Delivery",
    "DeliveryDelay",
    "Detail",
    "Endpoint",
    "Form",
    "Get",
    "Kind",
    "Leftover",
    "Mail",
    "Open",
    "Post",
    "Reading",
    "Refused",
    "Reject",
    "RenderingFailure",
    "Send",
    "SesEvent",
    "SnsMessage",
    "Subscription",
    "TopicPreferences",
    "Unreadable",
    "Verifier",
    "confirm",
    "events_in",
    "https_get",
    "parse_envelope",
    "parse_event",
    "read",
]
