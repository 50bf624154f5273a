"""What is counted, and by what: the words that counters are kept under.

Pure. Used by stats/fold.py, which counts, and by stats/query.py and
stats/rates.py, which read. docs/insight.md explains them to users.
"""

from enum import StrEnum
from typing import NamedTuple

ACCOUNT = "account"
CONFIGURATION_SET = "configuration-set"
TENANT = "tenant"
IDENTITY = "identity"
TEMPLATE = "template"
LINK = "link"
DOMAIN = "recipient-domain"
PATH = "path"  # identity, configuration set, tenant and recipient domain at once, as BatchGetMetricData asks for them
_TAG = "tag:"
# How many members of a dimension have counters of their own on a day: a user id in a tag must not fill the store.
MOST_MEMBERS = {ACCOUNT: 1, CONFIGURATION_SET: 10_000, TENANT: 10_000, IDENTITY: 10_000, TEMPLATE: 2_000, PATH: 2_000}
MOST_VALUES = 500
OTHER = "(other)"


class Name(StrEnum):
    """What is counted. Each recipient counts, where an event names some; else the event counts once.

    Of delivered and captured mail, what carried a pixel or links that are told when they are followed counts once
    more. To `opened` and `clicked` belong names with `.unique` at their end: each recipient of a message once. A bounce
    is also counted under its name, a colon, its type and its subtype; a delay and a complaint in the same way by
    their type.
    """

    SENT = "sent"
    SENT_SIMULATOR = "sent.simulator"
    DELIVERED = "delivered"
    DELIVERED_SIMULATOR = "delivered.simulator"
    DELIVERED_WITH_PIXEL = "delivered.with-pixel"
    DELIVERED_WITH_LINKS = "delivered.with-links"
    CAPTURED = "captured"
    CAPTURED_WITH_PIXEL = "captured.with-pixel"
    CAPTURED_WITH_LINKS = "captured.with-links"
    BOUNCED_PERMANENT = "bounced.permanent"
    BOUNCED_TRANSIENT = "bounced.transient"
    BOUNCED_UNDETERMINED = "bounced.undetermined"
    BOUNCED_SUPPRESSED = "bounced.suppressed"  # by the account's own lists: says nothing about its sending
    BOUNCED_SIMULATOR = "bounced.simulator"
    COMPLAINED = "complained"
    COMPLAINED_SUPPRESSED = "complained.suppressed"
    COMPLAINED_SIMULATOR = "complained.simulator"
    DELAYED = "delayed"
    REJECTED = "rejected"
    RENDERING_FAILED = "rendering-failed"
    OPENED = "opened"
    OPENED_PEOPLE = "opened.people"  # without those that programs are likely to have made
    OPENED_UNIQUE = "opened.unique"
    OPENED_PEOPLE_UNIQUE = "opened.people.unique"
    CLICKED = "clicked"
    CLICKED_PEOPLE = "clicked.people"
    CLICKED_UNIQUE = "clicked.unique"
    CLICKED_PEOPLE_UNIQUE = "clicked.people.unique"
    SUBSCRIPTION_CHANGED = "subscription-changed"
    UNSUBSCRIBED = "unsubscribed"

    __hash__ = str.__hash__  # as of the text that it is equal to, and without a call of Python for each


BOUNCED = {
    "Permanent": Name.BOUNCED_PERMANENT,
    "Transient": Name.BOUNCED_TRANSIENT,
    "Undetermined": Name.BOUNCED_UNDETERMINED,
}
# What strangers call their bounces would be names without end.
# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
SUBTYPES = frozenset(
    {
        "Undetermined",
        "General",
        "NoEmail",
        "Suppressed",
        "OnAccountSuppressionList",
        "OnTenantSuppressionList",
        "UnsubscribedRecipient",
        "EmailValidationSuppressed",
        "MailboxFull",
        "MessageTooLarge",
        "ContentRejected",
        "AttachmentRejected",
        "CustomTimeoutExceeded",
    }
)
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-deliverydelay-object
DELAY_TYPES = frozenset(
    {
        "InternalFailure",
        "General",
        "MailboxFull",
        "SpamDetected",
        "RecipientServerError",
        "IPFailure",
        "TransientCommunicationFailure",
        "BYOIPHostNameLookupUnavailable",
        "Undetermined",
        "SendingDeferral",
    }
)
# https://www.iana.org/assignments/marf-parameters/marf-parameters.xhtml#marf-parameters-2
COMPLAINT_TYPES = frozenset({"abuse", "auth-failure", "fraud", "not-spam", "opt-out", "virus"})


class Path(NamedTuple):
    """One combination that was sent in; a path among the rest has OTHER everywhere."""

    identity: str
    configuration_set: str
    tenant: str
    domain: str


def tag_dimension(tag: str) -> str:
    return _TAG + tag


def tag_of(dimension: str) -> str | None:
    """Return the message tag that a dimension counts by, if it does."""
    return dimension.removeprefix(_TAG) if dimension.startswith(_TAG) else None


def detailed(name: str, detail: str) -> str:
    return f"{name}:{detail}"


def bounce_detail(bounce_type: str, subtype: str) -> str:
    """Return `Permanent/General`; what nobody knows is `Other`."""
    known_type = bounce_type if bounce_type in BOUNCED else "Undetermined"
    return f"{known_type}/{subtype if subtype in SUBTYPES else 'Other'}"


def delay_detail(delay_type: str) -> str:
    return delay_type if delay_type in DELAY_TYPES else "Other"


def complaint_detail(feedback_type: str | None) -> str:
    """Return the type in small letters; what nobody knows is `other`, and what was not told `unknown`."""
    known = (feedback_type or "unknown").lower()
    return known if known in COMPLAINT_TYPES or not feedback_type else "other"


def write_path(*parts: str) -> str:
    return "\x1f".join(parts)


def read_path(member: str) -> Path:
    return Path(*([OTHER] * 4 if member == OTHER else member.split("\x1f")))
