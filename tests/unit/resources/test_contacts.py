"""People on a list, on both engines."""

import pytest

from pillarbox.kit.errors import Duplicate, LimitReached
from pillarbox.kit.ids import Scope
from pillarbox.resources import contact_lists, contacts, imports
from pillarbox.resources.contact_lists import ContactList, ListMissing, Status, Topic
from pillarbox.resources.contacts import Addressed, Contact, ContactMissing, Filter
from pillarbox.resources.import_files import BadRecord, ContactRecord
from pillarbox.store.engine import Store
from tests.support.clock import NOON

SCOPE = Scope("123456789012", "us-east-1")
LIST = ContactList(
    "readers", (Topic("news", "News", Status.OPT_IN), Topic("offers", "Offers", Status.OPT_OUT)), tags={}
)
ADA, BOB, CY = "ada@example.net", "bob@example.net", "cy@example.net"


@pytest.fixture
async def listed(store: Store) -> Store:
    await store.write(contact_lists.create, SCOPE, LIST, NOON)
    return store


async def test_an_account_has_one_list_in_a_region(listed: Store) -> None:
    with pytest.raises(Duplicate):
        await listed.write(contact_lists.create, SCOPE, LIST, NOON)
    with pytest.raises(LimitReached):
        await listed.write(contact_lists.create, SCOPE, ContactList("others"), NOON)
    await listed.write(contact_lists.create, Scope(SCOPE.account, "eu-west-1"), LIST, NOON)


async def test_whoever_said_no_is_held_back_and_whoever_said_nothing_by_the_default(listed: Store) -> None:
    out, into = {"news": Status.OPT_OUT}, {"offers": Status.OPT_IN}
    await listed.write(contacts.create, SCOPE, "readers", Contact(ADA, {**out, **into}, unsubscribed=False), NOON)
    await listed.write(contacts.create, SCOPE, "readers", Contact(BOB, into, unsubscribed=True), NOON)
    asked = [
        Addressed(SCOPE, "readers", topic, address)
        for topic in ("news", "offers", "")
        for address in (ADA, "bob@EXAMPLE.net", CY)
    ]

    found = await listed.read(contacts.held_back, asked)

    assert {(one.topic, one.address) for one in found} == {
        ("news", ADA),
        ("news", "bob@EXAMPLE.net"),
        ("offers", "bob@EXAMPLE.net"),
        ("offers", CY),
        ("", "bob@EXAMPLE.net"),
    }


async def test_a_list_that_is_gone_holds_nobody_back_by_a_default(listed: Store) -> None:
    await listed.write(contact_lists.delete, SCOPE, "readers")
    assert await listed.read(contacts.held_back, [Addressed(SCOPE, "readers", "offers", CY)]) == set()


async def test_unknown_recipients_become_contacts_and_known_ones_stay(listed: Store) -> None:
    said = Contact(ADA, {"news": Status.OPT_OUT}, unsubscribed=False, attributes="{}")
    await listed.write(contacts.create, SCOPE, "readers", said, NOON)
    recipients = [Addressed(SCOPE, "readers", "news", address) for address in (CY, ADA, CY)]
    await listed.write(contacts.add_unknown, [*recipients, Addressed(SCOPE, "gone", "", BOB)], NOON + 1)

    page = await listed.read(contacts.list_page, SCOPE, "readers", Filter(), None, None)

    assert [(one.address, one.preferences, one.attributes, one.created_at) for one in page.contacts] == [
        (ADA, {"news": Status.OPT_OUT}, "{}", NOON),
        (CY, {}, "", NOON + 1),
    ]


async def test_a_filtered_page_goes_on_where_it_stopped_looking(listed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "_BATCH", 10)
    monkeypatch.setattr(contacts, "_MOST_LOOKED_AT", 20)
    records = [
        ContactRecord(
            number, f"{number:03}@example.net", {"news": Status.OPT_OUT if number in (25, 70) else Status.OPT_IN}
        )
        for number in range(100)
    ]
    assert await listed.write(imports.put_contacts, SCOPE, "readers", records, NOON) == []
    found, token, pages = [], None, 0
    while True:
        page = await listed.read(contacts.list_page, SCOPE, "readers", Filter(Status.OPT_OUT, "news"), token, 1)
        found += [one.address for one in page.contacts]
        pages, token = pages + 1, page.next_token
        if token is None:
            break
    assert found == ["025@example.net", "070@example.net"]
    assert 5 <= pages <= 8


async def test_people_are_found_by_how_their_addresses_begin(listed: Store) -> None:
    addresses = ["ab%@example.net", "ab-c@example.net", "abc@example.net", "Abc@example.net", "abc@other.example"]
    records = [ContactRecord(number, address) for number, address in enumerate(addresses)]
    assert await listed.write(imports.put_contacts, SCOPE, "readers", records, NOON) == []

    async def found(prefix: str) -> set[str]:
        page = await listed.read(contacts.list_page, SCOPE, "readers", Filter(prefix=prefix), None, None)
        return {one.address for one in page.contacts}

    assert await found("ab%") == {"ab%@example.net"}
    assert await found("abc@EXAMPLE") == {"abc@example.net"}
    assert await found("abc") == {"abc@example.net", "abc@other.example"}
    assert await found("_b") == set()


async def test_an_import_takes_what_it_can_and_the_last_word_on_an_address(listed: Store) -> None:
    records = [
        ContactRecord(1, ADA, unsubscribed=True),
        ContactRecord(2, "nobody"),
        ContactRecord(3, BOB, {"sport": Status.OPT_IN}),
        ContactRecord(4, ADA, {"news": Status.OPT_OUT}),
    ]
    bad = await listed.write(imports.put_contacts, SCOPE, "readers", records, NOON)
    assert [one.line for one in bad] == [2, 3]
    found, _ = await listed.read(contacts.get, SCOPE, "readers", ADA)
    assert (found.unsubscribed, found.preferences) == (False, {"news": Status.OPT_OUT})
    bad = await listed.write(imports.delete_contacts, SCOPE, "readers", [records[0], ContactRecord(9, CY)])
    assert bad == [BadRecord(9, "cy@example.net doesn't exist in List.")]
    with pytest.raises(ContactMissing):
        await listed.read(contacts.get, SCOPE, "readers", ADA)
    with pytest.raises(ListMissing):
        await listed.write(imports.put_contacts, SCOPE, "others", records, NOON)


async def test_a_long_list_is_emptied_in_pieces(listed: Store) -> None:
    records = [ContactRecord(number, f"{number}@example.net") for number in range(25)]
    await listed.write(imports.put_contacts, SCOPE, "readers", records, NOON)
    assert await listed.write(contact_lists.shrink, SCOPE, "readers", 10) is True
    assert await listed.write(contact_lists.shrink, SCOPE, "readers", 16) is False
    await listed.write(contact_lists.delete, SCOPE, "readers")
    with pytest.raises(ListMissing):
        await listed.write(contact_lists.shrink, SCOPE, "readers", 10)
