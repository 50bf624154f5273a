"""Contact lists: the topics that the contacts of an account may want mail about, or not.

Plans. Called by api/, by sending, which looks up what a send names, and by
edge/unsubscribe.py. Who is on a list is said in resources/contacts.py.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import pages, tags
from pillarbox.store import contacts, nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

KIND = "contact-list"
# https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html
MOST_LISTS = 1
MOST_TOPICS = 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_DISPLAY_NAME = 128
_LONGEST_DESCRIPTION = 500


class Status(StrEnum):
    """Whether somebody wants mail about a topic."""

    OPT_IN = "OPT_IN"
    OPT_OUT = "OPT_OUT"


class Topic(msgspec.Struct, frozen=True):
    """`default` holds for contacts who have not said what they want."""

    name: str
    display_name: str
    default: Status
    description: str = ""


class ContactList(msgspec.Struct, frozen=True):
    name: str
    topics: tuple[Topic, ...] = ()
    description: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    def topic(self, name: str) -> Topic | None:
        return next((topic for topic in self.topics if topic.name == name), None)


class Found(NamedTuple):
    contact_list: ContactList
    created_at: Millis
    updated_at: Millis


class Page(NamedTuple):
    lists: list[Found]
    next_token: str | None


class ListMissing(NotFound):
    """The account has no such contact list in this region."""

    def __init__(self, name: str) -> None:
        super().__init__(f"List with name: {name} doesn't exist.")


class TopicMissing(NotFound):
    """The contact list has no such topic."""

    def __init__(self, name: str, topic: str) -> None:
        super().__init__(f"Topic with name: {topic} doesn't exist in list {name}.")


_read_document = msgspec.json.Decoder(ContactList).decode


def create(scope: Scope, made: ContactList, now: Millis, tag_pairs: Iterable[tuple[str, str]] = ()) -> Plan[None]:
    _check(made)
    made = msgspec.structs.replace(made, tags=tags.checked(tag_pairs, KIND))
    if (yield from nouns.get(scope, KIND, made.name)) is not None:
        raise Duplicate(f"List with name: {made.name} already exists.")
    if (yield from nouns.count(scope, KIND)) >= MOST_LISTS:
        raise LimitReached(f"An account can have {MOST_LISTS} contact list in a region.")
    yield from nouns.create(scope, KIND, made.name, _write(made), now)


def find(scope: Scope, name: str) -> Plan[ContactList | None]:
    noun = yield from nouns.get(scope, KIND, name)
    return _read_document(noun.document) if noun else None


def existing(scope: Scope, name: str) -> Plan[Found]:
    """Return a list, or raise ListMissing."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        raise ListMissing(name)
    return _found(noun)


def list_page(scope: Scope, token: str | None, size: int | None) -> Plan[Page]:
    page = yield from pages.page_of(scope, KIND, token, size)
    return Page([_found(noun) for noun in page.rows], page.next_token)


def update(scope: Scope, new: ContactList, now: Millis) -> Plan[None]:
    """Replace the topics and the description; what contacts have said about a topic that goes means nothing then."""
    _check(new)

    def edit(document: str) -> str:
        return _write(msgspec.structs.replace(new, tags=_read_document(document).tags))

    if not (yield from nouns.change(scope, KIND, new.name, edit, now)):
        raise ListMissing(new.name)


def shrink(scope: Scope, name: str, at_once: int) -> Plan[bool]:
    """Remove some contacts, and say whether there may be more, or raise ListMissing.

    A list may have millions of contacts, and nobody else can write while one transaction removes them all.
    """
    yield from existing(scope, name)
    return (yield from contacts.delete_some(scope, name, at_once)) == at_once


def delete(scope: Scope, name: str) -> Plan[None]:
    """Remove a list with those contacts that it still has, or raise ListMissing."""
    yield from existing(scope, name)
    yield from contacts.delete_all(scope, name)
    yield from nouns.delete(scope, KIND, name)


def _check(one: ContactList) -> None:
    if not _NAME.fullmatch(one.name):
        raise Invalid(f"Invalid contact list name <{one.name}>: {_NAME_RULE}")
    if len(one.topics) > MOST_TOPICS:
        raise Invalid(f"A contact list can have {MOST_TOPICS} topics at the most.")
    _check_description(one.description)
    names = set()
    for topic in one.topics:
        if not _NAME.fullmatch(topic.name):
            raise Invalid(f"Invalid topic name <{topic.name}>: {_NAME_RULE}")
        if topic.name in names:
            raise Invalid(f"Duplicate topic {topic.name}.")
        names.add(topic.name)
        if not 1 <= len(topic.display_name) <= _LONGEST_DISPLAY_NAME:
            raise Invalid(f"The display name of topic {topic.name} must have 1 to {_LONGEST_DISPLAY_NAME} characters.")
        _check_description(topic.description)


_NAME_RULE = "only 1 to 64 alphanumeric ASCII characters, '_', '-' are allowed."


def _check_description(text: str) -> None:
    if len(text) > _LONGEST_DESCRIPTION:
        raise Invalid(f"A description must not exceed {_LONGEST_DESCRIPTION} characters.")


def _write(one: ContactList) -> str:
    return msgspec.json.encode(one).decode()


def _found(noun: Noun) -> Found:
    return Found(_read_document(noun.document), noun.created_at, noun.updated_at)
