"""A FIFO topic keeps its order up to the queue, whoever delivers and whatever comes between."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.kit.net import Outside
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import queues, subscribed_topics, subscriptions, topics
from pillarbox.pubsub.dead_letters import list_dead, replay
from pillarbox.pubsub.deliver import Deliverer
from pillarbox.pubsub.publish import Notice
from pillarbox.pubsub.publish_in_order import Ordered, publish_in_order
from pillarbox.pubsub.signing import Signer
from pillarbox.pubsub.subscriptions import Wanted
from pillarbox.pubsub.topic_order import Order
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})
GROUPS = "abc"


class Noon:
    def now(self) -> Millis:
        return NOON


class NoMail:
    async def send(self, **_letter: str) -> None:
        raise AssertionError("a FIFO topic writes no mails")


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:123456789012:{name}"


def _bodies(queue: str) -> Plan[list[str]]:
    """Return what is in a queue, in its order."""
    found = yield from queues.find(HERE, queue)
    rows = yield Rows("SELECT body FROM queue_messages WHERE queue = ? ORDER BY number", (found.key,))
    return [row[0] for row in rows]


@dataclass
class Line:
    """A FIFO topic `t.fifo` with two deliverers, as in two processes."""

    store: Store
    deliverers: list[Deliverer]
    published: list[str] = field(default_factory=list)

    async def new_queue(self, name: str) -> None:
        await self.store.write(queues.create, HERE, name, {"FifoQueue": "true"}, {}, NOON)

    async def subscribe(self, name: str, **attributes: str) -> None:
        wanted = Wanted("t.fifo", "sqs", queue_arn(name), {"RawMessageDelivery": "true", **attributes}, "me")
        await self.store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), NOON)

    async def publish(self, group: str, count: int) -> None:
        for _ in range(count):
            message = f"{group}{len(self.published)}"
            self.published.append(message)
            notice = Notice(HERE, "t.fifo", new_uuid(), None, message)
            told = await self.store.commit(publish_in_order, Ordered(notice, Order(group, message), NOON))
            assert told.why is None

    async def deliver(self) -> None:
        await asyncio.gather(*(deliverer.deliver_due() for deliverer in self.deliverers))

    async def in_queue(self, name: str) -> list[str]:
        return await self.store.read(_bodies, name)


@pytest.fixture
async def line(store: Store) -> AsyncIterator[Line]:
    signer = await Signer.load(store, KEYRING, "https://certs.example", NOON)
    outside = Outside()
    deliverers = [
        Deliverer(store, signer, outside, KEYRING, "https://box.example", Noon(), NoMail(), queues_need_policy=False)
        for _ in range(2)
    ]
    await store.write(topics.create, HERE, "t.fifo", {"FifoTopic": "true"}, {}, NOON)
    yield Line(store, deliverers)
    await outside.close()
    signer.close()


def of_group(bodies: list[str], group: str) -> list[str]:
    return [body for body in bodies if body.startswith(group)]


async def test_many_publish_and_two_deliver(line: Line) -> None:
    for name in ("one.fifo", "two.fifo"):
        await line.new_queue(name)
        await line.subscribe(name)
    publishing = asyncio.gather(*(line.publish(group, 60) for group in GROUPS))
    while not publishing.done():
        await line.deliver()
    await publishing
    await line.deliver()
    for name in ("one.fifo", "two.fifo"):
        there = await line.in_queue(name)
        assert sorted(there) == sorted(line.published)
        for group in GROUPS:
            assert of_group(there, group) == of_group(line.published, group)


async def test_what_a_queue_does_not_take_is_kept_and_replayed(line: Line) -> None:
    await line.new_queue("dead.fifo")
    await line.subscribe("late.fifo", RedrivePolicy=json.dumps({"deadLetterTargetArn": queue_arn("dead.fifo")}))
    await line.publish("a", 3)
    await line.deliver()
    assert await line.in_queue("dead.fifo") == line.published
    await line.new_queue("late.fifo")
    letters = await line.store.read(list_dead, HERE)
    assert await line.store.write(replay, HERE, letters, NOON) == 3
    await line.deliver()
    assert await line.in_queue("late.fifo") == line.published


async def test_those_who_left_hold_up_nobody(line: Line) -> None:
    await line.new_queue("one.fifo")
    await line.subscribe("one.fifo")
    await line.publish("a", 2)
    await line.store.write(subscribed_topics.delete, HERE, "t.fifo")
    await line.store.write(topics.create, HERE, "t.fifo", {"FifoTopic": "true"}, {}, NOON)
    await line.subscribe("one.fifo")
    await line.publish("a", 2)
    await line.deliver()
    assert await line.in_queue("one.fifo") == line.published[2:]
