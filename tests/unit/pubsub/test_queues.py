"""Queues as a noun, and messages on their way in, held and gone; each test runs on both engines."""

from typing import Any

import pytest

from pillarbox.kit.clock import DAY, SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues
from pillarbox.pubsub.claiming import ReceivedMessage, Wish
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_errors import (
    InvalidAttributeValue,
    InvalidContents,
    InvalidParameter,
    InvalidReceipt,
    NotInFlight,
    PurgeInProgress,
    QueueDeletedRecently,
    QueueExists,
    QueueMissing,
    TooManyInFlight,
)
from pillarbox.pubsub.queue_names import arn_of
from pillarbox.pubsub.queue_sending import QueuedMessage, Shipment, Verdict
from pillarbox.pubsub.queue_sweep import sweep
from pillarbox.pubsub.receive import receive
from pillarbox.store import queue_messages as stored
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.queue_messages import QueueMessageRow

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
POLICY = '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}}'


async def create(store: Store, name: str, now: Millis = NOON, **attributes: str) -> None:
    await store.write(queues.create, HERE, name, attributes, {}, now)


async def send(store: Store, name: str, *bodies: str, now: Millis = NOON, **more: Any) -> list[Verdict]:
    messages = [QueuedMessage(HERE, name, body, more.get("attributes", {}), "me", more.get("delay")) for body in bodies]
    return await store.commit(queue_sending.enqueue, Shipment(messages, now))


async def take(store: Store, name: str, most: int = 10, now: Millis = NOON, **wish: Any) -> list[ReceivedMessage]:
    return await receive(store, Wish(HERE, name, most, **wish), now)


def bodies(messages: list[ReceivedMessage]) -> list[str]:
    return [message.row.body for message in messages]


async def delete(store: Store, name: str, *handles: str) -> list[Refusal | None]:
    return await store.commit(holding.delete, Deletion(HERE, name, handles, NOON))


async def hold(store: Store, name: str, handle: str, seconds: int, now: Millis = NOON) -> Refusal | None:
    (verdict,) = await store.write(holding.change_visibility, HERE, name, [Change(handle, seconds)], now)
    return verdict


def redrive_to(name: str, most: int) -> str:
    return f'{{"deadLetterTargetArn":"{arn_of(HERE, name)}","maxReceiveCount":"{most}"}}'


async def count_rows(store: Store) -> int:
    def count() -> Plan[int]:
        rows = yield Rows("SELECT count(*) FROM queue_messages")
        return int(rows[0][0])

    return await store.read(count)


async def test_creating_the_same_queue_again_changes_nothing_and_another_value_is_refused(store: Store) -> None:
    await create(store, "q", DelaySeconds="5")
    await create(store, "q", now=NOON + DAY, DelaySeconds="5", VisibilityTimeout="30")
    await create(store, "q", now=NOON + DAY)

    with pytest.raises(QueueExists, match="a different value for attribute DelaySeconds"):
        await create(store, "q", DelaySeconds="6")
    assert (await store.read(queues.find, HERE, "q")).created_at == NOON


async def test_a_queue_tells_its_defaults_and_what_was_set(store: Store) -> None:
    await create(store, "q", VisibilityTimeout="20")
    await store.write(queues.set_attributes, HERE, "q", {"DelaySeconds": "420", "Policy": POLICY}, NOON + 5 * SECOND)
    await send(store, "q", "one", now=NOON)

    assert await store.read(queues.attributes_of, HERE, "q", NOON) == {
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:q",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "1",
        "CreatedTimestamp": "1700000000",
        "LastModifiedTimestamp": "1700000005",
        "VisibilityTimeout": "20",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "420",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "Policy": POLICY,
    }


async def test_a_refused_change_of_attributes_changes_nothing(store: Store) -> None:
    await create(store, "q")
    with pytest.raises(InvalidAttributeValue):
        await store.write(queues.set_attributes, HERE, "q", {"DelaySeconds": "5", "VisibilityTimeout": "x"}, NOON)
    with pytest.raises(InvalidParameter, match="Dead letter target does not exist"):
        await store.write(
            queues.set_attributes, HERE, "q", {"DelaySeconds": "5", "RedrivePolicy": redrive_to("no", 3)}, NOON
        )

    assert (await store.read(queues.find, HERE, "q")).attributes == {}


async def test_a_dead_letter_queue_may_refuse_a_source(store: Store) -> None:
    await create(store, "dead", RedriveAllowPolicy='{"redrivePermission":"denyAll"}')

    with pytest.raises(InvalidParameter, match="does not allow this source queue"):
        await create(store, "q", RedrivePolicy=redrive_to("dead", 3))


async def test_a_queue_of_another_account_or_region_is_not_there(store: Store) -> None:
    await create(store, "q")

    for scope in (Scope("210987654321", "us-east-1"), Scope(HERE.account, "eu-west-1")):
        with pytest.raises(QueueMissing):
            await store.read(queues.find, scope, "q")
        assert await store.read(queues.page, scope, lambda name, queue: True, "", 10) == ([], False)


