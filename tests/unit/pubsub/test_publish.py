"""Publishing makes a row for each subscription that wants to know; each test runs on both engines."""

import json
from typing import Any

import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import subscribers, subscriptions, topics
from pillarbox.pubsub.dead_letters import list_dead, replay
from pillarbox.pubsub.publish import NO_TOPIC, NOT_ALLOWED, Notice, publish_many, publish_together, read_extras
from pillarbox.pubsub.subscriptions import Wanted
from pillarbox.pubsub.topic_access import by_ses
from pillarbox.store import notifications as stored
from pillarbox.store.engine import Store
from pillarbox.store.notifications import DeliveryRow, Ending
from pillarbox.store.plan import Plan
from tests.support.waiting import posts_due

HERE = Scope("123456789012", "us-east-1")
ELSEWHERE = Scope("210987654321", "us-east-1")
NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})


@pytest.fixture(autouse=True)
async def topic(store: Store) -> None:
    await store.write(topics.create, HERE, "events", {}, {}, NOON)


def queue(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:123456789012:{name}"


async def subscribe(store: Store, name: str, **attributes: str) -> str:
    wanted = Wanted("events", "sqs", queue(name), attributes, "me")
    made = await store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), NOON)
    return subscribers.place_of(made.arn, HERE.region)[1]


def notice(notification_id: str, **more: Any) -> Notice:
    return Notice(HERE, more.pop("topic", "events"), notification_id, None, more.pop("message", "hello"), **more)


async def publish(store: Store, *notices: Notice, now: Millis = NOON) -> list[str | None]:
    return await store.write(publish_many, notices, now)


async def waiting(store: Store, name: str) -> list[str]:
    rows = await store.write(stored.claim, queue(name), "lease", NOON + 1, NOON + 1, 99)
    return sorted(row.notification_id for row in rows)


async def test_every_confirmed_subscription_is_told(store: Store) -> None:
    await subscribe(store, "a")
    await subscribe(store, "b")
    wanted = Wanted("events", "https", "https://example.com/", {}, "me")
    await store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), NOON)  # pending
    assert await publish(store, notice("n1"), notice("n2")) == [None, None]
    assert await waiting(store, "a") == await waiting(store, "b") == ["n1", "n2"]
    found = await store.read(stored.endpoints)
    assert ("https://example.com/", "https", NOON) in found  # its confirmation, and no more
    assert len(await store.write(stored.claim, "https://example.com/", "lease", NOON, NOON + 1, 9)) == 1


async def test_a_topic_that_is_not_there_is_told_by_reason(store: Store) -> None:
    await subscribe(store, "a")
    elsewhere = Notice(ELSEWHERE, "events", "n3", None, "hello")
    verdicts = await publish(store, notice("n1", topic="missing"), notice("n2"), elsewhere)
    assert verdicts == [NO_TOPIC, None, NO_TOPIC]
    assert await waiting(store, "a") == ["n2"]


