"""Message move tasks: dead letters go back to where they came from, or to another queue.

Plans only. Called by api/sqs/move_tasks.py, and step by step by queue_mover.py.
A step moves some messages and counts them in one transaction, so that a task
goes on where it was after whatever death, and no message is lost or moved twice.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import base64
import binascii
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.pubsub import queues, redriving
from pillarbox.pubsub.queue_errors import InvalidParameter, QueueMissing, ResourceMissing, TaskOver
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.queues import MOVE_TASK, Queue
from pillarbox.pubsub.redriving import Undeliverable
from pillarbox.store import nouns
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan, Touch

RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"
MOST_A_SECOND = 500
MOST_TOLD = 10
MOST_ACTIVE = 100

# Where running tasks wait for their next step: the name leads to the task, the document says when.
ACTIVE = (Scope("", ""), "queue-move-active")
_AT_ONCE = 100  # few enough that others who write wait only some milliseconds
_PAGE = 1_000


class MoveTask(msgspec.Struct, frozen=True):
    """A task's document. `to_move` is what there was to move when it began."""

    task_id: str
    source_arn: str
    destination_arn: str | None
    rate: int | None
    started_at: Millis
    to_move: int
    status: str = RUNNING
    moved: int = 0
    failure: str | None = None


class Asked(NamedTuple):
    """What StartMessageMoveTask asks for; without a destination each message goes back to its source."""

    source_arn: str
    destination_arn: str | None
    rate: int | None


class _Handle(msgspec.Struct, rename="camel"):
    task_id: str
    source_arn: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(MoveTask).decode
_decode_handle = msgspec.json.Decoder(_Handle).decode


def handle_of(task: MoveTask) -> str:
    return base64.b64encode(_encode(_Handle(task.task_id, task.source_arn))).decode()