async def test_queues_are_listed_in_pages(store: Store) -> None:
    for name in ("mail-b", "other", "mail-a", "mail-c"):
        await create(store, name)

    def page(after: str) -> Any:
        return store.read(queues.page, HERE, lambda name, queue: name.startswith("mail"), after, 2)

    assert await page("") == (["mail-a", "mail-b"], True)
    assert await page("mail-b") == (["mail-c"], False)


async def test_the_name_of_a_deleted_queue_is_free_after_a_minute(store: Store) -> None:
    await create(store, "q")
    await send(store, "q", "old")
    await store.write(queues.delete, HERE, "q", NOON)

    with pytest.raises(QueueMissing):
        await take(store, "q")
    with pytest.raises(QueueDeletedRecently, match="You must wait 60 seconds"):
        await create(store, "q", now=NOON + 60 * SECOND - 1)
    await create(store, "q", now=NOON + 60 * SECOND)
    assert await take(store, "q", now=NOON + 60 * SECOND) == []


async def test_a_purge_forgets_all_messages_and_may_be_repeated_after_a_minute(store: Store) -> None:
    await create(store, "q")
    await send(store, "q", "held", "visible")
    (held,) = await take(store, "q", most=1)
    await store.write(queues.purge, HERE, "q", NOON)
    await send(store, "q", "new")

    with pytest.raises(PurgeInProgress, match="Only one PurgeQueue operation on q is allowed every 60 seconds"):
        await store.write(queues.purge, HERE, "q", NOON + 60 * SECOND - 1)
    assert await delete(store, "q", held.receipt_handle) == [None]
    assert bodies(await take(store, "q", now=NOON + 59 * SECOND)) == ["new"]
    await store.write(queues.purge, HERE, "q", NOON + 60 * SECOND)


async def test_the_sweep_removes_what_purges_and_deletions_left_and_what_is_too_old(store: Store) -> None:
    await create(store, "purged")
    await create(store, "deleted")
    await create(store, "kept")
    for name in ("purged", "deleted", "kept"):
        await send(store, name, *"abc")
    await store.write(queues.purge, HERE, "purged", NOON)
    await store.write(queues.delete, HERE, "deleted", NOON)

    while await store.write(sweep, NOON + 14 * DAY - 1):
        pass
    assert await count_rows(store) == 3
    assert not await store.write(sweep, NOON + 14 * DAY)
    assert await count_rows(store) == 0


async def test_tags_are_added_and_taken_away_within_their_limits(store: Store) -> None:
    await create(store, "q")
    await store.write(queues.tag, HERE, "q", {"a": "1", "b": ""}, NOON)
    await store.write(queues.tag, HERE, "q", {"a": "2"}, NOON)
    await store.write(queues.untag, HERE, "q", ["b", "absent"], NOON)

    assert (await store.read(queues.find, HERE, "q")).tags == {"a": "2"}
    for wrong in ({"aws:x": ""}, {"": ""}, {"k" * 129: ""}, {"k": "v" * 257}, {str(n): "" for n in range(50)}):
        with pytest.raises(InvalidParameter):
            await store.write(queues.tag, HERE, "q", wrong, NOON)


async def test_each_message_is_accepted_or_refused_for_itself(store: Store) -> None:
    await create(store, "q", MaximumMessageSize="1024")
    items = [
        QueuedMessage(HERE, "q", "good", {}, "sns"),
        QueuedMessage(HERE, "missing", "x", {}, "sns"),
        QueuedMessage(HERE, "q", "y" * 1025, {}, "sns"),
        QueuedMessage(HERE, "q", "z" * 1024, {}, "sns"),
    ]

    assert await store.write(queue_sending.enqueue_many, items, NOON) == [
        None,
        "The specified queue does not exist.",
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
        None,
    ]
    assert sorted(bodies(await take(store, "q"))) == ["good", "z" * 1024]


async def test_bad_content_and_bad_delays_are_refused(store: Store) -> None:
    await create(store, "q")

    assert isinstance((await send(store, "q", "\x00"))[0], InvalidContents)
    assert isinstance((await send(store, "q", "x", attributes={".": {"DataType": "String"}}))[0], InvalidParameter)
    (late,) = await send(store, "q", "x", delay=901)
    assert str(late) == (
        "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
    )


async def test_a_delay_of_a_message_goes_before_that_of_its_queue(store: Store) -> None:
    await create(store, "q", DelaySeconds="10")
    await send(store, "q", "by queue")
    await send(store, "q", "at once", delay=0)

    assert bodies(await take(store, "q")) == ["at once"]
    assert bodies(await take(store, "q", now=NOON + 10 * SECOND)) == ["by queue"]


async def test_a_received_message_tells_where_and_when_it_came_from(store: Store) -> None:
    await create(store, "q")
    await send(store, "q", "x")
    await take(store, "q", now=NOON + 5, visibility_seconds=0)
    (message,) = await take(store, "q", now=NOON + 7)

    assert message.system == {
        "SenderId": "me",
        "SentTimestamp": str(NOON),
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": str(NOON + 5),
    }


