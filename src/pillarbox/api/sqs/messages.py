"""SQS: messages in and out, one call at a time. What batches do is in message_batches.py."""

from collections.abc import Sequence
from typing import Any

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sqs.address import queue_named_by
from pillarbox.kit.errors import Refusal
from pillarbox.pubsub import holding, md5, queue_content, queues
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_errors import InvalidParameter, UnknownAttribute
from pillarbox.pubsub.queues import QueuedMessage, Shipment
from pillarbox.pubsub.receive import SYSTEM_ATTRIBUTES, ReceivedMessage, Wish, receive


@operation("sqs", "SendMessage")
async def send_message(call: Call, params: Params) -> Result:
    message = message_from(call, queue_named_by(call, params["QueueUrl"]), params)
    raise_any(await call.store.commit(queues.enqueue, Shipment([message], call.now)))
    return sent(message)


@operation("sqs", "ReceiveMessage")
async def receive_message(call: Call, params: Params) -> Result:
    refuse_fifo(params, "ReceiveRequestAttemptId")
    most = params.get("MaxNumberOfMessages")
    wish = Wish(
        call.scope,
        queue_named_by(call, params["QueueUrl"]),
        most=1 if most is None else most,
        visibility_seconds=params.get("VisibilityTimeout"),
        wait_seconds=params.get("WaitTimeSeconds"),
    )
    system = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
    if unknown := sorted(system - SYSTEM_ATTRIBUTES - {"All"}):
        raise UnknownAttribute(unknown[0])
    found = await receive(call.store, wish, call.now)
    shown = [_received(message, system, params.get("MessageAttributeNames") or ()) for message in found]
    return {"Messages": shown} if shown else {}


@operation("sqs", "DeleteMessage")
async def delete_message(call: Call, params: Params) -> Result:
    name = queue_named_by(call, params["QueueUrl"])
    raise_any(await call.store.commit(holding.delete, Deletion(call.scope, name, (params["ReceiptHandle"],))))
    return {}


@operation("sqs", "ChangeMessageVisibility")
async def change_message_visibility(call: Call, params: Params) -> Result:
    name = queue_named_by(call, params["QueueUrl"])
    change = Change(params["ReceiptHandle"], params["VisibilityTimeout"])
    raise_any(await call.store.write(holding.change_visibility, call.scope, name, [change], call.now))
    return {}


def message_from(call: Call, queue_name: str, entry: Params) -> QueuedMessage:
    """Return the message that SendMessage, or an entry of its batch, describes."""
    refuse_fifo(entry, "MessageDeduplicationId", "MessageGroupId")
    return QueuedMessage(
        call.scope,
        queue_name,
        entry["MessageBody"],
        entry.get("MessageAttributes") or {},
        call.user_name,
        delay_seconds=entry.get("DelaySeconds"),
        system_attributes=entry.get("MessageSystemAttributes") or {},
    )


def sent(message: QueuedMessage) -> dict[str, Any]:
    """Return what the sender is told: the id, and sums to compare."""
    told = {"MessageId": message.message_id, "MD5OfMessageBody": md5.of_body(message.body)}
    if message.attributes:
        told["MD5OfMessageAttributes"] = md5.of_attributes(message.attributes)
    if message.system_attributes:
        told["MD5OfMessageSystemAttributes"] = md5.of_attributes(message.system_attributes)
    return told


def raise_any(verdicts: list[Refusal | None]) -> None:
    for refusal in verdicts:
        if refusal is not None:
            raise refusal


def refuse_fifo(params: Params, *names: str) -> None:
    """Refuse what only FIFO queues know, and fair queues, which we do not offer."""
    for name in names:
        if params.get(name):
            raise InvalidParameter.value(
                params[name], name, "The request include parameter that is not valid for this queue type."
            )


def _received(message: ReceivedMessage, system: set[str], wanted: Sequence[str]) -> Result:
    row = message.row
    shown: dict[str, Any] = {
        "MessageId": row.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": md5.of_body(row.body),
        "Body": row.body,
    }
    if chosen := {name: value for name, value in message.system.items() if "All" in system or name in system}:
        shown["Attributes"] = chosen
    attributes = queue_content.attributes_from_json(row.attributes)
    if picked := {name: attributes[name] for name in attributes if _is_wanted(name, wanted)}:
        shown["MessageAttributes"] = picked
        shown["MD5OfMessageAttributes"] = md5.of_attributes(picked)
    return shown


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    """Tell by the names asked for: `All`, `.*`, a whole name, or a beginning and `.*`."""
    return any(
        asked in ("All", ".*", name) or (asked.endswith(".*") and name.startswith(asked[:-2])) for asked in wanted
    )
