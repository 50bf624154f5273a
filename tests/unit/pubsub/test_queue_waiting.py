"""Receivers that wait, and receivers that want the same messages."""

import asyncio
from typing import Any

import pytest

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues
from pillarbox.pubsub.claiming import Wish
from pillarbox.pubsub.holding import Change
from pillarbox.pubsub.queue_errors import InvalidParameter, QueueMissing
from pillarbox.pubsub.queue_sending import QueuedMessage, Shipment
from pillarbox.pubsub.receive import receive
from pillarbox.store import queue_messages as stored
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
SOON = 5.0  # far less than a receiver waits, far more than it takes to be woken


class Counting:
    """The store, with a count of the looks that were asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.looks = 0

    async def commit(self, *args: Any) -> Any:
        self.looks += 1
        return await self._store.commit(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def create(store: Store, name: str = "q", **attributes: str) -> None:
    await store.write(queues.create, HERE, name, attributes, {}, NOON)


async def send(store: Store, body: str, name: str = "q", delay: int | None = None) -> None:
    await store.commit(queue_sending.enqueue, Shipment([QueuedMessage(HERE, name, body, {}, "me", delay)], NOON))


async def take(store: Any, name: str = "q", **wish: Any) -> list[str]:
    return [message.row.body for message in await receive(store, Wish(HERE, name, **wish), NOON)]


async def waiting(store: Any, **wish: Any) -> "asyncio.Task[list[str]]":
    """Start a receiver and return when it waits: it has looked twice and found nothing."""
    counting = Counting(store)
    task = asyncio.create_task(take(counting, wait_seconds=20, **wish))
    while counting.looks < 2:
        await asyncio.sleep(0)
    await store.write(queues.find, HERE, wish.get("name", "q"))  # behind the second look
    return task


async def test_a_waiting_receiver_gets_a_message_as_soon_as_it_is_sent(store: Store) -> None:
    await create(store)
    receiver = await waiting(store)

    await send(store, "x")

    assert await asyncio.wait_for(receiver, SOON) == ["x"]


async def test_of_two_waiting_receivers_each_gets_one_message(store: Store) -> None:
    await create(store)
    receivers = [await waiting(store), await waiting(store)]

    await send(store, "a")
    await send(store, "b")

    assert sorted(await asyncio.wait_for(asyncio.gather(*receivers), SOON)) == [["a"], ["b"]]


async def test_a_waiting_receiver_gets_a_message_that_another_one_lets_go(store: Store) -> None:
    await create(store)
    await send(store, "x")
    (held,) = await receive(store, Wish(HERE, "q"), NOON)
    receiver = await waiting(store)

    await store.write(holding.change_visibility, HERE, "q", [Change(held.receipt_handle, 0)], NOON)

    assert await asyncio.wait_for(receiver, SOON) == ["x"]


async def test_a_waiting_receiver_gets_a_hidden_message_when_its_time_comes(store: Store) -> None:
    await create(store)
    await send(store, "x")
    (held,) = await receive(store, Wish(HERE, "q"), NOON)
    key = (await store.read(queues.find, HERE, "q")).key
    await store.write(stored.show_at, key, held.row.number, NOON + 40, NOON)

    assert await asyncio.wait_for(take(store, wait_seconds=20), SOON) == ["x"]


async def test_a_dead_letter_wakes_who_waits_for_it(store: Store) -> None:
    await create(store, "dead")
    arn = "arn:aws:sqs:us-east-1:123456789012:dead"
    await create(store, RedrivePolicy=f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1}}')
    await send(store, "x")
    await take(store, visibility_seconds=0)
    receiver = await waiting(store, name="dead")

    assert await take(store) == []

    assert await asyncio.wait_for(receiver, SOON) == ["x"]


async def test_who_waits_for_a_queue_that_is_deleted_is_told_so(store: Store) -> None:
    await create(store)
    receiver = await waiting(store)

    await store.write(queues.delete, HERE, "q", NOON)

    with pytest.raises(QueueMissing):
        await asyncio.wait_for(receiver, SOON)


async def test_while_nothing_happens_a_waiting_receiver_looks_a_first_a_second_and_a_last_time(store: Store) -> None:
    await create(store)
    counting = Counting(store)

    assert await asyncio.wait_for(take(counting, wait_seconds=1), SOON) == []
    assert counting.looks == 3


async def test_the_queue_says_how_long_to_wait_when_the_receiver_does_not(store: Store) -> None:
    await create(store, ReceiveMessageWaitTimeSeconds="20")
    receiver = asyncio.create_task(take(store))
    await send(store, "x")

    assert await asyncio.wait_for(receiver, SOON) == ["x"]
    assert await asyncio.wait_for(take(store, wait_seconds=0), SOON) == []


async def test_a_receiver_that_goes_away_takes_nothing_with_it(store: Store) -> None:
    await create(store)
    receiver = await waiting(store)
    receiver.cancel()
    await asyncio.wait([receiver])

    await send(store, "x")

    assert await take(store) == ["x"]


async def test_many_receivers_at_once_share_the_messages_without_repeats(store: Store) -> None:
    await create(store)
    await asyncio.gather(*(send(store, str(number)) for number in range(100)))

    taken = await asyncio.gather(*(take(store, most=7) for _ in range(30)))

    got = sorted(int(body) for some in taken for body in some)
    assert len(got) == len(set(got))
    rest = [body for _ in range(10) for body in await take(store, most=10)]
    assert sorted([*got, *map(int, rest)]) == list(range(100))


@pytest.mark.parametrize(
    "wish, reason",
    [
        ({"most": 0}, "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10,"),
        ({"most": 11}, "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10,"),
        ({"wait_seconds": 21}, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20,"),
        ({"wait_seconds": -1}, "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20,"),
        ({"visibility_seconds": 43_201}, "Value 43201 for parameter VisibilityTimeout is invalid."),
    ],
)
async def test_wishes_out_of_range_are_refused(store: Store, wish: dict[str, Any], reason: str) -> None:
    await create(store)

    with pytest.raises(InvalidParameter) as refusal:
        await take(store, **wish)
    assert str(refusal.value).startswith(reason)


async def test_a_delayed_message_is_not_there_before_its_time(store: Store) -> None:
    await create(store)
    await send(store, "x", delay=1)

    assert await take(store) == []
    (message,) = await receive(store, Wish(HERE, "q"), NOON + SECOND)
    assert message.row.body == "x"


async def test_of_many_waiting_receivers_one_message_wakes_one_and_the_next(store: Store) -> None:
    await create(store)
    counting = Counting(store)
    receivers = [asyncio.create_task(take(counting, wait_seconds=20)) for _ in range(10)]
    while counting.looks < 20:
        await asyncio.sleep(0)
    await store.write(queues.find, HERE, "q")  # behind the second look of each

    await send(store, "x")

    done, waiting_on = await asyncio.wait(receivers, timeout=SOON, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [["x"]]
    assert counting.looks <= 22
    for task in waiting_on:
        task.cancel()
    await asyncio.wait(waiting_on)


async def test_receivers_who_look_together_get_what_they_would_get_one_after_the_other(store: Store) -> None:
    await create(store)
    assert await take(store) == []  # from now on nothing has to be counted
    for number in range(7):
        await send(store, str(number))

    asked = [take(store, most=most) for most in (1, 3, 2, 2)]
    absent = take(store, "absent")
    *got, refusal = await asyncio.gather(*asked, absent, return_exceptions=True)

    if isinstance(store, SqliteStore):
        assert got == [["0"], ["1", "2", "3"], ["4", "5"], ["6"]]
    # PostgreSQL claims for several groups of receivers at a time: who of them is first is not said.
    assert sorted(body for bodies in got for body in bodies) == list("0123456")
    assert isinstance(refusal, QueueMissing)
