"""Many senders and receivers of one FIFO queue at once, on both engines."""

import asyncio

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import holding, queue_sending, queues
from pillarbox.pubsub.claiming import Wish
from pillarbox.pubsub.holding import Deletion
from pillarbox.pubsub.queue_sending import QueuedMessage, Sent, Shipment
from pillarbox.pubsub.receive import receive
from pillarbox.store.engine import Store

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
GROUPS, EACH = ("a", "b", "c", "d"), 15


async def test_each_group_comes_out_in_order_whoever_sends_and_receives_beside(store: Store) -> None:
    await store.write(queues.create, HERE, "q.fifo", {"FifoQueue": "true"}, {}, NOON)
    got: dict[str, list[str]] = {group: [] for group in GROUPS}

    async def send(group: str) -> None:
        for number in range(EACH):
            message = QueuedMessage(
                HERE, "q.fifo", str(number), {}, "me", group_id=group, deduplication_id=f"{group}{number}"
            )
            await store.commit(queue_sending.enqueue, Shipment([message], NOON))

    async def take() -> None:
        while sum(map(len, got.values())) < len(GROUPS) * EACH:
            messages = await receive(store, Wish(HERE, "q.fifo", 3, wait_seconds=1), NOON)
            for message in messages:
                got[str(message.row.message_group)].append(message.row.body)
            handles = tuple(message.receipt_handle for message in messages)
            assert await store.commit(holding.delete, Deletion(HERE, "q.fifo", handles, NOON)) == [None] * len(handles)

    await asyncio.wait_for(asyncio.gather(*map(send, GROUPS), *(take() for _ in range(5))), 60)

    assert got == {group: [str(number) for number in range(EACH)] for group in GROUPS}


async def test_of_many_who_send_the_same_at_once_one_has_sent_it(store: Store) -> None:
    await store.write(queues.create, HERE, "q.fifo", {"FifoQueue": "true"}, {}, NOON)
    messages = [
        QueuedMessage(HERE, "q.fifo", "x", {}, "me", group_id=str(number % 3), deduplication_id="same")
        for number in range(20)
    ]

    verdicts = await asyncio.gather(*(store.write(queue_sending.enqueue, [Shipment([one], NOON)]) for one in messages))

    (sent,) = {verdict for ((verdict,),) in verdicts}
    assert isinstance(sent, Sent) and sent.message_id in {message.message_id for message in messages}
    assert len(await receive(store, Wish(HERE, "q.fifo", 10), NOON)) == 1
