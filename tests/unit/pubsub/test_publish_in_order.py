"""A FIFO topic tells each message once, and all in one order; each test runs on both engines."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import subscriptions, topics
from pillarbox.pubsub.publish import NO_TOPIC, Notice
from pillarbox.pubsub.publish_in_order import Ordered, Told, publish_in_order
from pillarbox.pubsub.subscriptions import Wanted
from pillarbox.pubsub.topic_order import Order, order_of
from pillarbox.store import notifications as stored
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.sqlite import SqliteStore

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q.fifo"
FIFO = {"FifoTopic": "true"}


async def set_up(store: Store, topic: str) -> None:
    await store.write(topics.create, HERE, topic, FIFO, {}, NOON)
    wanted = Wanted(topic, "sqs", QUEUE, {}, "me")
    await store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), NOON)


def ordered(message: str, group: str, known_by: str, *, topic: str = "t.fifo", at: Millis = NOON) -> Ordered:
    return Ordered(Notice(HERE, topic, new_uuid(), None, message), Order(group, known_by), at)


async def publish(store: Store, *items: Ordered) -> list[Told]:
    return await store.write(publish_in_order, items)


def _messages(endpoint: str) -> Plan[list[str]]:
    rows = yield from stored.next_in_order(endpoint, 1_000)
    told = yield from stored.told([row.notification_id for row in rows])
    return [told[row.notification_id].message for row in rows]


async def waiting(store: Store) -> list[str]:
    return await store.read(_messages, QUEUE)


async def test_the_order_is_that_of_publishing_and_no_clock(store: Store) -> None:
    await set_up(store, "t.fifo")
    await publish(store, ordered("1", "a", "1", at=NOON + 9), ordered("2", "b", "2", at=NOON))
    await publish(store, ordered("3", "a", "3", at=NOON - 9))
    assert await waiting(store) == ["1", "2", "3"]


async def test_a_repeated_message_is_told_once_for_five_minutes(store: Store) -> None:
    await set_up(store, "t.fifo")
    (first,) = await publish(store, ordered("1", "a", "x"))
    assert await publish(store, ordered("2", "b", "x", at=NOON + 5 * MINUTE - 1)) == [first]
    (other,) = await publish(store, ordered("3", "a", "x", at=NOON + 5 * MINUTE))
    assert other.place == first.place + 1
    assert await waiting(store) == ["1", "3"]


async def test_what_was_published_long_ago_is_forgotten(store: Store) -> None:
    await set_up(store, "t.fifo")
    await publish(store, *(ordered(str(n), "a", str(n)) for n in range(30)))
    await publish(store, *(ordered(str(n), "a", f"later {n}", at=NOON + 10 * MINUTE) for n in range(2)))

    def kept() -> Plan[int]:
        rows = yield Rows("SELECT count(*) FROM topic_published")
        return int(rows[0][0])

    assert await store.read(kept) == 2


async def test_a_topic_that_is_gone_tells_nobody(store: Store) -> None:
    (told,) = await publish(store, ordered("1", "a", "1"))
    assert told.why == NO_TOPIC


@pytest.mark.parametrize("scope", ["Topic", "MessageGroup"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 3)), max_size=5), max_size=8
    )
)
async def test_a_topic_is_like_a_list_without_repetitions(
    scope: str, batches: Sequence[Sequence[tuple[str, str, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    attributes = {**FIFO, "FifoThroughputScope": scope}
    store = await SqliteStore.open(tmp_path_factory.mktemp("topic"))
    try:
        await set_up(store, "t.fifo")
        expected: list[str] = []
        seen: dict[tuple[str, str], Millis] = {}
        now = NOON
        for batch in batches:
            items = []
            for group, known_by, minutes in batch:
                now += minutes * MINUTE
                message = f"{len(expected)} {group} {known_by} {now}"
                key = (group if scope == "MessageGroup" else "", known_by)
                if key not in seen or now >= seen[key] + 5 * MINUTE:
                    seen[key] = now
                    expected.append(message)
                order = order_of(attributes, group, known_by, message)
                assert order is not None
                items.append(Ordered(Notice(HERE, "t.fifo", new_uuid(), None, message), order, now))
            await publish(store, *items)
        assert await waiting(store) == expected
    finally:
        await store.close()
