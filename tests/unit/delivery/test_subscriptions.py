"""What recipients want, as delivery asks it and as they change it, on both engines."""

from dataclasses import replace

import pytest

from pillarbox.delivery import subscriptions
from pillarbox.delivery.outcome import Refused
from pillarbox.delivery.suppression import HeldBack, held_back
from pillarbox.events.types import UNSUBSCRIBED, Kind
from pillarbox.resources import contact_lists, contacts
from pillarbox.resources.contact_lists import ContactList, Status, Topic
from pillarbox.resources.contacts import Contact
from pillarbox.sending.accept import keep_promises
from pillarbox.sending.list_management import ListManagement, from_header
from pillarbox.store import events, messages, outgoing
from pillarbox.store.engine import Store
from tests.support.clock import NOON
from tests.support.promises import SCOPE, draft, listed_promise

JANE, JOE = "jane@example.net", "joe@example.net"
LIST = ContactList("readers", (Topic("news", "News", Status.OPT_IN),))


@pytest.fixture
async def listed(store: Store) -> Store:
    await store.write(contact_lists.create, SCOPE, LIST, NOON)
    return store


async def send(store: Store, *to: str, topic: str = "news") -> str:
    asked = replace(draft(*to), list_management=ListManagement("readers", topic))
    made = listed_promise(asked, LIST, NOON)
    assert await store.commit(keep_promises, made) is None
    return made.message.message_id


async def kept_from(store: Store, message_id: str, attempts: int = 0) -> HeldBack:
    """Return whom an attempt of a message (to one domain) must not reach."""
    (row,) = await store.read(outgoing.of_message, message_id)
    known = await store.read(messages.get_many, [message_id])
    found = await store.read(held_back, [row._replace(attempts=attempts)], known)
    return found.get((message_id, row.part), {})


async def told(store: Store, message_id: str) -> list[str]:
    found = await store.read(events.of_message, message_id)
    return [one.fact for one in found if one.kind == Kind.SUBSCRIPTION.value]


async def test_whoever_left_is_kept_from_the_next_message(listed: Store) -> None:
    first = await send(listed, JANE)
    assert await kept_from(listed, first) == {}
    await listed.write(subscriptions.leave, first, NOON)

    second = await send(listed, JANE, JOE)

    assert await kept_from(listed, second) == {JANE: Refused(subtype=UNSUBSCRIBED)}
    assert await kept_from(listed, second, attempts=1) == {}  # what was near the far side once is its affair


async def test_each_change_is_told_once(listed: Store) -> None:
    message_id = await send(listed, JANE)
    for _ in range(2):
        await listed.write(subscriptions.leave, message_id, NOON)
    assert len(await told(listed, message_id)) == 1
    await listed.write(subscriptions.choose, message_id, frozenset({"news"}), NOON)
    assert len(await told(listed, message_id)) == 2
    await listed.write(subscriptions.choose, message_id, frozenset({"news"}), NOON)
    assert len(await told(listed, message_id)) == 2


async def test_looking_changes_nothing(listed: Store) -> None:
    message_id = await send(listed, JANE)
    one = await listed.read(subscriptions.look, message_id)
    assert one is not None
    assert (one.contact.address, one.topic, one.contact_list) == (JANE, "news", LIST)
    assert await told(listed, message_id) == []


async def test_leaving_keeps_what_the_sender_knows_of_a_contact(listed: Store) -> None:
    known = Contact(JANE, {}, unsubscribed=False, attributes='{"a":1}')
    await listed.write(contacts.create, SCOPE, "readers", known, NOON)
    message_id = await send(listed, JANE, topic="")
    await listed.write(subscriptions.leave, message_id, NOON + 5)
    found, _ = await listed.read(contacts.get, SCOPE, "readers", JANE)
    assert (found.unsubscribed, found.attributes, found.created_at) == (True, '{"a":1}', NOON)


async def test_whoever_was_deleted_meanwhile_can_still_leave(listed: Store) -> None:
    message_id = await send(listed, JANE)
    await listed.write(contacts.delete, SCOPE, "readers", JANE)
    await listed.write(subscriptions.leave, message_id, NOON)
    found, _ = await listed.read(contacts.get, SCOPE, "readers", JANE)
    assert found.preferences == {"news": Status.OPT_OUT}


async def test_a_topic_that_is_gone_is_left_with_everything(listed: Store) -> None:
    message_id = await send(listed, JANE)
    await listed.write(contact_lists.update, SCOPE, ContactList("readers"), NOON)
    await listed.write(subscriptions.leave, message_id, NOON)
    found, _ = await listed.read(contacts.get, SCOPE, "readers", JANE)
    assert found.unsubscribed


async def test_mail_to_several_and_unknown_mail_has_no_subscriber(listed: Store) -> None:
    several = await send(listed, JANE, JOE)
    for message_id in (several, several[:-1] + "9"):
        for planner in (subscriptions.leave, subscriptions.leave_all):
            assert await listed.write(planner, message_id, NOON) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("readers", ListManagement("readers")),
        (" readers ; topic=news", ListManagement("readers", "news")),
        ("readers;TOPIC = news ;x=y", ListManagement("readers", "news")),
        ("readers; x=y; topic=news", ListManagement("readers", "news")),
        ("", None),
        (" ; ", None),
    ],
)
def test_the_header_names_a_list_and_perhaps_a_topic(value: str, read: ListManagement | None) -> None:
    assert from_header(value) == read
