"""A long queue costs no more per message than an empty one: counted in the steps of the database's own machine."""

from collections.abc import Callable, Iterator

import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues
from pillarbox.pubsub.claiming import Wish, claim
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_sending import QueuedMessage, Shipment
from tests.support.in_memory import InMemory

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
LENGTH = 20_000


@pytest.fixture
def counted() -> Iterator[InMemory]:
    made = InMemory()
    yield made
    made.close()


def message(name: str, group: str | None, known_by: str) -> QueuedMessage:
    known = known_by if name.endswith(".fifo") else None
    return QueuedMessage(HERE, name, "x", {}, "me", group_id=group, deduplication_id=known)


def life(counted: InMemory, name: str, group: str | None, known_by: str, now: Millis) -> None:
    """Send a message, receive one, hold it longer and delete it."""
    counted.run(queue_sending.enqueue([Shipment([message(name, group, known_by)], now)]))
    (got,) = counted.run(claim(Wish(HERE, name), now, False)).messages
    assert counted.run(holding.change_visibility(HERE, name, [Change(got.receipt_handle, 60)], now)) == [None]
    assert counted.run(holding.delete([Deletion(HERE, name, (got.receipt_handle,), now)])) == [[None]]


@pytest.mark.parametrize("kind", ["standard", "one group", "many groups", "one tenant", "many tenants"])
def test_the_life_of_a_message_takes_as_many_steps_in_a_long_queue_as_in_an_empty_one(
    counted: InMemory, kind: str
) -> None:
    name = "q.fifo" if "group" in kind else "q"
    counted.run(queues.create(HERE, name, {"FifoQueue": "true"} if "group" in kind else {}, {}, NOON))
    groups: dict[str, Callable[[int], str | None]] = {
        "standard": lambda _: None,
        "one group": lambda _: "g",
        "many groups": str,
        "one tenant": lambda _: "t",
        "many tenants": str,
    }
    group_of = groups[kind]

    def steps(known_by: str, now: Millis) -> int:
        return counted.steps_of(lambda: life(counted, name, group_of(-1), known_by, now))

    empty = [steps(known_by, NOON) for known_by in ("a", "b", "c")]
    some = [message(name, group_of(number), str(number)) for number in range(LENGTH)]
    counted.run(queue_sending.enqueue([Shipment(some, NOON + 1)]))
    long = [steps(known_by, NOON + 2) for known_by in ("d", "e", "f")]

    assert max(long) <= 1.5 * max(empty), (long, empty)


def test_dead_groups_cost_nothing_either(counted: InMemory) -> None:
    """Of many groups whose messages are all held, none is looked at."""
    counted.run(queues.create(HERE, "q.fifo", {"FifoQueue": "true"}, {}, NOON))
    nothing = counted.steps_of(lambda: counted.run(claim(Wish(HERE, "q.fifo", 10), NOON + 1, False)))
    some = [message("q.fifo", str(number), str(number)) for number in range(2_000)]
    counted.run(queue_sending.enqueue([Shipment(some, NOON)]))
    while counted.run(claim(Wish(HERE, "q.fifo", 10), NOON, False)).messages:
        pass

    held = counted.steps_of(lambda: counted.run(claim(Wish(HERE, "q.fifo", 10), NOON + 1, False)))

    assert held <= 1.5 * nothing, (held, nothing)
