"""What a receiver may do with a message that it holds: delete it, or hold it longer or shorter.

Plans only. Called by api/sqs/. A message is known by its receipt handle; older
handles of the same message go on working, as they usually do on a standard queue.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queues
from pillarbox.pubsub.queue_attributes import LONGEST_VISIBILITY_SECONDS
from pillarbox.pubsub.queue_errors import InvalidParameter, InvalidReceipt, NotInFlight, QueueMissing
from pillarbox.pubsub.queues import Queue
from pillarbox.pubsub.receipts import Receipt, receipt_of
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan, Touch


class Deletion(NamedTuple):
    scope: Scope
    queue_name: str
    handles: tuple[str, ...]


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
            queue = yield from queues.find(item.scope, item.queue_name)
        except QueueMissing as missing:
            verdicts.append([missing] * len(item.handles))
            continue
        verdict: list[Refusal | None] = []
        for handle in item.handles:
            try:
                gone.append((queue.key, receipt_of(handle, queue.queue_id).number))
                verdict.append(None)
            except InvalidReceipt as refusal:
                verdict.append(refusal)
        verdicts.append(verdict)
    yield from stored.remove(gone)
    return verdicts


def change_visibility(scope: Scope, name: str, changes: Sequence[Change], now: Millis) -> Plan[list[Refusal | None]]:
    """Hide messages until another time; say for each why not, or None."""
    queue = yield from queues.find(scope, name)
    verdicts: list[Refusal | None] = []
    for change in changes:
        try:
            yield from _change(queue, change, now)
        except (InvalidParameter, InvalidReceipt, NotInFlight) as refusal:
            verdicts.append(refusal)
        else:
            verdicts.append(None)
    yield Touch(queues.topic_of(scope, name))
    return verdicts


def _change(queue: Queue, change: Change, now: Millis) -> Plan[None]:
    receipt = receipt_of(change.handle, queue.queue_id)
    sent_after = queue.sent_until(now)
    until = now + _checked_seconds(change.visibility_seconds, receipt, now) * SECOND
    if (yield from stored.show_at(queue.key, receipt.number, until, now, sent_after)):
        return
    if (yield from stored.exists(queue.key, receipt.number, sent_after)):
        raise NotInFlight
    raise InvalidParameter.value(
        change.handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
    )


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
