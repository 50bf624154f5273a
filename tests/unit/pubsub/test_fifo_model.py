"""Random lives of two FIFO queues, one the dead-letter queue of the other, beside a model of a few lines."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from pillarbox.kit.clock import MINUTE, SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues
from pillarbox.pubsub.claiming import ReceivedMessage, Wish
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_errors import InvalidParameter, NotInFlight
from pillarbox.pubsub.queue_sending import QueuedMessage, Sent, Shipment
from pillarbox.pubsub.receive import receive
from pillarbox.store.engine import Store
from pillarbox.store.postgres import PostgresStore
from pillarbox.store.sqlite import SqliteStore
from tests.support.examples import examples

HERE = Scope("123456789012", "us-east-1")
RETENTION_SECONDS, MOST_RECEIPTS = 400, 2
GROUPS = st.sampled_from(["a", "b", "c"])
_lives = itertools.count()


@dataclass
class Message:
    """Where a message stands. `place` orders all messages; `handle` is that of its last receipt."""

    message_id: str
    queue: str
    group: str
    place: int
    sent_at: Millis
    visible_at: Millis
    receive_count: int = 0
    handle: str = ""

    def is_held(self, now: Millis) -> bool:
        return self.receive_count > 0 and self.visible_at > now


class Fifo(RuleBasedStateMachine):
    """Does each step to the store and to `present`, and compares."""

    runner: asyncio.Runner
    store: Store
    handles = Bundle("handles")

    @initialize(scope=st.sampled_from(["queue", "messageGroup"]), delay=st.sampled_from([0, 5]))
    def open(self, scope: str, delay: int) -> None:
        life = next(_lives)
        self.work, self.dead = f"work-{life}.fifo", f"dead-{life}.fifo"
        self.scope, self.delay = scope, delay
        self.now: Millis = 1_700_000_000_000
        self.places = itertools.count()
        self.present: dict[str, Message] = {}
        self.sent: dict[tuple[str, str], tuple[Sent, Millis]] = {}
        self.attempts: dict[str, tuple[Millis, Millis, list[tuple[str, str]]]] = {}
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{HERE.account}:{self.dead}", "maxReceiveCount": 2}
        fifo = {"FifoQueue": "true", "DeduplicationScope": scope}
        work = {"MessageRetentionPeriod": str(RETENTION_SECONDS), "DelaySeconds": str(delay), **fifo}
        self.write(queues.create, HERE, self.dead, fifo, {}, self.now)
        self.write(queues.create, HERE, self.work, {**work, "RedrivePolicy": json.dumps(redrive)}, {}, self.now)

    def write(self, planner: Any, *args: Any) -> Any:
        return self.runner.run(self.store.write(planner, *args))

    @rule(group=GROUPS, known_by=st.sampled_from("xyz"), count=st.integers(1, 3))
    def send(self, group: str, known_by: str, count: int) -> None:
        """Send some messages, of which all but the first may be repetitions of those sent before."""
        messages = [
            QueuedMessage(HERE, self.work, "body", {}, "me", group_id=group, deduplication_id=known_by * (number + 1))
            for number in range(count)
        ]
        verdicts = self.runner.run(self.store.commit(queue_sending.enqueue, Shipment(messages, self.now)))
        for message, verdict in zip(messages, verdicts, strict=True):
            key = (group if self.scope == "messageGroup" else "", str(message.deduplication_id))
            earlier, ends_at = self.sent.get(key, (None, 0))
            if self.now < ends_at:
                assert verdict == earlier
                continue
            assert isinstance(verdict, Sent) and verdict.message_id == message.message_id
            assert all(verdict.sequence_number > one.sequence_number for one, _ in self.sent.values())
            self.sent[key] = (verdict, self.now + 5 * MINUTE)
            self.present[message.message_id] = Message(
                message.message_id, self.work, group, next(self.places), self.now, self.now + self.delay * SECOND
            )

    @rule(
        target=handles,
        is_work=st.sampled_from([True, True, False]),
        most=st.sampled_from([1, 2, 3, 10]),
        seconds=st.sampled_from([0, 1, 30, 30]),
    )
    def receive(self, is_work: bool, most: int, seconds: int) -> object:
        name = self.work if is_work else self.dead
        expected = self._expected(name, most, seconds)
        return self._took(self._receive(name, most, seconds), expected)

    @rule(
        target=handles,
        attempt=st.sampled_from(["one", "two"]),
        most=st.sampled_from([1, 3]),
        seconds=st.sampled_from([1, 30]),
    )
    def receive_in_an_attempt(self, attempt: str, most: int, seconds: int) -> object:
        ends_at, shown_at, given = self.attempts.get(attempt, (0, 0, []))
        got = self._receive(self.work, most, seconds, attempt)
        if self.now < ends_at and given and all(self._is_untouched(*one, shown_at) for one in given):
            assert [(one.row.message_id, one.receipt_handle) for one in got] == given
            for message_id, _ in given:
                self.present[message_id].visible_at = self.now + seconds * SECOND
            self.attempts[attempt] = (ends_at, self.now + seconds * SECOND, given)
            return multiple()
        if self.now >= ends_at:
            ends_at = self.now + 5 * MINUTE
        expected = self._expected(self.work, most, seconds)
        if got:
            given = [(one.row.message_id, one.receipt_handle) for one in got]
        elif self.attempts.get(attempt, (0,))[0] <= self.now:
            given = []
        shown_at = self.now + seconds * SECOND if got else shown_at
        self.attempts[attempt] = (ends_at, shown_at, given)
        return self._took(got, expected)

    @rule(receipt=consumes(handles))
    def delete(self, receipt: tuple[str, str, str]) -> None:
        name, message_id, handle = receipt
        deletion = Deletion(HERE, name, (handle,), self.now)
        (refusal,) = self.runner.run(self.store.commit(holding.delete, deletion))
        message = self.present.get(message_id)
        if message is None or message.queue != name:
            assert refusal is None
        elif message.handle == handle and message.is_held(self.now):
            assert refusal is None
            del self.present[message_id]
        else:
            assert str(refusal).endswith("The receipt handle has expired.")

    @rule(receipt=handles, seconds=st.sampled_from([0, 1, 10, 60]))
    def hold(self, receipt: tuple[str, str, str], seconds: int) -> None:
        name, message_id, handle = receipt
        (refusal,) = self.write(holding.change_visibility, HERE, name, [Change(handle, seconds)], self.now)
        message = self.present.get(message_id)
        if message is None or message.queue != name or self._expired(message) or message.handle != handle:
            assert isinstance(refusal, InvalidParameter)
        elif not message.is_held(self.now):
            assert isinstance(refusal, NotInFlight)
        else:
            assert refusal is None
            message.visible_at = self.now + seconds * SECOND

    @rule(millis=st.sampled_from([1, 999, 1_000, 5_000, 30_000, 299_000]))
    def wait(self, millis: int) -> None:
        self.now += millis

    @rule(seconds=st.sampled_from([0, 5, 30]))
    def delay_all(self, seconds: int) -> None:
        self.write(queues.set_attributes, HERE, self.work, {"DelaySeconds": str(seconds)}, self.now)
        self.delay = seconds
        for message in self.present.values():
            if message.queue == self.work and message.receive_count == 0:
                message.visible_at = message.sent_at + seconds * SECOND

    def _receive(self, name: str, most: int, seconds: int, attempt: str | None = None) -> list[ReceivedMessage]:
        wish = Wish(HERE, name, most, visibility_seconds=seconds, attempt_id=attempt)
        return self.runner.run(receive(self.store, wish, self.now))

    def _took(self, got: list[ReceivedMessage], expected: list[Message]) -> object:
        assert [(one.row.message_id, one.row.receive_count) for one in got] == [
            (message.message_id, message.receive_count) for message in expected
        ]
        for one, message in zip(got, expected, strict=True):
            message.handle = one.receipt_handle
        return multiple(*((message.queue, message.message_id, message.handle) for message in expected))

    def _expected(self, name: str, most: int, seconds: int) -> list[Message]:
        """Take messages from the model as a receiver should get them: group by group, each from its beginning."""
        taken: list[Message] = []
        for group in self._ready_groups(name)[:most]:
            for message in self._group(name, group):
                if len(taken) == most or message.visible_at > self.now:
                    break
                if self._expired(message):
                    del self.present[message.message_id]
                elif name == self.work and message.receive_count == MOST_RECEIPTS:
                    self.present[message.message_id] = Message(
                        message.message_id, self.dead, group, next(self.places), self.now, self.now
                    )
                else:
                    message.receive_count += 1
                    message.visible_at = self.now + seconds * SECOND
                    taken.append(message)
        return taken

    def _ready_groups(self, name: str) -> list[str]:
        """Return the groups of which nobody holds anything and whose first message is due, the longest ready first."""
        ready = []
        for group in sorted({message.group for message in self.present.values() if message.queue == name}):
            here = self._group(name, group)
            received = [message.visible_at for message in here if message.receive_count]
            ready_at = max(received) if received else here[0].visible_at
            if ready_at <= self.now:
                ready.append((ready_at, group))
        return [group for _, group in sorted(ready)]

    def _group(self, name: str, group: str) -> list[Message]:
        here = [message for message in self.present.values() if (message.queue, message.group) == (name, group)]
        return sorted(here, key=lambda message: message.place)

    def _is_untouched(self, message_id: str, handle: str, shown_at: Millis) -> bool:
        message = self.present.get(message_id)
        return message is not None and message.handle == handle and message.visible_at == shown_at > self.now

    def _expired(self, message: Message) -> bool:
        return message.queue == self.work and message.sent_at + RETENTION_SECONDS * SECOND <= self.now


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_fifo_queues_keep_order_and_know_repetitions_as_the_model_does(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with asyncio.Runner() as runner:
        store: Store
        if engine == "sqlite":
            store = runner.run(SqliteStore.open(tmp_path, synchronous=False))
        else:
            store = runner.run(PostgresStore.open(request.getfixturevalue("postgres_url")))
        machine = type("Machine", (Fifo,), {"runner": runner, "store": store})
        most = examples(20 if engine == "sqlite" else 8)
        config = settings(
            max_examples=most, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )
        try:
            run_state_machine_as_test(machine, settings=config)
        finally:
            runner.run(store.close())
