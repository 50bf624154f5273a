"""What a receiver may do with a message that it holds: delete it, or hold it longer or shorter.

Plans only. Called by api/sqs/. A message is known by its receipt handle. On a
standard queue older handles of a message go on working, as they usually do at
AWS; on a FIFO queue a handle is good only while its receiver holds the message.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import fair_queues, fifo, queue_access, queues
from pillarbox.pubsub.queue_access import Asking
from pillarbox.pubsub.queue_attributes import LONGEST_VISIBILITY_SECONDS
from pillarbox.pubsub.queue_errors import AccessDenied, InvalidParameter, InvalidReceipt, NotInFlight, QueueMissing
from pillarbox.pubsub.queues import Queue
from pillarbox.pubsub.receipts import Receipt, receipt_of
from pillarbox.store import fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan, Touch


class Deletion(NamedTuple):
    """What one caller deletes at once; `asking` is who they are."""

    scope: Scope
    queue_name: str
    handles: tuple[str, ...]
    at: Millis
    asking: Asking | None = None


class Change(NamedTuple):
    """A new visibility timeout, counted from now; a batch may forget to say it."""

    handle: str
    visibility_seconds: int | None


def delete(items: Sequence[Deletion]) -> Plan[list[list[Refusal | None]]]:
    """Delete messages; say for each handle why not, or None also when its message is gone already."""
    verdicts: list[list[Refusal | None]] = []
    gone: list[tuple[str, int]] = []
    for item in items:
        try:
            queue = yield from _queue_of(item)
        except (QueueMissing, AccessDenied) as refusal:
            verdicts.append([refusal] * len(item.handles))
            continue
        verdict: list[Refusal | None] = []
        for handle in item.handles:
            try:
                receipt = receipt_of(handle, queue.queue_id)
                if queue.is_fifo:
                    yield from _delete_in_order(queue, handle, receipt, item.at)
                else:
                    gone.append((queue.key, receipt.number))
                verdict.append(None)
            except (InvalidReceipt, InvalidParameter) as refusal:
                verdict.append(refusal)
        if queue.is_fifo:
            yield Touch(queues.topic_of(item.scope, item.queue_name))  # a group may give its next messages
        verdicts.append(verdict)
    yield from stored.remove(gone)
    return verdicts


def change_visibility(scope: Scope, name: str, changes: Sequence[Change], now: Millis) -> Plan[list[Refusal | None]]:
    """Hide messages until another time; say for each why not, or None."""
    queue = yield from queues.find(scope, name)
    verdicts: list[Refusal | None] = []
    for change in changes:
        try:
            yield from _change((scope, name), queue, change, now)
        except (InvalidParameter, InvalidReceipt, NotInFlight) as refusal:
            verdicts.append(refusal)
        else:
            verdicts.append(None)
    yield Touch(queues.topic_of(scope, name))
    return verdicts


def _queue_of(item: Deletion) -> Plan[Queue]:
    if item.asking is None:
        return (yield from queues.find(item.scope, item.queue_name))
    return (yield from queue_access.enter(item.scope, item.queue_name, item.asking))


def _delete_in_order(queue: Queue, handle: str, receipt: Receipt, now: Millis) -> Plan[None]:
    group = yield from fifo_messages.group_of(queue.key, receipt.number)
    if group is None:
        return
    yield from fifo_messages.lock_group(queue.key, group)
    if not (yield from fifo_messages.remove_held(receipt.number, receipt.receive_count, now)):
        raise fifo.expired(handle)
    yield from fifo_messages.settle(queue.key, group)


def _change(place: tuple[Scope, str], queue: Queue, change: Change, now: Millis) -> Plan[None]:
    receipt = receipt_of(change.handle, queue.queue_id)
    sent_after = queue.sent_until(now)
    until = now + _checked_seconds(change.visibility_seconds, receipt, now) * SECOND
    if queue.is_fifo:
        shown = yield from _show_in_order(queue, receipt, until, now)
    else:
        shown = yield from stored.show_at(queue.key, receipt.number, until, now, sent_after)
        if shown and queue.is_fair:
            tenant = yield from fifo_messages.group_of(queue.key, receipt.number)
            yield from fair_queues.admit(*place, queue, [(tenant, until)], now)
    if shown:
        return
    there = yield from stored.receive_count(queue.key, receipt.number, sent_after)
    if there is None:
        raise InvalidParameter.value(
            change.handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
        )
    if queue.is_fifo and there != receipt.receive_count:
        raise fifo.expired(change.handle)
    raise NotInFlight


def _show_in_order(queue: Queue, receipt: Receipt, until: Millis, now: Millis) -> Plan[bool]:
    group = yield from fifo_messages.group_of(queue.key, receipt.number)
    if group is None:
        return False
    yield from fifo_messages.lock_group(queue.key, group)
    shown = yield from fifo_messages.show_held_at(
        receipt.number, receipt.receive_count, until, now, queue.sent_until(now)
    )
    if shown:
        yield from fifo_messages.settle(queue.key, group)
    return shown


def _checked_seconds(seconds: int | None, receipt: Receipt, now: Millis) -> int:
    if seconds is None:
        raise InvalidParameter("The request must contain the parameter VisibilityTimeout.")
    if not 0 <= seconds <= LONGEST_VISIBILITY_SECONDS:
        raise InvalidParameter.value(seconds, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    if now + seconds * SECOND > receipt.received_at + LONGEST_VISIBILITY_SECONDS * SECOND:
        raise InvalidParameter.value(
            seconds,
            "VisibilityTimeout",
            f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_VISIBILITY_SECONDS} seconds].",
        )
    return seconds
