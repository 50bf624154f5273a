"""A move task has one end, whoever comes first."""

import asyncio
import json

import pytest

from pillarbox.kit.clock import SECOND
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import move_tasks, queues
from pillarbox.pubsub.move_tasks import ACTIVE, CANCELLED, COMPLETED, Asked, MoveTask
from pillarbox.pubsub.queue_errors import TaskOver
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from tests.support.clock import NOON

HERE = Scope("123456789012", "us-east-1")
ARN = "arn:aws:sqs:us-east-1:123456789012:dead"


@pytest.fixture
async def queue(store: Store) -> None:
    """A dead-letter queue in which nothing is, and the queue whose letters it takes."""
    await store.write(queues.create, HERE, "dead", {}, {}, NOON)
    policy = json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 1})
    await store.write(queues.create, HERE, "work", {"RedrivePolicy": policy}, {}, NOON)


async def cancelled(store: Store, task: MoveTask) -> bool:
    try:
        await store.write(move_tasks.cancel, HERE, move_tasks.handle_of(task), task.started_at + 1)
    except TaskOver:
        return False
    return True


@pytest.mark.usefixtures("queue")
async def test_a_task_that_is_cancelled_while_it_makes_a_step_stays_cancelled_or_was_over(store: Store) -> None:
    for number in range(10):
        begun_at = NOON + number * SECOND
        task = await store.write(move_tasks.start, HERE, Asked(ARN, None, None), begun_at)
        [active] = await store.read(nouns.list_by_name, *ACTIVE, "", 10)

        was_cancelled, _ = await asyncio.gather(
            cancelled(store, task), store.write(move_tasks.step, active.name, begun_at)
        )

        ended, *_ = await store.read(move_tasks.tasks_of, HERE, ARN)
        assert ended.status == (CANCELLED if was_cancelled else COMPLETED)
        assert await store.read(move_tasks.next_step_at) is None