async def test_a_topic_that_denies_ses_is_told_by_reason(store: Store) -> None:
    await subscribe(store, "a")
    statement = {
        "Effect": "Deny",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "SNS:Publish",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await store.write(topics.set_attribute, HERE, "events", "Policy", policy, NOON)
    ses = by_ses(HERE.account)
    assert await publish(store, notice("n1", asking=ses), notice("n2")) == [NOT_ALLOWED, None]
    assert await waiting(store, "a") == ["n2"]


async def test_told_again_under_the_same_id_nothing_changes(store: Store) -> None:
    await subscribe(store, "a")
    await publish(store, notice("n1"))
    await publish(store, notice("n1", message="other"), now=NOON + 5)
    assert await waiting(store, "a") == ["n1"]
    assert (await store.read(stored.told, ["n1"]))["n1"].message == "hello"


async def test_only_those_whose_filter_fits_are_told(store: Store) -> None:
    await subscribe(store, "by-attribute", FilterPolicy='{"kind": ["x"]}')
    await subscribe(store, "by-body", FilterPolicy='{"eventType": ["Bounce"]}', FilterPolicyScope="MessageBody")
    x = {"kind": {"Type": "String", "Value": "x"}}
    await publish(store, notice("n1", attributes=x), notice("n2", message='{"eventType":"Bounce"}'), notice("n3"))
    assert await waiting(store, "by-attribute") == ["n1"]
    assert await waiting(store, "by-body") == ["n2"]
    assert set(await store.read(stored.told, ["n1", "n2", "n3"])) == {"n1", "n2"}


async def test_a_filter_sees_the_message_of_its_protocol(store: Store) -> None:
    await subscribe(store, "a", FilterPolicy='{"for": ["queues"]}', FilterPolicyScope="MessageBody")
    await publish(store, notice("n1", by_protocol={"sqs": '{"for": "queues"}'}), notice("n2"))
    assert await waiting(store, "a") == ["n1"]
    assert read_extras((await store.read(stored.told, ["n1"]))["n1"].attributes).by_protocol == {
        "sqs": '{"for": "queues"}'
    }


async def test_those_who_publish_at_the_same_time_share_a_transaction(store: Store) -> None:
    await subscribe(store, "a")
    items = [(notice("n1"), NOON), (notice("n2", topic="missing"), NOON), (notice("n3"), NOON + 1)]
    assert await store.write(publish_together, items) == [None, NO_TOPIC, None]
    assert await store.commit(publish_together, (notice("n4"), NOON)) is None
    assert await waiting(store, "a") == ["n1", "n3", "n4"]


async def test_a_claim_is_a_lease(store: Store) -> None:
    await subscribe(store, "a")
    await publish(store, notice("n1"))
    (first,) = await store.write(stored.claim, queue("a"), "one", NOON, NOON + 60, 9)
    assert await store.write(stored.claim, queue("a"), "two", NOON + 59, NOON + 99, 9) == []
    (second,) = await store.write(stored.claim, queue("a"), "two", NOON + 60, NOON + 99, 9)
    assert await store.write(stored.held, [first, second]) == [False, True]


async def test_an_endpoint_with_a_long_backlog_does_not_hide_the_others(store: Store) -> None:
    await subscribe(store, "a")
    await publish(store, *(notice(f"old-{number}") for number in range(300)), now=NOON - 9)
    await subscribe(store, "b")
    await publish(store, notice("new"))
    found = await store.read(stored.endpoints)
    assert found == [(queue("a"), "sqs", NOON - 9), (queue("b"), "sqs", NOON)]
    assert await waiting(store, "b") == ["new"]


def _give_up(rows: list[DeliveryRow], why: str, now: Millis) -> Plan[None]:
    yield from stored.end([Ending(row.notification_id, row.subscription, "dead", now, 4, why, now) for row in rows])


async def test_what_was_given_up_is_listed_newest_first_and_replayed(store: Store) -> None:
    name = await subscribe(store, "a")
    for number in range(3):
        await publish(store, notice(f"n{number}"), now=NOON + number)
    rows = await store.write(stored.claim, queue("a"), "lease", NOON + 9, NOON + 99, 9)
    await store.write(_give_up, rows, "HTTP 404", NOON + 10)
    assert await store.read(posts_due) == 0
    dead = await store.read(list_dead, HERE)
    assert [letter.notification_id for letter in dead] == ["n2", "n1", "n0"]
    assert (dead[0].subscription, dead[0].endpoint, dead[0].attempts, dead[0].why, dead[0].ended_at) == (
        name, queue("a"), 4, "HTTP 404", NOON + 10,
    )  # fmt: skip
    assert await store.read(list_dead, HERE, dead[0], 1) == [dead[1]]
    assert await store.read(list_dead, ELSEWHERE) == []
    assert await store.write(replay, ELSEWHERE, dead, NOON + 20) == 0
    assert await store.write(replay, HERE, dead[:2], NOON + 20) == 2
    assert await store.write(replay, HERE, dead[:2], NOON + 20) == 0
    assert await store.read(list_dead, HERE) == dead[2:]
    again = await store.write(stored.claim, queue("a"), "lease", NOON + 20, NOON + 99, 9)
    assert [(row.notification_id, row.attempts) for row in again] == [("n1", 0), ("n2", 0)]
