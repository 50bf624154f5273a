"""How messages get into queues.

Plans only. Called by api/sqs/ (SendMessage and its batch) and by the delivery of
notifications to queues. All that wait to send share one transaction, and each
message has a verdict of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.pubsub import fair_queues, fifo, queue_access, queue_attributes, queue_content, queues
from pillarbox.pubsub.queue_access import Asking
from pillarbox.pubsub.queue_content import MessageAttributes
from pillarbox.pubsub.queue_errors import AccessDenied, InvalidParameter, QueueMissing
from pillarbox.pubsub.queues import Queue
from pillarbox.store import fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.fifo_messages import SendKey
from pillarbox.store.plan import Plan, Touch
from pillarbox.store.queue_messages import QueueMessageRow


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message for a queue. Without a delay of its own it has the queue's; `asking` is who sends it."""

    scope: Scope
    queue_name: str
    body: str
    attributes: MessageAttributes
    sender_id: str
    delay_seconds: int | None = None
    system_attributes: MessageAttributes = field(default_factory=dict)
    message_id: str = field(default_factory=new_uuid)
    group_id: str | None = None
    deduplication_id: str | None = None
    asking: Asking | None = None


class Shipment(NamedTuple):
    """What one caller sends at once."""

    messages: Sequence[QueuedMessage]
    sent_at: Millis


class Sent(NamedTuple):
    """What became of a message: of one that was sent before, what became of it then."""

    message_id: str
    sequence_number: str = ""


Verdict = Sent | Refusal


def enqueue_many(items: Sequence[QueuedMessage], now: Millis) -> Plan[list[str | None]]:
    """Put messages into their queues; say for each why it cannot be there, or None when it is."""
    (verdicts,) = yield from enqueue([Shipment(items, now)])
    return [str(verdict) if isinstance(verdict, Refusal) else None for verdict in verdicts]


def enqueue(shipments: Sequence[Shipment]) -> Plan[list[list[Verdict]]]:
    """Do the same for all who send at once; a refusal is the exception to raise."""
    known: dict[tuple[Scope, str], Queue | Refusal] = {}
    rows: dict[tuple[Scope, str], list[QueueMessageRow]] = {}
    verdicts = []
    for messages, now in shipments:
        told: list[Verdict] = []
        for message in messages:
            place = (message.scope, message.queue_name)
            if place not in known:
                known[place] = yield from _find(*place)
            told.append((yield from _put(message, known[place], rows.setdefault(place, []), now)))
        verdicts.append(told)
    yield from _add(known, rows)
    for place in known:
        yield Touch(queues.topic_of(*place))
    return verdicts


def _add(
    known: Mapping[tuple[Scope, str], Queue | Refusal], rows: Mapping[tuple[Scope, str], Sequence[QueueMessageRow]]
) -> Plan[None]:
    """Add what goes into standard queues, together."""
    yield from stored.add([row for some in rows.values() for row in some])
    for place, some in sorted(rows.items(), key=lambda one: one[0]):
        queue = known[place]
        if some and isinstance(queue, Queue):
            arrived = [(row.message_group, row.visible_at) for row in some]
            yield from fair_queues.admit(*place, queue, arrived, some[-1].sent_at)


def _find(scope: Scope, name: str) -> Plan[Queue | Refusal]:
    try:
        return (yield from queues.find(scope, name))
    except QueueMissing as missing:
        return missing


def _put(message: QueuedMessage, queue: Queue | Refusal, rows: list[QueueMessageRow], now: Millis) -> Plan[Verdict]:
    """Put a message into its FIFO queue, or among the `rows` that go into its standard queue together."""
    try:
        if isinstance(queue, Refusal):
            raise _for_strangers(queue, message)
        if message.asking is not None:
            queue_access.check(queue, message.scope, message.queue_name, message.asking)
        _check(message, queue)
        if queue.is_fifo:
            return (yield from _put_in_order(message, queue, now))
    except Refusal as refusal:
        return refusal
    order = {"MessageGroupId": message.group_id} if message.group_id else {}
    rows.append(_row(message, queue, now, order)._replace(message_group=message.group_id or None))
    return Sent(message.message_id)


def _for_strangers(missing: Refusal, message: QueuedMessage) -> Refusal:
    asking = message.asking
    is_stranger = asking is not None and asking.principal.account not in ("", message.scope.account)
    return AccessDenied(asking.denial) if asking is not None and is_stranger else missing


def _put_in_order(message: QueuedMessage, queue: Queue, now: Millis) -> Plan[Sent]:
    group = fifo.group_id_of(message.group_id)
    by_content = queue.says("ContentBasedDeduplication") == "true"
    known_by = fifo.deduplication_id_of(message.deduplication_id, message.body, by_content=by_content)
    key = SendKey(queue.key, group if queue.says("DeduplicationScope") == "messageGroup" else "", known_by)
    earlier = yield from fifo_messages.claim_key(key, message.message_id, now, now + fifo.DEDUPLICATION)
    if earlier is not None:
        return Sent(earlier.message_id, fifo.sequence_number(earlier.number))
    order = {"MessageGroupId": group, "MessageDeduplicationId": known_by}
    number = yield from fifo_messages.add(_row(message, queue, now, order)._replace(message_group=group))
    yield from fifo_messages.number_key(key, number)
    return Sent(message.message_id, fifo.sequence_number(number))


def _check(item: QueuedMessage, queue: Queue) -> None:
    delay, most = item.delay_seconds, queue.number("MaximumMessageSize")
    if delay is not None and not 0 <= delay <= queue_attributes.LONGEST_DELAY_SECONDS:
        raise InvalidParameter.value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if queue.is_fifo:
        fifo.check_ids(group_id=item.group_id, deduplication_id=item.deduplication_id)
        fifo.check_delay(delay)
    else:
        fifo.check_standard(group_id=item.group_id, deduplication_id=item.deduplication_id)
    queue_content.check_body(item.body)
    queue_content.check_attributes(item.attributes)
    queue_content.check_system_attributes(item.system_attributes)
    if queue_content.size_of(item.body, item.attributes) > most:
        raise InvalidParameter(
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )


def _row(item: QueuedMessage, queue: Queue, now: Millis, order: dict[str, str]) -> QueueMessageRow:
    own_delay = None if queue.is_fifo else item.delay_seconds
    delay = queue.number("DelaySeconds") if own_delay is None else own_delay
    system = {name: attribute["StringValue"] for name, attribute in item.system_attributes.items()}
    return QueueMessageRow(
        queue=queue.key,
        account=item.scope.account,
        message_id=item.message_id,
        sent_at=now,
        visible_at=now + delay * SECOND,
        sender_id=item.sender_id,
        system=queue_content.system_to_json({**system, **order}),
        attributes=queue_content.attributes_to_json(item.attributes),
        body=item.body,
    )
