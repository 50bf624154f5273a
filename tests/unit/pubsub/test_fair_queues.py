"""In a fair queue tenants take turns, whoever has how much waiting; and no message is forgotten."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues, redriving
from pillarbox.pubsub.claiming import ReceivedMessage, Wish, claim
from pillarbox.pubsub.fair_claiming import shares_of
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_sending import QueuedMessage, Shipment
from pillarbox.pubsub.receive import receive as store_receive
from pillarbox.store import queue_messages
from pillarbox.store.engine import Store
from pillarbox.store.fair_messages import Turn
from tests.support.examples import examples
from tests.support.in_memory import InMemory

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"


@pytest.fixture
def memory() -> Iterator[InMemory]:
    made = InMemory()
    made.run(queues.create(HERE, "dead", {}, {}, NOON))
    redrive = f'{{"deadLetterTargetArn":"{DEAD}","maxReceiveCount":1}}'
    made.run(queues.create(HERE, "q", {"RedrivePolicy": redrive}, {}, NOON))
    yield made
    made.close()


def send(memory: InMemory, *tenants: str | None, at: Millis = NOON) -> None:
    some = [QueuedMessage(HERE, "q", "x", {}, "me", group_id=tenant) for tenant in tenants]
    assert all(
        isinstance(one, queue_sending.Sent) for one in memory.run(queue_sending.enqueue([Shipment(some, at)]))[0]
    )


def receive(memory: InMemory, most: int, at: Millis, name: str = "q", seconds: int = 30) -> list[ReceivedMessage]:
    found: list[ReceivedMessage] = memory.run(
        claim(Wish(HERE, name, most, visibility_seconds=seconds), at, True)
    ).messages
    return found


def tenants(messages: list[ReceivedMessage]) -> list[str | None]:
    return [one.system.get("MessageGroupId") for one in messages]


def test_a_tenant_waits_for_one_message_of_another_and_not_for_its_backlog(memory: InMemory) -> None:
    send(memory, *["noisy"] * 200)
    send(memory, "quiet", at=NOON + 1)

    got = [tenants(receive(memory, 1, NOON + 2 + turn))[0] for turn in range(4)]

    assert got == ["noisy", "quiet", "noisy", "noisy"]


def test_messages_of_one_tenant_are_held_side_by_side_and_have_no_number(memory: InMemory) -> None:
    send(memory, "a", "a", "a")
    got = receive(memory, 10, NOON)
    assert tenants(got) == ["a", "a", "a"]
    assert "SequenceNumber" not in got[0].system


def test_messages_without_a_group_are_tenants_of_their_own(memory: InMemory) -> None:
    send(memory, *["noisy"] * 20)
    send(memory, None, None, at=NOON + 1)

    assert Counter(tenants(receive(memory, 4, NOON + 2))) == {"noisy": 2, None: 2}


def test_ten_at_once_are_shared_among_those_who_wait() -> None:
    waiting = [Turn(3, "c"), Turn(1, "a"), Turn(2, None), Turn(2, "b")]
    assert shares_of(waiting, 10) == {"a": 3, "b": 3, "c": 3, None: 1}
    assert shares_of(waiting, 2) == {"a": 1, None: 1}
    assert shares_of([Turn(1, None)], 10) == {None: 1}


def test_dead_letters_keep_their_tenants_there_and_back(memory: InMemory) -> None:
    send(memory, "a", "a", "b", None)
    assert len(receive(memory, 10, NOON, seconds=0)) == 4
    assert receive(memory, 10, NOON + 1) == []  # each was received once already

    letters = receive(memory, 10, NOON + 2, "dead", seconds=1)
    assert Counter(tenants(letters)) == {"a": 2, "b": 1, None: 1}

    source = memory.run(queues.find(HERE, "dead"))
    assert memory.run(redriving.redrive(HERE, source, None, 10, NOON + 2 * SECOND)) == 4
    assert Counter(tenants(receive(memory, 10, NOON + 2 * SECOND))) == {"a": 2, "b": 1, None: 1}
    assert receive(memory, 10, NOON + 9 * SECOND, "dead") == []


def test_what_is_in_flight_is_counted_with_its_tenants(memory: InMemory) -> None:
    send(memory, "a", "b", None, None)
    receive(memory, 3, NOON)
    assert memory.run(queue_messages.in_flight(memory.run(queues.find(HERE, "q")).key, NOON)) == 3


def test_a_turn_for_messages_that_were_deleted_goes_to_the_next_tenant(memory: InMemory) -> None:
    send(memory, "a", "b")
    key = memory.run(queues.find(HERE, "q")).key
    (first,) = memory.run(queue_messages.claim(key, 1, NOON, NOON + SECOND, tenant="a"))
    memory.run(queue_messages.remove([(key, first.number)]))

    assert tenants(receive(memory, 1, NOON + 2)) == ["b"]


async def test_receivers_side_by_side_get_different_messages_of_all_tenants(store: Store) -> None:
    """On both engines, of which one lets transactions run side by side."""
    await store.write(queues.create, HERE, "q", {}, {}, NOON)
    some = [QueuedMessage(HERE, "q", "x", {}, "me", group_id=tenant) for tenant in ["noisy"] * 40 + ["quiet"]]
    await asyncio.gather(*(store.commit(queue_sending.enqueue, Shipment([one], NOON)) for one in some))

    first, *others = await asyncio.gather(*(store_receive(store, Wish(HERE, "q", 2), NOON + 1) for _ in range(8)))
    got = [one.row.number for some in (first, *others) for one in some]
    assert len(set(got)) == len(got) > 0
    while more := await store_receive(store, Wish(HERE, "q", 10), NOON + 2):
        got += [one.row.number for one in more]
    assert len(set(got)) == len(got) == 41
    assert await store.read(queue_messages.in_flight, (await store.read(queues.find, HERE, "q")).key, NOON + 3) == 41


class Fair(RuleBasedStateMachine):
    """Does each step to the queue and to `present`, which says when a message is visible, by its id."""

    @initialize()
    def open(self) -> None:
        self.memory = InMemory()
        self.memory.run(queues.create(HERE, "q", {}, {}, NOON))
        self.now = NOON
        self.ids = itertools.count()
        self.present: dict[str, tuple[str | None, Millis]] = {}
        self.held: dict[str, str] = {}
        self.waited: Counter[str] = Counter()  # how many messages others got while a tenant had some waiting

    def teardown(self) -> None:
        self.memory.close()

    @rule(tenant=st.sampled_from(["a", "b", "c", None]), count=st.integers(1, 6), delay=st.sampled_from([0, 0, 3]))
    def send(self, tenant: str | None, count: int, delay: int) -> None:
        some = [
            QueuedMessage(HERE, "q", "x", {}, "me", delay, message_id=f"{next(self.ids):04}", group_id=tenant)
            for _ in range(count)
        ]
        self.memory.run(queue_sending.enqueue([Shipment(some, self.now)]))
        self.present |= {one.message_id: (tenant, self.now + delay * SECOND) for one in some}

    @rule(most=st.sampled_from([1, 1, 3, 10]), seconds=st.sampled_from([0, 2, 30]))
    def receive(self, most: int, seconds: int) -> None:
        visible = {one: tenant for one, (tenant, at) in self.present.items() if at <= self.now}
        got = receive(self.memory, most, self.now, seconds=seconds)
        assert {one.row.message_id for one in got} <= visible.keys()
        assert len(got) == min(most, len(visible))
        for one in got:
            self.present[one.row.message_id] = (visible[one.row.message_id], self.now + max(1, seconds * SECOND))
            self.held[one.row.message_id] = one.receipt_handle
        self._compare_turns(Counter(tenants(got)), set(visible.values()))
        self.now += 1

    def _compare_turns(self, given: Counter[str | None], waiting: set[str | None]) -> None:
        """Nobody gets a second message while another tenant has waited since before the first."""
        for tenant in ("a", "b", "c"):
            if tenant not in waiting or given[tenant]:  # its turn, or nothing to give
                self.waited = Counter({key: count for key, count in self.waited.items() if not key.startswith(tenant)})
        named: set[str] = {"a", "b", "c"}
        for tenant in (named & waiting) - given.keys():
            for other in named & given.keys():
                self.waited[f"{tenant} for {other}"] += given[other]
                assert self.waited[f"{tenant} for {other}"] <= 2, (tenant, other)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if self.held:
            message_id = data.draw(st.sampled_from(sorted(self.held)))
            handle = self.held.pop(message_id)
            assert self.memory.run(holding.delete([Deletion(HERE, "q", (handle,), self.now)])) == [[None]]
            self.present.pop(message_id, None)

    @rule(data=st.data(), seconds=st.sampled_from([0, 5]))
    def hold(self, data: st.DataObject, seconds: int) -> None:
        hidden = [one for one in sorted(self.held) if self.present[one][1] > self.now]
        if hidden:
            message_id = data.draw(st.sampled_from(hidden))
            change = Change(self.held[message_id], seconds)
            assert self.memory.run(holding.change_visibility(HERE, "q", [change], self.now)) == [None]
            self.present[message_id] = (self.present[message_id][0], self.now + seconds * SECOND)

    @rule(millis=st.sampled_from([1, 1_000, 30_000]))
    def wait(self, millis: int) -> None:
        self.now += millis


TestFair = Fair.TestCase
TestFair.settings = settings(max_examples=examples(20), stateful_step_count=40, deadline=None)