def start(scope: Scope, asked: Asked, now: Millis) -> Plan[MoveTask]:
    """Begin to move the messages of a dead-letter queue."""
    name, queue = yield from _queue_at(scope, asked.source_arn, "SourceArn")
    if asked.rate is not None and not 1 <= asked.rate <= MOST_A_SECOND:
        raise InvalidParameter.value(
            asked.rate, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {MOST_A_SECOND}, if provided."
        )
    yield from _check_destination(scope, asked, queue)
    if not (yield from _is_dead_letter_queue(scope, asked.source_arn)):
        raise InvalidParameter("Source queue must be configured as a Dead Letter Queue.")
    before = yield from tasks_of(scope, asked.source_arn)
    if any(task.status == RUNNING for task in before):
        raise InvalidParameter(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    for old in before[MOST_TOLD - 1 :]:
        yield from nouns.delete(scope, MOVE_TASK, _name(old))
    counts = yield from stored.counts(queue.key, queue.sent_until(now), now)
    task = MoveTask(new_uuid(), asked.source_arn, asked.destination_arn, asked.rate, now, counts.visible)
    yield from nouns.create(scope, MOVE_TASK, _name(task), _encode(task).decode(), now, parent=name)
    mine = f"{scope.account}/{scope.region}/"
    if (yield from nouns.count_below(*ACTIVE, mine, MOST_ACTIVE)) >= MOST_ACTIVE:
        raise InvalidParameter(f"The account has {MOST_ACTIVE} active message move tasks already.")
    yield from nouns.create(*ACTIVE, mine + _name(task), str(now), now)
    yield Touch(ACTIVE[1])
    return task


def tasks_of(scope: Scope, source_arn: str) -> Plan[list[MoveTask]]:
    """Return the tasks of a queue, the newest first."""
    name, _ = yield from _queue_at(scope, source_arn, "SourceArn")
    found = yield from nouns.list_children(scope, MOVE_TASK, name, "", _PAGE)
    return [_decode(noun.document) for noun in reversed(found)]


def cancel(scope: Scope, handle: str, now: Millis) -> Plan[MoveTask]:
    """Stop a task; what it has moved stays moved."""
    try:
        asked = _decode_handle(base64.b64decode(handle, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidParameter("Value for parameter TaskHandle is invalid.") from None
    known = yield from tasks_of(scope, asked.source_arn)
    found = next((one for one in known if one.task_id == asked.task_id), None)
    noun = (yield from nouns.hold(scope, MOVE_TASK, _name(found))) if found else None
    if noun is None:
        raise ResourceMissing("Task does not exist.")
    task = _decode(noun.document)
    if task.status != RUNNING:
        raise TaskOver
    return (yield from _end(scope, msgspec.structs.replace(task, status=CANCELLED), now))


def next_step_at() -> Plan[Millis | None]:
    """Return when the first of the running tasks has something to do."""
    waiting = yield from nouns.list_by_name(*ACTIVE, "", _PAGE)
    return min((int(noun.document) for noun in waiting), default=None)


def due(now: Millis) -> Plan[list[str]]:
    waiting = yield from nouns.list_by_name(*ACTIVE, "", _PAGE)
    return [noun.name for noun in waiting if int(noun.document) <= now]


def step(active: str, now: Millis) -> Plan[None]:
    """Do the next step of a running task: move some messages, or end it."""
    account, region, name = active.split("/", 2)
    scope = Scope(account, region)
    noun = yield from nouns.hold(scope, MOVE_TASK, name)
    task = _decode(noun.document) if noun else None
    if task is None or task.status != RUNNING:  # its queue is gone
        yield from nouns.delete(*ACTIVE, active)
        return
    most = min(_AT_ONCE, task.rate or _AT_ONCE, task.to_move - task.moved)
    try:
        moved = yield from _move(scope, task, most, now)
    except Undeliverable as failed:
        yield from _end(scope, msgspec.structs.replace(task, status=FAILED, failure=str(failed)), now)
        return
    task = msgspec.structs.replace(task, moved=task.moved + moved)
    if moved < most or task.moved >= task.to_move:
        yield from _end(scope, msgspec.structs.replace(task, status=COMPLETED), now)
        return
    yield from _keep(scope, task, now)
    pause = moved * SECOND // task.rate if task.rate else 0
    yield from nouns.change(*ACTIVE, active, lambda _: str(now + pause), now)


def _move(scope: Scope, task: MoveTask, most: int, now: Millis) -> Plan[int]:
    place = place_of_arn(task.source_arn)
    assert place is not None, f"{task.source_arn} was accepted as a queue"
    try:
        source = yield from queues.find(*place)
    except QueueMissing:
        raise Undeliverable(redriving.NO_QUEUE) from None
    return (yield from redriving.redrive(scope, source, task.destination_arn, most, now))


def _end(scope: Scope, task: MoveTask, now: Millis) -> Plan[MoveTask]:
    yield from _keep(scope, task, now)
    yield from nouns.delete(*ACTIVE, f"{scope.account}/{scope.region}/{_name(task)}")
    return task


def _keep(scope: Scope, task: MoveTask, now: Millis) -> Plan[None]:
    yield from nouns.change(scope, MOVE_TASK, _name(task), lambda _: _encode(task).decode(), now)


def _name(task: MoveTask) -> str:
    return f"{task.started_at:014d}-{task.task_id}"


def _queue_at(scope: Scope, arn: str, parameter: str) -> Plan[tuple[str, Queue]]:
    place = place_of_arn(arn)
    missing = ResourceMissing(f"The resource that you specified for the {parameter} parameter doesn't exist.")
    if place is None or place[0] != scope:
        raise missing
    try:
        return place[1], (yield from queues.find(*place))
    except QueueMissing:
        raise missing from None


def _check_destination(scope: Scope, asked: Asked, source: Queue) -> Plan[None]:
    if asked.destination_arn is None:
        return
    _, destination = yield from _queue_at(scope, asked.destination_arn, "DestinationArn")
    if asked.destination_arn == asked.source_arn:
        raise InvalidParameter("Source queue arn and destination queue arn cannot be the same.")
    if destination.is_fifo != source.is_fifo:
        raise InvalidParameter("Source queue and destination queue must be of the same type.")


def _is_dead_letter_queue(scope: Scope, arn: str) -> Plan[bool]:
    found, _ = yield from queues.page(scope, lambda _, one: bool(one.redrive and one.redrive.target_arn == arn), "", 1)
    return bool(found)