async def test_an_older_handle_still_deletes_and_a_second_deletion_succeeds(store: Store) -> None:
    await create(store, "q")
    await send(store, "q", "x")
    (first,) = await take(store, "q", visibility_seconds=0)
    (second,) = await take(store, "q")

    assert first.receipt_handle != second.receipt_handle
    assert await delete(store, "q", first.receipt_handle, second.receipt_handle) == [None, None]
    assert await take(store, "q", now=NOON + DAY) == []


async def test_a_handle_of_another_queue_deletes_nothing(store: Store) -> None:
    await create(store, "q")
    await create(store, "other")
    await send(store, "q", "x")
    (message,) = await take(store, "q", visibility_seconds=0)

    (refusal,) = await delete(store, "other", message.receipt_handle)
    assert isinstance(refusal, InvalidReceipt)
    assert [str(one) for one in await delete(store, "missing", "x")] == ["The specified queue does not exist."]
    assert bodies(await take(store, "q")) == ["x"]


async def test_a_held_message_can_be_let_go_or_held_longer_but_a_visible_one_cannot(store: Store) -> None:
    await create(store, "q")
    await send(store, "q", "x")
    (message,) = await take(store, "q")
    handle = message.receipt_handle

    assert await hold(store, "q", handle, 60, NOON + 10 * SECOND) is None
    assert await take(store, "q", now=NOON + 70 * SECOND - 1) == []
    assert await hold(store, "q", handle, 0, NOON + 20 * SECOND) is None
    assert isinstance(await hold(store, "q", handle, 5, NOON + 20 * SECOND), NotInFlight)
    assert bodies(await take(store, "q", now=NOON + 20 * SECOND)) == ["x"]


async def test_a_message_is_held_twelve_hours_at_most_and_only_while_it_is_there(store: Store) -> None:
    await create(store, "q")
    await send(store, "q", "x")
    (message,) = await take(store, "q")
    handle = message.receipt_handle

    for seconds in (-1, 43_201):
        assert "Must be between 0 and 43200" in str(await hold(store, "q", handle, seconds))
    assert "beyond the limit [43200 seconds]" in str(await hold(store, "q", handle, 43_200, NOON + 1))
    assert await hold(store, "q", handle, 43_200, NOON) is None
    await delete(store, "q", handle)
    assert str(await hold(store, "q", handle, 5)) == (
        f"Value {handle} for parameter ReceiptHandle is invalid."
        " Reason: Message does not exist or is not available for visibility timeout change."
    )


async def test_a_message_received_too_often_moves_to_the_dead_letter_queue(store: Store) -> None:
    await create(store, "dead")
    await create(store, "q", RedrivePolicy=redrive_to("dead", 2))
    await send(store, "q", "poison")
    for _ in range(2):
        assert bodies(await take(store, "q", visibility_seconds=0)) == ["poison"]
    await send(store, "q", "fine")

    assert bodies(await take(store, "q", most=1)) == ["fine"]
    (letter,) = await take(store, "dead", now=NOON + SECOND)
    assert letter.row.body == "poison"
    assert letter.system["DeadLetterQueueSourceArn"] == arn_of(HERE, "q")
    assert letter.system["ApproximateReceiveCount"] == "1"
    assert letter.system["SentTimestamp"] == str(NOON)


async def test_without_its_dead_letter_queue_a_message_stays(store: Store) -> None:
    await create(store, "dead")
    await create(store, "q", RedrivePolicy=redrive_to("dead", 1))
    await store.write(queues.delete, HERE, "dead", NOON)
    await send(store, "q", "x")

    for _ in range(3):
        assert bodies(await take(store, "q", visibility_seconds=0)) == ["x"]


async def test_a_message_is_gone_after_its_retention_and_a_change_of_it_counts_for_all(store: Store) -> None:
    await create(store, "q", MessageRetentionPeriod="60")
    await send(store, "q", "a", "b")
    await send(store, "q", "young", now=NOON + 10 * SECOND)

    assert bodies(await take(store, "q", now=NOON + 60 * SECOND)) == ["young"]
    assert await count_rows(store) == 1
    await store.write(queues.set_attributes, HERE, "q", {"MessageRetentionPeriod": "120"}, NOON)
    assert bodies(await take(store, "q", now=NOON + 100 * SECOND)) == ["young"]


async def test_no_more_messages_are_in_flight_than_may_be(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """120,000 of them are too many to make here twice; tests/contract/sqs/test_messages.py does it once."""
    most = 120
    for module in ("claiming", "receive"):
        monkeypatch.setattr(f"pillarbox.pubsub.{module}.MOST_IN_FLIGHT", most)
    await create(store, "q")
    key = (await store.read(queues.find, HERE, "q")).key
    rows = [
        QueueMessageRow(key, HERE.account, str(number), NOON, NOON, "me", "{}", "{}", "x") for number in range(most + 2)
    ]
    await store.write(stored.add, rows)
    await store.write(stored.claim, key, most - 1, NOON, NOON + 10 * SECOND)

    assert len(await take(store, "q")) == 1
    with pytest.raises(TooManyInFlight):
        await take(store, "q")
    assert len(await take(store, "q", now=NOON + 10 * SECOND)) == 10
