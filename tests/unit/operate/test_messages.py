"""The list of messages and the history of one, on both engines."""

import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.kit.clock import HOUR, MINUTE
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.operate import history, messages
from pillarbox.operate.messages import Wanted
from pillarbox.operate.story import span
from pillarbox.store.engine import Store
from tests.support.filled import NOON, Mailroom

OTHER = Scope("210987654321", "eu-west-1")


async def subjects(store: Store, wanted: Wanted) -> list[str]:
    return [message.subject for message in (await messages.page(store, wanted)).messages]


async def test_messages_of_all_accounts_come_newest_first(store: Store) -> None:
    room = Mailroom(store)
    await room.accept(subject="first", at=NOON)
    await room.accept(subject="second", at=NOON + 1, scope=OTHER)
    await room.accept(subject="third", at=NOON + 2)
    assert await subjects(store, Wanted()) == ["third", "second", "first"]
    assert await subjects(store, Wanted(account=OTHER.account)) == ["second"]


async def test_pages_neither_repeat_nor_skip(store: Store) -> None:
    room = Mailroom(store)
    for number in range(5):
        await room.accept(
            subject=str(number), at=NOON, scope=OTHER if number % 2 else Scope("123456789012", "us-east-1")
        )
    seen, after = [], ""
    for _ in range(3):
        page = await messages.page(store, Wanted(limit=2, after=after))
        seen += [message.subject for message in page.messages]
        after = page.next or ""
    assert sorted(seen) == ["0", "1", "2", "3", "4"]
    assert after == ""


async def test_filters_narrow_the_list(store: Store) -> None:
    room = Mailroom(store)
    bounced = await room.accept("ada@example.net", subject="100% off_er", sender="Shop <shop@example.com>")
    await room.attempt(bounced, {"ada@example.net": Refused("550 5.1.1 user unknown")})
    await room.accept("bob@example.org", subject="Invoice", at=NOON + HOUR)
    assert await subjects(store, Wanted(recipient="ADA@")) == ["100% off_er"]
    assert await subjects(store, Wanted(sender="shop@")) == ["100% off_er"]
    assert await subjects(store, Wanted(subject="% OFF_")) == ["100% off_er"]
    assert await subjects(store, Wanted(subject="_%_")) == []
    assert await subjects(store, Wanted(status="bounced")) == ["100% off_er"]
    assert await subjects(store, Wanted(since=NOON + 1)) == ["Invoice"]


@pytest.mark.parametrize("wanted", [Wanted(status="lost"), Wanted(after="x"), Wanted(after="9" * 30 + ".id")])
async def test_a_filter_that_cannot_be_understood_is_refused(store: Store, wanted: Wanted) -> None:
    with pytest.raises(Invalid):
        await messages.page(store, wanted)


async def test_what_was_captured_is_marked_for_its_recipients_only(store: Store) -> None:
    room = Mailroom(store)
    message_id = await room.accept("ada@example.net", "bob@example.org")
    await room.attempt(message_id, {"ada@example.net": Delivered("250 OK")})
    await room.capture(message_id)
    [message] = (await messages.page(store, Wanted())).messages
    assert [(one.status, one.captured) for one in message.recipients] == [("delivered", False), ("delivered", True)]


async def test_a_history_tells_every_event_in_order_with_its_reason(store: Store) -> None:
    room = Mailroom(store)
    message_id = await room.accept("ada@example.net", "bob@example.org", configuration_set="set")
    await room.attempt(message_id, {"bob@example.org": Deferred("greylisted", "451 4.2.1 later")}, NOON + 300)
    await room.attempt(message_id, {"ada@example.net": Refused("550 5.1.1 user unknown")}, NOON + 500)
    found = await history.of(store, message_id, NOON + 800)
    assert [(moment.kind, moment.recipients, moment.said) for moment in found.moments] == [
        ("Send", None, None),
        ("DeliveryDelay", ["bob@example.org"], "451 4.2.1 later"),
        ("Bounce", ["ada@example.net"], "550 5.1.1 user unknown"),
    ]
    assert [one.status for one in found.message.recipients] == ["bounced", "delayed"]
    assert found.tags["ses:configuration-set"] == ["set"]


async def test_a_history_says_what_is_waited_for(store: Store) -> None:
    room = Mailroom(store)
    message_id = await room.accept("bob@example.org")
    [fresh] = (await history.of(store, message_id, NOON)).waiting
    assert fresh.why == "Not tried yet: it is due now."
    await room.attempt(message_id, {"bob@example.org": Deferred("greylisted", "451 4.7.1 later")}, NOON)
    [tried] = (await history.of(store, message_id, NOON + 20_000)).waiting
    left = span(tried.due_at - NOON - 20_000)
    assert tried.why == f"Tried once; the next attempt is due in {left}. Last time: SpamDetected: 451 4.7.1 later."
    assert NOON + MINUTE <= tried.due_at < NOON + 2 * MINUTE
    await room.deliver(message_id, tried.due_at)
    assert (await history.of(store, message_id, tried.due_at)).waiting == []


async def test_the_history_of_another_account_is_not_found(store: Store) -> None:
    message_id = await Mailroom(store).accept()
    assert (await history.of(store, message_id, NOON, "123456789012")).message.message_id == message_id
    for account, asked in (("210987654321", message_id), ("", "no such id")):
        with pytest.raises(NotFound):
            await history.of(store, asked, NOON, account)
