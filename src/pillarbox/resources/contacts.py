"""Contacts: the people on a contact list, and what mail they want.

Plans. Called by api/ for callers who look after their list, by sending, which
adds those it does not know yet, by delivery, which asks whom a message may
reach, and where people change their mind (delivery/subscriptions.py).
https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html
"""

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import contact_lists, pages
from pillarbox.resources.contact_lists import ContactList, Status
from pillarbox.resources.suppression import canonical
from pillarbox.store import contacts
from pillarbox.store.contacts import ContactRow, Key
from pillarbox.store.plan import Plan

Preferences = Mapping[str, Status]

_BATCH = 1_000
# A page looks at no more contacts than this, however few of them fit; its token goes on from there.
_MOST_LOOKED_AT = 50_000
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateContact.html gives no limit; a row needs one.
LONGEST_ATTRIBUTES = 64 * 1024

_read_preferences = msgspec.json.Decoder(dict[str, Status]).decode


class ContactMissing(NotFound):
    """Nobody of that address is on the list."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} doesn't exist in List.")


class Contact(NamedTuple):
    """Somebody on a list; `preferences` hold what they have said, by topic."""

    address: str
    preferences: Preferences
    unsubscribed: bool
    attributes: str = ""
    created_at: Millis = 0
    updated_at: Millis = 0

    def wants(self, listed: ContactList, topic: str) -> bool:
        """Say whether they may get mail of this list about a topic, or (with no topic) mail of the list at all."""
        if self.unsubscribed:
            return False
        return not topic or effective(listed, self.preferences).get(topic, Status.OPT_IN) is Status.OPT_IN


class Filter(NamedTuple):
    """Whom a list is narrowed to: a status, for one topic or (with none) for the list as a whole.

    `prefix` is how addresses begin.
    """

    status: Status | None = None
    topic: str = ""
    default_counts: bool = False
    prefix: str = ""


class Page(NamedTuple):
    contacts: list[Contact]
    contact_list: ContactList
    next_token: str | None


class Addressed(NamedTuple):
    """A recipient of a message that names a contact list."""

    scope: Scope
    list: str
    topic: str
    address: str

    @property
    def key(self) -> Key:
        return Key(*self.scope, self.list, canonical(self.address))


def effective(listed: ContactList, preferences: Preferences) -> dict[str, Status]:
    """Return what holds for each topic of a list: what was said, else the topic's default."""
    return {topic.name: preferences.get(topic.name, topic.default) for topic in listed.topics}


def create(scope: Scope, name: str, contact: Contact, now: Millis) -> Plan[None]:
    listed = (yield from contact_lists.existing(scope, name)).contact_list
    if not (yield from contacts.create(row_of(scope, listed, contact, now))):
        raise Duplicate(f"{contact.address} already exists in List.")


def get(scope: Scope, name: str, address: str) -> Plan[tuple[Contact, ContactList]]:
    listed = (yield from contact_lists.existing(scope, name)).contact_list
    row = yield from contacts.get(_key(scope, name, address))
    if row is None:
        raise ContactMissing(address)
    return read(row, listed), listed


def update(scope: Scope, name: str, contact: Contact, now: Millis) -> Plan[None]:
    """Replace what is known of a contact: a preference or attributes that are not given are gone."""
    listed = (yield from contact_lists.existing(scope, name)).contact_list
    row = row_of(scope, listed, contact, now)
    if (yield from contacts.get_to_change(row.key)) is None:
        raise ContactMissing(contact.address)
    yield from contacts.put([row])


def delete(scope: Scope, name: str, address: str) -> Plan[None]:
    yield from contact_lists.existing(scope, name)
    if not (yield from contacts.delete(_key(scope, name, address))):
        raise ContactMissing(address)


