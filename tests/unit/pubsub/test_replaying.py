"""What a FIFO topic has kept is told again, in order and once, and then what came meanwhile; on both engines."""

import itertools
import json
from typing import Any

import pytest

from pillarbox.kit.clock import DAY, SECOND, Millis, iso
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import (
    archive_policies,
    attempts,
    queue_sweep,
    replaying,
    subscribed_topics,
    subscribers,
    subscriptions,
    topics,
)
from pillarbox.pubsub.attempts import Finish
from pillarbox.pubsub.publish import Notice
from pillarbox.pubsub.publish_in_order import Ordered, publish_in_order
from pillarbox.pubsub.refusals import InvalidParameter, KeepsAnArchive, TooManyReplays
from pillarbox.pubsub.subscriptions import Wanted
from pillarbox.pubsub.topic_order import Order
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})
KEPT = '{"MessageRetentionPeriod":"7"}'
_ids = itertools.count()


class Topic:
    """A FIFO topic that keeps what it tells, and a queue that is told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = ""

    async def open(self, policy: str = KEPT) -> "Topic":
        attributes = {"FifoTopic": "true", "ArchivePolicy": policy} if policy else {"FifoTopic": "true"}
        await self.store.write(topics.create, HERE, "t.fifo", attributes, {}, NOON)
        return self

    async def publish(self, *messages: str, at: Millis = NOON, **attributes: Any) -> None:
        items = [
            Ordered(Notice(HERE, "t.fifo", f"n{next(_ids)}", None, message, attributes), Order("g", message), at)
            for message in messages
        ]
        await self.store.write(publish_in_order, items)

    async def subscribe(self, at: Millis = NOON, queue: str = "q", **attributes: str) -> None:
        arn = f"arn:aws:sqs:us-east-1:123456789012:{queue}.fifo"
        wanted = subscriptions.named(HERE, Wanted("t.fifo", "sqs", arn, attributes, "me"), KEYRING)
        self.name = subscribers.place_of(
            (await self.store.write(subscriptions.subscribe, HERE, wanted, at)).arn, "us-east-1"
        )[1]

    async def set(self, policy: str, at: Millis) -> None:
        await self.store.write(subscriptions.set_attribute, HERE, self.name, HERE.account, "ReplayPolicy", policy, at)

    async def status(self, at: Millis = NOON) -> str | None:
        told = await self.store.read(subscriptions.attributes_of, HERE, self.name, HERE.account, at)
        return told.get("ReplayStatus")

    async def replay(self, at: Millis) -> None:
        """Do every step that is left."""
        while under_way := await self.store.read(replaying.under_way, 10):
            for active in under_way:
                await self.store.write(replaying.step, active, at)

    async def take(self) -> list[str]:
        """Deliver what is due, and return what was told: a replayed one with a star."""
        jobs, _ = await self.store.read(attempts.next_in_order, "arn:aws:sqs:us-east-1:123456789012:q.fifo", NOON, 999)
        await self.store.write(attempts.finish_together, [Finish(job.row, "done", "", NOON, 1) for job in jobs])
        return [job.told.message + "*" * job.told.is_replayed for job in jobs]


def since(at: Millis, until: Millis | None = None) -> str:
    end = {} if until is None else {"EndingPoint": iso(until)}
    return json.dumps({"PointType": "Timestamp", "StartingPoint": iso(at), **end})


async def test_a_late_subscriber_is_told_the_past_and_then_the_present(store: Store) -> None:
    topic = await Topic(store).open()
    for second in range(4):
        await topic.publish(f"{second}", at=NOON + second * SECOND)

    await topic.subscribe(NOON + 9 * SECOND, ReplayPolicy=since(NOON + SECOND))
    await topic.publish("meanwhile", at=NOON + 10 * SECOND)
    assert (await topic.status(), await topic.take()) == ("Pending", [])

    await topic.replay(NOON + 11 * SECOND)
    await topic.publish("later", at=NOON + 12 * SECOND)
    assert await topic.status() == "Completed"
    assert await topic.take() == ["1*", "2*", "3*", "meanwhile*", "later"]


async def test_an_end_is_the_end_of_all_that_a_subscription_is_told(store: Store) -> None:
    topic = await Topic(store).open()
    await topic.publish("a", at=NOON)
    await topic.publish("b", at=NOON + SECOND)
    await topic.subscribe(NOON + 5 * SECOND, ReplayPolicy=since(NOON, NOON + SECOND - 1))

    await topic.replay(NOON + 6 * SECOND)
    await topic.publish("later", at=NOON + 7 * SECOND)

    assert (await topic.status(), await topic.take()) == ("Completed", ["a*"])


async def test_what_was_delivered_already_is_told_once_more_by_each_replay(store: Store) -> None:
    topic = await Topic(store).open()
    await topic.subscribe()
    await topic.publish("a", "b")
    assert await topic.take() == ["a", "b"]
    assert await topic.status() is None

    for second in (1, 2):
        await topic.set(since(NOON), NOON + second * SECOND)
        await topic.replay(NOON + second * SECOND)
        assert await topic.take() == ["a*", "b*"]

    await topic.set("{}", NOON + 3 * SECOND)
    await topic.publish("c", at=NOON + 4 * SECOND)
    assert (await topic.take(), await topic.status()) == (["c"], None)


async def test_a_replayed_message_has_another_id_in_the_queue_which_may_know_the_first(store: Store) -> None:
    topic = await Topic(store).open()
    await topic.publish("a")
    await topic.subscribe(RawMessageDelivery="true", ReplayPolicy=since(NOON))
    await topic.replay(NOON)
    (job,) = (await store.read(attempts.next_in_order, "arn:aws:sqs:us-east-1:123456789012:q.fifo", NOON, 9))[0]
    message = job.to_queue("arn:aws:sqs:us-east-1:123456789012:q.fifo", "a", needs_policy=False)
    assert (message.group_id, message.deduplication_id != "a") == ("g", True)
    assert message.attributes == {"Replayed": {"DataType": "String", "StringValue": "true"}}


async def test_a_replay_goes_through_the_filter(store: Store) -> None:
    topic = await Topic(store).open()
    await topic.publish("no", colour={"Type": "String", "Value": "red"})
    await topic.publish("yes", colour={"Type": "String", "Value": "blue"})
    await topic.subscribe(FilterPolicy='{"colour":["blue"]}', ReplayPolicy=since(NOON))
    await topic.replay(NOON)
    assert await topic.take() == ["yes*"]


async def test_a_long_archive_is_told_in_pieces_and_in_order(store: Store) -> None:
    topic = await Topic(store).open()
    messages = [f"{number:03}" for number in range(250)]
    await topic.publish(*messages)
    await topic.subscribe(ReplayPolicy=since(NOON))
    (active,) = await store.read(replaying.under_way, 9)
    await store.write(replaying.step, active, NOON)
    assert await topic.status() == "In progress"
    await topic.publish("last")
    await topic.replay(NOON)
    assert await topic.take() == [f"{message}*" for message in [*messages, "last"]]


async def test_a_topic_tells_from_when_on_it_keeps_and_is_not_deleted_while_it_does(store: Store) -> None:
    topic = await Topic(store).open()
    at = NOON + 30 * DAY
    told = await store.read(subscribed_topics.attributes_of, HERE, "t.fifo", at)
    assert (told["ArchivePolicy"], told["BeginningArchiveTime"]) == (KEPT, iso(at - 7 * DAY))

    await store.write(
        subscribed_topics.set_attribute, HERE, "t.fifo", "ArchivePolicy", '{"MessageRetentionPeriod":"9"}', at
    )
    told = await store.read(subscribed_topics.attributes_of, HERE, "t.fifo", at)
    assert told["BeginningArchiveTime"] == iso(at - 7 * DAY)  # what went is not back
    with pytest.raises(KeepsAnArchive):
        await store.write(subscribed_topics.delete, HERE, "t.fifo")

    await topic.publish("a", at=at)
    await topic.subscribe(at, ReplayPolicy=since(at))
    await store.write(subscribed_topics.set_attribute, HERE, "t.fifo", "ArchivePolicy", "{}", at)
    told = await store.read(subscribed_topics.attributes_of, HERE, "t.fifo", at)
    assert not {"ArchivePolicy", "BeginningArchiveTime"} & told.keys()
    await topic.replay(at)
    assert await topic.status(at) == "Failed"
    await store.write(subscribed_topics.delete, HERE, "t.fifo")


async def test_what_is_kept_no_longer_goes(store: Store) -> None:
    topic = await Topic(store).open()
    await topic.publish("a", at=NOON)
    await topic.publish("b", at=NOON + DAY)
    await store.write(queue_sweep.sweep, NOON + 7 * DAY + 1)
    assert await store.read(_kept) == ["b"]
    await store.write(subscribed_topics.set_attribute, HERE, "t.fifo", "ArchivePolicy", "{}", NOON + 7 * DAY)
    await store.write(queue_sweep.sweep, NOON + 7 * DAY)
    assert await store.read(_kept) == []
    assert await store.read(nouns.list_by_name, Scope("", ""), "topic-archive", "", 9) == []


def _kept() -> Plan[list[str]]:
    return [row[0] for row in (yield Rows("SELECT message FROM topic_archive ORDER BY place"))]


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("{", "ReplayPolicy: failed to parse JSON."),
        ('{"PointType":"Place"}', "PointType must be Timestamp"),
        ('{"PointType":"Timestamp"}', "StartingPoint must be a time like"),
        (since(NOON + DAY), "StartingPoint must be from 2023-11-14T22:13:20.000Z to the present"),
        (since(NOON - 1), "StartingPoint must be from 2023-11-14T22:13:20.000Z to the present"),
        (since(NOON, NOON), "EndingPoint must be later than StartingPoint"),
        ('{"PointType":"Timestamp","StartingPoint":"2023-11-14T22:13:20Z","Speed":1}', "Speed is not known"),
    ],
)
async def test_a_replay_that_cannot_be_is_refused(store: Store, policy: str, text: str) -> None:
    topic = await Topic(store).open()
    with pytest.raises(InvalidParameter, match=text):
        await topic.subscribe(NOON, ReplayPolicy=policy)
    await topic.subscribe(NOON)
    with pytest.raises(InvalidParameter, match=text):
        await topic.set(policy, NOON)


async def test_a_topic_that_keeps_nothing_has_nothing_to_replay(store: Store) -> None:
    topic = await Topic(store).open(policy="")
    with pytest.raises(InvalidParameter, match="the topic has no ArchivePolicy"):
        await topic.subscribe(NOON, ReplayPolicy=since(NOON))


async def test_an_account_has_so_many_replays_under_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "MOST_OF_AN_ACCOUNT", 1)
    topic = await Topic(store).open()
    await topic.subscribe(ReplayPolicy=since(NOON))
    await topic.set(since(NOON), NOON)  # begun anew is no other
    with pytest.raises(TooManyReplays):
        await topic.subscribe(queue="other", ReplayPolicy=since(NOON))


def test_a_failed_replay_lets_through_what_comes() -> None:
    replay = archive_policies.Replay("r", NOON, NOON + 1, archive_policies.FAILED)
    assert replay.lets_through(NOON + 2)
