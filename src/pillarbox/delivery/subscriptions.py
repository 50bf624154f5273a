"""What recipients want of the list of a message: asked before the first attempt, changed when they say so.

Plans. `unwilling` is asked with the suppression list (suppression.py); the
others run for whoever follows an unsubscribe link (edge/unsubscribe.py), and
record a Subscription event with every change.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from pillarbox.events.record import record
from pillarbox.events.types import Event, MailFacts, Subscription, TopicPreferences, listed_in
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope, new_token
from pillarbox.resources import contact_lists, contacts
from pillarbox.resources.contact_lists import ContactList, Status
from pillarbox.resources.contacts import Addressed, Contact, effective
from pillarbox.store import contacts as rows_of_contacts
from pillarbox.store import messages
from pillarbox.store.messages import MessageRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Plan

_read_list = msgspec.json.Decoder(list[str]).decode
_read_mail = msgspec.json.Decoder(MailFacts).decode
_TOLD_AS = {Status.OPT_IN: "OptIn", Status.OPT_OUT: "OptOut"}


class Source(StrEnum):
    """How a recipient said what they want, as events tell it."""

    HEADER = "UnsubscribeHeader"
    PAGE = "PreferencePage"


class Subscriber(NamedTuple):
    """The only recipient of a message, its list (None when there is no such list any more), and what they want.

    `topic` is the one that the message is about, empty for mail to the list as a whole.
    """

    scope: Scope
    message_id: str
    contact_list: ContactList | None
    topic: str
    contact: Contact


Choice = Callable[[Subscriber], Contact]


def unwilling(
    rows: Sequence[OutgoingRow], known: Mapping[str, MessageRow]
) -> Plan[Mapping[tuple[str, int], Sequence[str]]]:
    """Return the recipients of rows, by message and part, who have unsubscribed; one query, and none without lists."""
    places: dict[Addressed, list[tuple[str, int]]] = {}
    for row in rows:
        if listed := listed_in(known[row.message_id].mail):
            for address in _read_list(row.recipients):
                recipient = Addressed(row.scope, listed.contact_list, listed.topic, address)
                places.setdefault(recipient, []).append((row.message_id, row.part))
    found: dict[tuple[str, int], list[str]] = {}
    if places:
        for recipient in (yield from contacts.held_back(places.keys())):
            for place in places[recipient]:
                found.setdefault(place, []).append(recipient.address)
    return found


def look(message_id: str) -> Plan[Subscriber | None]:
    """Return who got a message and what they want; None when it is not known, or belongs to no list."""
    return (yield from _subscriber(message_id, rows_of_contacts.get))


def leave(message_id: str, now: Millis) -> Plan[Subscriber | None]:
    """Unsubscribe from the topic of a message, or from everything when it has none."""
    return (yield from _change(message_id, _left, Source.HEADER, now))


def leave_all(message_id: str, now: Millis) -> Plan[Subscriber | None]:
    return (yield from _change(message_id, lambda one: one.contact._replace(unsubscribed=True), Source.PAGE, now))


def choose(message_id: str, wanted: frozenset[str], now: Millis) -> Plan[Subscriber | None]:
    """Subscribe to these topics of the list and to no other; who wants none stays unsubscribed from everything."""

    def chosen(one: Subscriber) -> Contact:
        topics = one.contact_list.topics if one.contact_list else ()
        said = {topic.name: Status.OPT_IN if topic.name in wanted else Status.OPT_OUT for topic in topics}
        wants_any = Status.OPT_IN in said.values() or not topics
        return one.contact._replace(preferences=said, unsubscribed=one.contact.unsubscribed and not wants_any)

    return (yield from _change(message_id, chosen, Source.PAGE, now))


def _left(one: Subscriber) -> Contact:
    if one.contact_list is None or one.contact_list.topic(one.topic) is None:
        return one.contact._replace(unsubscribed=True)
    return one.contact._replace(preferences={**one.contact.preferences, one.topic: Status.OPT_OUT})


def _change(message_id: str, choice: Choice, source: Source, now: Millis) -> Plan[Subscriber | None]:
    """Keep what somebody wants, and tell it if it is new; where their list is gone there is nothing to keep."""
    before = yield from _subscriber(message_id, rows_of_contacts.get_to_change)
    if before is None or before.contact_list is None:
        return before
    after = before._replace(contact=choice(before))
    old, new = _told(before), _told(after)
    if old != new:
        row = contacts.row_of(before.scope, before.contact_list, after.contact, now)
        yield from rows_of_contacts.put([row])
        fact = Subscription(before.contact_list.name, source.value, new, old)
        yield from record([Event(f"{message_id}/subscription/{new_token()}", before.scope, message_id, now, now, fact)])
    return after


Getting = Callable[[rows_of_contacts.Key], Plan[rows_of_contacts.ContactRow | None]]


def _subscriber(message_id: str, getting: Getting) -> Plan[Subscriber | None]:
    message = yield from messages.get(message_id)
    if message is None:
        return None
    mail = _read_mail(message.mail)
    if not mail.contact_list or len(mail.recipients) != 1:
        return None
    recipient = Addressed(message.scope, mail.contact_list, mail.topic, mail.recipients[0])
    listed = yield from contact_lists.find(message.scope, mail.contact_list)
    row = yield from getting(recipient.key)
    contact = Contact(recipient.key.address, {}, unsubscribed=False)
    if row is not None:
        contact = contacts.read(row, listed or ContactList(mail.contact_list))
    return Subscriber(message.scope, message_id, listed, mail.topic, contact)


def _told(one: Subscriber) -> TopicPreferences:
    statuses = effective(one.contact_list, one.contact.preferences) if one.contact_list else {}
    return TopicPreferences(one.contact.unsubscribed, {topic: _TOLD_AS[status] for topic, status in statuses.items()})
