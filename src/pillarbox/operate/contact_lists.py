"""Contact lists, their topics and the people on them, as somebody looks after them.

Touches the store. Called by the dashboard.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import contact_lists, contacts
from pillarbox.resources.contact_lists import ContactList, Status, Topic
from pillarbox.resources.contacts import Filter
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

_ON_A_PAGE = 100
# Few enough that others who write wait only some milliseconds.
_DELETED_AT_ONCE = 2_000


class Known(msgspec.Struct, frozen=True):
    """A contact list with its topics."""

    account: str
    region: str
    contact_list: ContactList
    created_at: Millis


class Person(msgspec.Struct, frozen=True):
    """Somebody on a list: what they have said by topic, and what holds for each topic (`wants`)."""

    address: str
    unsubscribed: bool
    preferences: dict[str, Status]
    wants: dict[str, Status]
    attributes: str
    created_at: Millis
    updated_at: Millis


class Page(msgspec.Struct, frozen=True):
    """People on a list by address; `next_token` is empty on the last page."""

    contacts: list[Person]
    next_token: str = ""


async def list_all(desk: Desk, account: str = "", region: str = "") -> list[Known]:
    """Return the lists of an account and a region, or of all."""
    return await desk.store.read(_list, account, region)


async def get(desk: Desk, scope: Scope, name: str) -> Known:
    """Return a list, or raise NotFound."""
    found = await desk.store.read(contact_lists.existing, scope, name)
    return Known(*scope, found.contact_list, found.created_at)


async def create(desk: Desk, scope: Scope, name: str, description: str) -> None:
    args = (scope, ContactList(name, description=description), desk.clock.now())
    await audit.write(desk, "contact-lists.create", name, scope, contact_lists.create, *args)


async def delete(desk: Desk, scope: Scope, name: str) -> None:
    """Delete a list with everybody on it; NotFound when there is none of that name."""
    while await desk.store.write(contact_lists.shrink, scope, name, _DELETED_AT_ONCE):
        pass
    await audit.write(desk, "contact-lists.delete", name, scope, contact_lists.delete, scope, name)


async def put_topic(desk: Desk, scope: Scope, name: str, topic: Topic) -> None:
    """Add a topic to a list, or replace the one of that name."""

    def edit(found: ContactList) -> ContactList:
        topics = {one.name: one for one in found.topics} | {topic.name: topic}
        return replace(found, topics=tuple(topics.values()))

    args = (scope, name, edit, desk.clock.now())
    await audit.write(desk, "contact-lists.put-topic", f"{name}/{topic.name}", scope, _edit, *args)


async def remove_topic(desk: Desk, scope: Scope, name: str, topic: str) -> None:
    """Take a topic from a list; what people have said about it means nothing then."""

    def edit(found: ContactList) -> ContactList:
        if found.topic(topic) is None:
            raise contact_lists.TopicMissing(name, topic)
        return replace(found, topics=tuple(one for one in found.topics if one.name != topic))

    args = (scope, name, edit, desk.clock.now())
    await audit.write(desk, "contact-lists.remove-topic", f"{name}/{topic}", scope, _edit, *args)


async def page(desk: Desk, scope: Scope, name: str, narrowed: Filter, token: str) -> Page:
    """Return the next page of those who fit, by address."""
    found = await desk.store.read(contacts.list_page, scope, name, narrowed, token or None, _ON_A_PAGE)
    return Page([_person(one, found.contact_list) for one in found.contacts], found.next_token or "")


async def person(desk: Desk, scope: Scope, name: str, address: str) -> Person:
    """Return somebody on a list, or raise NotFound."""
    return _person(*await desk.store.read(contacts.get, scope, name, address))


async def add(desk: Desk, scope: Scope, name: str, address: str) -> None:
    """Put somebody on a list who has said nothing yet."""
    args = (scope, name, contacts.Contact(address, {}, unsubscribed=False), desk.clock.now())
    await audit.write(desk, "contacts.create", f"{name} {address}", scope, contacts.create, *args)


async def update(
    desk: Desk, scope: Scope, name: str, address: str, said: Mapping[str, Status], unsubscribed: bool, attributes: str
) -> None:
    """Replace what somebody on a list wants and what is known of them."""
    args = (scope, name, contacts.Contact(address, said, unsubscribed, attributes), desk.clock.now())
    await audit.write(desk, "contacts.update", f"{name} {address}", scope, contacts.update, *args)


async def remove(desk: Desk, scope: Scope, name: str, address: str) -> None:
    await audit.write(desk, "contacts.delete", f"{name} {address}", scope, contacts.delete, scope, name, address)


def _person(one: contacts.Contact, listed: ContactList) -> Person:
    wants = contacts.effective(listed, one.preferences)
    if one.unsubscribed:
        wants = dict.fromkeys(wants, Status.OPT_OUT)
    said = dict(one.preferences)
    return Person(one.address, one.unsubscribed, said, wants, one.attributes, one.created_at, one.updated_at)


def _edit(scope: Scope, name: str, edit: Callable[[ContactList], ContactList], now: Millis) -> Plan[None]:
    found = yield from contact_lists.existing(scope, name)
    yield from contact_lists.update(scope, edit(found.contact_list), now)


def _list(account: str, region: str) -> Plan[list[Known]]:
    found: list[Known] = []
    for scope in (yield from nouns.scopes()):
        if account in ("", scope.account) and region in ("", scope.region):
            listed = yield from contact_lists.list_page(scope, None, None)
            found += [Known(*scope, one.contact_list, one.created_at) for one in listed.lists]
    return found
