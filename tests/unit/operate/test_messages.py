"""The list of messages and the history of one, on both engines."""

from typing import Any

import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.events.follow import Follower
from pillarbox.events.record import record
from pillarbox.events.types import Bounce, BouncedRecipient, Complaint, Event
from pillarbox.kit.clock import HOUR, MINUTE
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.operate import history, messages
from pillarbox.operate.messages import Number, Wanted
from pillarbox.operate.story import span
from pillarbox.stats.follow import count
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.support.filled import NOON, Mailroom
from tests.support.promises import SCOPE

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


async def _counted(store: Store) -> None:
    follower = Follower("stats", store, count, StandingClock(NOON + MINUTE))
    while await follower.step():
        pass


async def _some_mail(store: Store) -> None:
    """One waits, one is refused, five are delivered to: one complains then, one bounces later, two are kept here."""
    room = Mailroom(store)
    await room.accept("ada@x.example", at=NOON)
    for address, later in (("bob@x.example", None), ("eve@x.example", "complaint"), ("joe@x.example", "bounce")):
        sent = await room.accept(address, at=NOON - 3 * HOUR, scope=OTHER if later else SCOPE)
        await room.attempt(sent, {address: Delivered("250 ok")})
        if later == "bounce":
            fact = Bounce("Permanent", "General", [BouncedRecipient(address)], "f")
            await store.write(record, [Event("e-1", OTHER, sent, NOON, NOON, fact)])
        if later == "complaint":
            await store.write(record, [Event("e-2", OTHER, sent, NOON, NOON, Complaint([address], "f"))])
    await room.capture(await room.accept("success@simulator.amazonses.com", "kay@x.example", at=NOON - 26 * HOUR))
    refused = await room.accept("lee@x.example", at=NOON)
    await room.attempt(refused, {"lee@x.example": Refused("550 5.1.1")})


async def test_recipients_are_counted_by_state_and_all_together(store: Store) -> None:
    await _some_mail(store)
    await _counted(store)

    async def counted(**narrowed: Any) -> dict[str, int]:
        numbers = await messages.count_by_state(store, Wanted(**narrowed), NOON + 1)
        return {state: number.recipients for state, number in numbers.items() if number.recipients}

    assert await counted() == {"": 7, "accepted": 1, "delivered": 3, "bounced": 2, "complained": 1}
    assert await counted(account=OTHER.account) == {"": 2, "bounced": 1, "complained": 1}
    assert await counted(since=NOON - 24 * HOUR) == {
        "": 5,
        "accepted": 1,
        "delivered": 1,
        "bounced": 2,
        "complained": 1,
    }
    assert await counted(since=NOON - HOUR, until=NOON + MINUTE) == {"": 2, "accepted": 1, "bounced": 1}
    assert await counted(until=NOON - 24 * HOUR) == {"": 2, "delivered": 2}
    # Between the steps of the statistics, and in minutes that are no longer kept.
    assert await counted(since=NOON + 1) == {}
    assert await counted(since=NOON - 7 * HOUR + MINUTE) == {"accepted": 1, "bounced": 2, "complained": 1}


async def test_what_is_not_in_the_statistics_yet_is_counted_as_far_as_it_is_known(store: Store) -> None:
    await _some_mail(store)

    numbers = await messages.count_by_state(store, Wanted(), NOON)

    assert (numbers[""].recipients, numbers["delivered"].recipients) == (4, 0)


async def test_where_others_are_too_many_to_count_statistics_say_how_many_are_delivered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _some_mail(store)
    await _counted(store)
    monkeypatch.setattr(messages, "MOST_COUNTED", 1)

    numbers = await messages.count_by_state(store, Wanted(), NOON)

    assert numbers["bounced"] == Number(1, or_more=True)
    assert (numbers[""], numbers["delivered"]) == (Number(7), Number(5))


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
