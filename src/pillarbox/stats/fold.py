"""From an event to what it adds to which counters.

Pure. Called by stats/follow.py. An event counts at its own time, whenever it
is folded, so that counters made again from the log are the same. Mail to the
simulator and captured mail have names of their own: rates leave them out,
`send_statistics` does not.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from pillarbox.events.types import (
    ON_ACCOUNT_LIST,
    Bounce,
    Complaint,
    Delivery,
    Event,
    Fact,
    Kind,
    MailFacts,
    recipients_of,
)
from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.kit.simulated import is_simulated
from pillarbox.store.messages import MessageRow

# The interval of GetSendStatistics.
# https://docs.aws.amazon.com/ses/latest/APIReference/API_SendDataPoint.html
BUCKET: Millis = 15 * MINUTE

ACCOUNT = "account"
CONFIGURATION_SET = "configuration-set"
IDENTITY = "identity"

_CAPTURE = "capture"


class Name(StrEnum):
    """What is counted. Each recipient counts, where an event names some; else the event counts once."""

    SENT = "sent"
    SENT_SIMULATOR = "sent.simulator"
    DELIVERED = "delivered"
    DELIVERED_SIMULATOR = "delivered.simulator"
    CAPTURED = "captured"
    BOUNCED_PERMANENT = "bounced.permanent"
    BOUNCED_TRANSIENT = "bounced.transient"
    BOUNCED_UNDETERMINED = "bounced.undetermined"
    BOUNCED_SUPPRESSED = "bounced.suppressed"  # by the account's own list: says nothing about its sending
    BOUNCED_SIMULATOR = "bounced.simulator"
    COMPLAINED = "complained"
    COMPLAINED_SUPPRESSED = "complained.suppressed"
    COMPLAINED_SIMULATOR = "complained.simulator"
    DELAYED = "delayed"
    REJECTED = "rejected"
    RENDERING_FAILED = "rendering-failed"
    OPENED = "opened"
    CLICKED = "clicked"
    SUBSCRIPTION_CHANGED = "subscription-changed"


_BOUNCED = {
    "Permanent": Name.BOUNCED_PERMANENT,
    "Transient": Name.BOUNCED_TRANSIENT,
    "Undetermined": Name.BOUNCED_UNDETERMINED,
}
_PLAIN = {
    Kind.DELIVERY_DELAY: Name.DELAYED,
    Kind.REJECT: Name.REJECTED,
    Kind.RENDERING_FAILURE: Name.RENDERING_FAILED,
    Kind.OPEN: Name.OPENED,
    Kind.CLICK: Name.CLICKED,
    Kind.SUBSCRIPTION: Name.SUBSCRIPTION_CHANGED,
}


class About(NamedTuple):
    """What counters need to know of a message."""

    configuration_set: str
    from_domain: str
    recipients: list[str]


class Count(NamedTuple):
    """Something to add to one counter."""

    dimension: str
    member: str
    name: str
    bucket_at: Millis
    amount: int


def about(message: MessageRow) -> About:
    facts = msgspec.json.decode(message.mail, type=MailFacts)
    domain = facts.sender_address.rpartition("@")[2].lower()
    return About(message.configuration_set, domain, facts.recipients)


def fold(event: Event, message: About | None) -> list[Count]:
    """Return what an event adds; of a message that is no longer kept only the account is known."""
    members = [(ACCOUNT, "")]
    if message is not None:
        members.append((IDENTITY, message.from_domain))
        if message.configuration_set:
            members.append((CONFIGURATION_SET, message.configuration_set))
    bucket = bucket_of(event.happened_at)
    return [
        Count(dimension, member, name.value, bucket, amount)
        for name, amount in _amounts(event.kind, event.fact, message)
        for dimension, member in members
        if amount
    ]


def bucket_of(at: Millis) -> Millis:
    """Return when the interval of a time begins."""
    return at - at % BUCKET


def _amounts(kind: Kind, fact: Fact, message: About | None) -> Iterator[tuple[Name, int]]:
    if kind is Kind.SEND:
        yield from _split(message.recipients if message else [], Name.SENT, Name.SENT_SIMULATOR)
    elif isinstance(fact, Delivery):
        captured = fact.transport == _CAPTURE
        name = Name.CAPTURED if captured else Name.DELIVERED
        yield from _split(fact.recipients, name, Name.DELIVERED_SIMULATOR)
    elif isinstance(fact, Bounce):
        addresses = [one.address for one in fact.recipients]
        yield from _split(addresses, _bounce_name(fact), Name.BOUNCED_SIMULATOR)
    elif isinstance(fact, Complaint):
        suppressed = fact.subtype == ON_ACCOUNT_LIST
        name = Name.COMPLAINED_SUPPRESSED if suppressed else Name.COMPLAINED
        yield from _split(fact.recipients, name, Name.COMPLAINED_SIMULATOR)
    else:
        named = recipients_of(fact)
        yield _PLAIN[kind], 1 if named is None else len(named)


def _bounce_name(fact: Bounce) -> Name:
    if fact.bounce_subtype == ON_ACCOUNT_LIST:
        return Name.BOUNCED_SUPPRESSED
    return _BOUNCED.get(fact.bounce_type, Name.BOUNCED_UNDETERMINED)


def _split(addresses: list[str], name: Name, simulator: Name) -> Iterator[tuple[Name, int]]:
    simulated = sum(is_simulated(address) for address in addresses)
    yield name, len(addresses) - simulated
    yield simulator, simulated
