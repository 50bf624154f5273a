"""Moving messages that were received too often, or that are to go back, from queue to queue.

Plans only. Called by claiming.py and fifo_claiming.py, which decide which
messages are dead, and by move_tasks.py.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import fair_queues, queue_content, queues
from pillarbox.pubsub.queue_errors import QueueMissing
from pillarbox.pubsub.queue_names import arn_of, place_of_arn
from pillarbox.pubsub.queues import Queue
from pillarbox.store import fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan, Touch
from pillarbox.store.queue_messages import ClaimedRow, QueueMessageRow

SOURCE = "DeadLetterQueueSourceArn"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where a queue's dead letters go, and after how many receipts."""

    scope: Scope
    name: str
    queue: Queue
    source_arn: str
    most_receipts: int


def of(scope: Scope, name: str, queue: Queue) -> Plan[DeadLetters | None]:
    """Return where dead letters go, or None when they stay: rather received once more than lost."""
    redrive = queue.redrive
    place = place_of_arn(redrive.target_arn) if redrive else None
    if redrive is None or place is None:
        return None
    try:
        target = yield from queues.find(*place)
    except QueueMissing:
        return None
    return DeadLetters(*place, target, arn_of(scope, name), redrive.max_receive_count)


def bury(letters: DeadLetters, rows: Sequence[ClaimedRow], now: Millis) -> Plan[None]:
    """Move dead letters to where they go; there they tell where they are from."""
    moves = [(row, {**queue_content.system_from_json(row.system), SOURCE: letters.source_arn}) for row in rows]
    yield from move((letters.scope, letters.name), letters.queue, moves, now)


def move(
    place: tuple[Scope, str], to: Queue, moves: Sequence[tuple[ClaimedRow, dict[str, str]]], now: Millis
) -> Plan[None]:
    """Put messages, with other system attributes, into another queue, where they were never received."""
    if not moves:
        return
    if to.is_fifo:
        yield from _move_in_order(place[0].account, to, moves, now)
    else:
        numbered = [(row.number, queue_content.system_to_json(system)) for row, system in moves]
        yield from stored.move(to.key, numbered, now)
        yield from fair_queues.admit(*place, to, [(row.message_group, now) for row, _ in moves], now)
    yield Touch(queues.topic_of(*place))


def _move_in_order(
    account: str, to: Queue, moves: Sequence[tuple[ClaimedRow, dict[str, str]]], now: Millis
) -> Plan[None]:
    """Send messages anew: they are in order by when they came, and their retention begins again."""
    yield from stored.take_away([row.number for row, _ in moves])
    for row, system in moves:
        yield from fifo_messages.add(
            QueueMessageRow(
                to.key,
                account,
                row.message_id,
                now,
                now,
                row.sender_id,
                queue_content.system_to_json(system),
                row.attributes,
                row.body,
                row.message_group,
            )
        )
