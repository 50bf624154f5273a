"""Random lives of two queues, one the dead-letter queue of the other, beside a model of a few lines."""

import asyncio
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues
from pillarbox.pubsub.claiming import Wish
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_errors import InvalidParameter, NotInFlight
from pillarbox.pubsub.queue_sending import QueuedMessage, Shipment
from pillarbox.pubsub.receive import receive
from pillarbox.store.sqlite import SqliteStore
from tests.support.examples import examples

HERE = Scope("123456789012", "us-east-1")
RETENTION_SECONDS, MOST_RECEIPTS = 90, 2
NAMES = st.sampled_from(["work", "dead"])


@dataclass
class Message:
    queue: str
    number: int
    sent_at: Millis
    visible_at: Millis
    receive_count: int = 0


class Queues(RuleBasedStateMachine):
    """Does each step to the store and to `present`, and compares."""

    handles = Bundle("handles")

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self.runner.run(SqliteStore.open(Path(self.folder.name), synchronous=False))
        self.now: Millis = 1_700_000_000_000
        self.purged_at: Millis = 0
        self.numbers = itertools.count()
        self.present: dict[str, Message] = {}
        arn = "arn:aws:sqs:us-east-1:123456789012:dead"
        redrive = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{MOST_RECEIPTS}}}'
        work = {"MessageRetentionPeriod": str(RETENTION_SECONDS), "RedrivePolicy": redrive}
        self.runner.run(self.store.write(queues.create, HERE, "dead", {}, {}, self.now))
        self.runner.run(self.store.write(queues.create, HERE, "work", work, {}, self.now))

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(delay=st.sampled_from([0, 0, 1, 5]), count=st.integers(1, 4))
    def send(self, delay: int, count: int) -> None:
        messages = [QueuedMessage(HERE, "work", "x", {}, "me", delay) for _ in range(count)]
        self.runner.run(self.store.commit(queue_sending.enqueue, Shipment(messages, self.now)))
        for message in messages:
            self.present[message.message_id] = Message("work", next(self.numbers), self.now, self.now + delay * SECOND)

    @rule(target=handles, name=NAMES, most=st.sampled_from([1, 1, 2, 3, 10]), seconds=st.sampled_from([0, 1, 5, 30]))
    def receive(self, name: str, most: int, seconds: int) -> "object":
        wish = Wish(HERE, name, most, visibility_seconds=seconds)
        got = self.runner.run(receive(self.store, wish, self.now))
        assert {one.row.message_id: one.row.receive_count for one in got} == self._expected(name, most, seconds)
        return multiple(*((name, one.row.message_id, one.receipt_handle) for one in got))

    @rule(receipt=consumes(handles))
    def delete(self, receipt: tuple[str, str, str]) -> None:
        name, message_id, handle = receipt
        assert self.runner.run(self.store.commit(holding.delete, Deletion(HERE, name, (handle,), self.now))) == [None]
        if self._is_in(name, message_id):
            del self.present[message_id]

    @rule(receipt=handles, seconds=st.sampled_from([0, 1, 10, 60]))
    def hold(self, receipt: tuple[str, str, str], seconds: int) -> None:
        name, message_id, handle = receipt
        (refusal,) = self.runner.run(
            self.store.write(holding.change_visibility, HERE, name, [Change(handle, seconds)], self.now)
        )
        if not self._is_in(name, message_id):
            assert isinstance(refusal, InvalidParameter)
        elif self.present[message_id].visible_at <= self.now:
            assert isinstance(refusal, NotInFlight)
        else:
            assert refusal is None
            self.present[message_id].visible_at = self.now + seconds * SECOND

    @rule(millis=st.sampled_from([1, 999, 1_000, 5_000, 30_000, 90_000]))
    def wait(self, millis: int) -> None:
        self.now += millis

    @rule()
    def purge(self) -> None:
        if self.now >= self.purged_at + 60 * SECOND:
            self.runner.run(self.store.write(queues.purge, HERE, "work", self.now))
            self.purged_at = self.now
            self.present = {key: message for key, message in self.present.items() if message.queue != "work"}

    @rule(name=NAMES)
    def count(self, name: str) -> None:
        told = self.runner.run(self.store.read(queues.attributes_of, HERE, name, self.now))
        here = [message for message in self.present.values() if message.queue == name and not self._expired(message)]
        visible = sum(message.visible_at <= self.now for message in here)
        held = sum(message.visible_at > self.now and message.receive_count > 0 for message in here)
        assert told["ApproximateNumberOfMessages"] == str(visible)
        assert told["ApproximateNumberOfMessagesNotVisible"] == str(held)
        assert told["ApproximateNumberOfMessagesDelayed"] == str(len(here) - visible - held)

    def _expected(self, name: str, most: int, seconds: int) -> dict[str, int]:
        """Take messages from the model as a receiver should get them, the longest visible first."""
        taken: dict[str, int] = {}
        due = [item for item in self.present.items() if item[1].queue == name and item[1].visible_at <= self.now]
        for message_id, message in sorted(due, key=lambda item: (item[1].visible_at, item[1].number)):
            if len(taken) == most:
                break
            if self._expired(message):
                del self.present[message_id]
            elif name == "work" and message.receive_count == MOST_RECEIPTS:
                message.queue, message.receive_count, message.visible_at = "dead", 0, self.now
            else:
                message.receive_count += 1
                message.visible_at = self.now + seconds * SECOND
                taken[message_id] = message.receive_count
        return taken

    def _is_in(self, name: str, message_id: str) -> bool:
        message = self.present.get(message_id)
        return message is not None and message.queue == name and not self._expired(message)

    def _expired(self, message: Message) -> bool:
        return message.queue == "work" and message.sent_at + RETENTION_SECONDS * SECOND <= self.now


TestQueues = Queues.TestCase
TestQueues.settings = settings(max_examples=examples(20), stateful_step_count=50, deadline=None)