def list_page(scope: Scope, name: str, narrowed: Filter, token: str | None, size: int | None) -> Plan[Page]:
    """Return the next page of those who fit, by address; it may be short although more follow."""
    listed = (yield from contact_lists.existing(scope, name)).contact_list
    if narrowed.topic and listed.topic(narrowed.topic) is None:
        raise contact_lists.TopicMissing(name, narrowed.topic)
    limit = pages.checked_size(size)
    after = _read_token(token) if token else ""
    prefix = canonical(narrowed.prefix) if "@" in narrowed.prefix else narrowed.prefix
    found: list[Contact] = []
    looked_at = 0
    while True:
        batch_size = min(_BATCH, limit + 1) if narrowed.status is None else _BATCH
        rows = yield from contacts.list_by_address(scope, name, after, batch_size, prefix)
        for row in rows:
            contact = read(row, listed)
            if _fits(contact, listed, narrowed):
                if len(found) == limit:
                    return Page(found, listed, _write_token(found[-1].address))
                found.append(contact)
            after = row.address
        looked_at += len(rows)
        if len(rows) < batch_size:
            return Page(found, listed, None)
        if looked_at >= _MOST_LOOKED_AT:
            return Page(found, listed, _write_token(after))


def held_back(recipients: Collection[Addressed]) -> Plan[set[Addressed]]:
    """Return who of them does not want the mail. Where the list or the topic is gone, nobody said so."""
    known = yield from contacts.get_many({one.key for one in recipients})
    lists: dict[tuple[Scope, str], ContactList | None] = {}
    unwilling = set()
    for one in recipients:
        if (one.scope, one.list) not in lists:
            lists[one.scope, one.list] = yield from contact_lists.find(one.scope, one.list)
        listed = lists[one.scope, one.list] or ContactList(one.list)
        row = known.get(one.key)
        contact = read(row, listed) if row else Contact(one.address, {}, unsubscribed=False)
        if not contact.wants(listed, one.topic):
            unwilling.add(one)
    return unwilling


def add_unknown(recipients: Sequence[Addressed], now: Millis) -> Plan[None]:
    """Put on their lists whoever is not there yet, with nothing said; lists that are gone stay so."""
    there = set()
    for scope, name in sorted({(one.scope, one.list) for one in recipients}):
        if (yield from contact_lists.find(scope, name)) is not None:
            there.add((scope, name))
    rows = [ContactRow(*one.key, 0, "{}", "", now, now) for one in recipients if (one.scope, one.list) in there]
    if rows:
        yield from contacts.create_missing(rows)


def row_of(scope: Scope, listed: ContactList, contact: Contact, now: Millis) -> ContactRow:
    """Return a contact as it is stored, or raise what is wrong with it."""
    for topic in contact.preferences:
        if listed.topic(topic) is None:
            raise contact_lists.TopicMissing(listed.name, topic)
    if contact.attributes:
        _check_attributes(contact.attributes)
    written = msgspec.json.encode(contact.preferences).decode()
    key = _key(scope, listed.name, contact.address)
    return ContactRow(*key, int(contact.unsubscribed), written, contact.attributes, now, now)


def read(row: ContactRow, listed: ContactList) -> Contact:
    """Return a contact with what they said about topics that the list still has."""
    said = _read_preferences(row.preferences)
    preferences = {topic.name: said[topic.name] for topic in listed.topics if topic.name in said}
    return Contact(row.address, preferences, bool(row.unsubscribed), row.attributes, row.created_at, row.updated_at)


def _check_attributes(text: str) -> None:
    if len(text.encode()) > LONGEST_ATTRIBUTES:
        raise Invalid(f"AttributesData is longer than {LONGEST_ATTRIBUTES} bytes.")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("AttributesData must be JSON.") from None


def _key(scope: Scope, name: str, address: str) -> Key:
    mailbox = parse_mailbox(address)
    if mailbox.display_name:
        raise Invalid(f"Invalid email address <{address}>: it must be given without a name.")
    return Key(*scope, name, canonical(mailbox.address))


def _fits(contact: Contact, listed: ContactList, narrowed: Filter) -> bool:
    """Whoever is unsubscribed from everything is opted out of each topic, whatever was said about it."""
    if narrowed.status is None:
        return True
    if contact.unsubscribed:
        return narrowed.status is Status.OPT_OUT
    if not narrowed.topic:
        return narrowed.status is Status.OPT_IN
    said: Preferences = contact.preferences
    if narrowed.default_counts:
        said = effective(listed, said)
    return said.get(narrowed.topic) is narrowed.status


def _write_token(address: str) -> str:
    return base64.urlsafe_b64encode(address.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise pages.InvalidToken(f"The pagination token {token} is invalid.") from None
