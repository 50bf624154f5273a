"""Sends dead letters anew: each to the queue that it came from, or all to one queue.

Plans only. Called by move_tasks.py. A message that is sent anew has a new id and
a new life, as on AWS; its group and what it says stay as they were.
"""

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.pubsub import fair_claiming, fair_queues, queue_content, queues
from pillarbox.pubsub.dead_letter_queues import SOURCE
from pillarbox.pubsub.queue_errors import QueueMissing
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.queues import Queue
from pillarbox.store import fair_messages, fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan, Touch
from pillarbox.store.queue_messages import ClaimedRow, QueueMessageRow

NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
_NO_SOURCE = "CouldNotDetermineMessageSource"


class Undeliverable(Refusal):
    """There is no queue to send a message to; the text is what AWS calls the reason."""


def redrive(scope: Scope, source: Queue, destination_arn: str | None, most: int, now: Millis) -> Plan[int]:
    """Take up to `most` visible messages and send them anew, in order; return how many were taken."""
    if source.is_fifo:
        rows = yield from _next_in_order(source, most, now)
    else:
        rows = yield from fair_claiming.visible(source.key, most, now)
    targets: dict[str, Queue] = {}
    arriving: dict[str, list[QueueMessageRow]] = {}
    for row in rows:
        system = queue_content.system_from_json(row.system)
        arn = destination_arn or system.get(SOURCE, "")
        if arn not in targets:
            targets[arn] = yield from _target(scope, source, arn)
        if row.sent_at > source.sent_until(now):
            system.pop(SOURCE, None)
            arriving.setdefault(arn, []).append(_anew(scope, targets[arn], row, system, now))
    yield from stored.take_away([row.number for row in rows])
    for group in sorted({row.message_group for row in rows if row.message_group is not None}):
        if source.is_fifo:
            yield from fifo_messages.settle(source.key, group)
        else:
            yield from fair_messages.end_turn(source.key, group, now)
    for arn, some in arriving.items():
        yield from _send(arn, targets[arn], some, now)
    return len(rows)


def _target(scope: Scope, source: Queue, arn: str) -> Plan[Queue]:
    place = place_of_arn(arn)
    if place is None or place[0] != scope:
        raise Undeliverable(_NO_SOURCE)
    try:
        target = yield from queues.find(*place)
    except QueueMissing:
        raise Undeliverable(NO_QUEUE) from None
    if target.is_fifo != source.is_fifo:
        raise Undeliverable(NO_QUEUE)
    return target


def _next_in_order(source: Queue, most: int, now: Millis) -> Plan[list[ClaimedRow]]:
    rows: list[ClaimedRow] = []
    for group in (yield from fifo_messages.ready_groups(source.key, now, most)):
        rows += yield from fifo_messages.next_of_group(source.key, group, -1, most - len(rows), now)
        if len(rows) == most:
            break
    return rows


def _anew(scope: Scope, to: Queue, row: ClaimedRow, system: dict[str, str], now: Millis) -> QueueMessageRow:
    return QueueMessageRow(
        to.key,
        scope.account,
        new_uuid(),
        now,
        now + to.number("DelaySeconds") * SECOND,
        row.sender_id,
        queue_content.system_to_json(system),
        row.attributes,
        row.body,
        row.message_group,
    )


def _send(arn: str, to: Queue, rows: list[QueueMessageRow], now: Millis) -> Plan[None]:
    place = place_of_arn(arn)
    assert place is not None
    if to.is_fifo:
        for row in rows:
            yield from fifo_messages.add(row)
    else:
        yield from stored.add(rows)
        yield from fair_queues.admit(*place, to, [(row.message_group, row.visible_at) for row in rows], now)
    yield Touch(queues.topic_of(*place))
