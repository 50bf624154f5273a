"""What a sender says of the contact list and topic that a message belongs to.

Pure. Made by the doors, from a member of the call or a header of the message;
read by policy, which asks whether the list exists, and by accept.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.events.types import listed_in
from pillarbox.kit.errors import Refusal
from pillarbox.resources.contact_lists import ContactList, ListMissing, TopicMissing
from pillarbox.resources.contacts import Addressed
from pillarbox.store.messages import MessageRow

# In mail that the caller made, the list stands in this header, which is stripped.
HEADER = "x-ses-list-management-options"


class ListManagement(NamedTuple):
    """`topic` is empty for mail to the list as a whole."""

    contact_list: str
    topic: str = ""


def from_header(value: str) -> ListManagement | None:
    """Read `ListName; topic=TopicName`; None when it names no list."""
    name, _, options = value.partition(";")
    for option in options.split(";"):
        key, _, topic = option.partition("=")
        if key.strip().lower() == "topic":
            return ListManagement(name.strip(), topic.strip())
    return ListManagement(name.strip()) if name.strip() else None


def reason_against(asked: ListManagement, listed: ContactList | None) -> Refusal | None:
    if listed is None:
        return ListMissing(asked.contact_list)
    if asked.topic and listed.topic(asked.topic) is None:
        return TopicMissing(asked.contact_list, asked.topic)
    return None


def addressed(messages: Sequence[tuple[MessageRow, Sequence[str]]]) -> list[Addressed]:
    """Return those recipients of the messages to whom they go as contacts of a list."""
    found = []
    for message, addresses in messages:
        if listed := listed_in(message.mail):
            found += [Addressed(message.scope, listed.contact_list, listed.topic, address) for address in addresses]
    return found
