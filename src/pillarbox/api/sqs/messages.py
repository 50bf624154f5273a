"""SQS: messages in and out, one call at a time. What batches do is in message_batches.py."""

from collections.abc import Sequence
from typing import Any

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sqs.address import Place, place_named_by
from pillarbox.kit.errors import Refusal
from pillarbox.pubsub import holding, md5, queue_access, queue_content, queue_sending
from pillarbox.pubsub.claiming import SYSTEM_ATTRIBUTES, ReceivedMessage, Wish
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_errors import UnknownAttribute
from pillarbox.pubsub.queue_sending import QueuedMessage, Sent, Shipment
from pillarbox.pubsub.receive import receive


@operation("sqs", "SendMessage")
async def send_message(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "SendMessage")
    message = message_from(call, place, params)
    (verdict,) = await call.store.commit(queue_sending.enqueue, Shipment([message], call.now))
    if isinstance(verdict, Refusal):
        raise verdict
    return sent(message, verdict)


@operation("sqs", "ReceiveMessage")
async def receive_message(call: Call, params: Params) -> Result:
    most = params.get("MaxNumberOfMessages")
    place = place_named_by(call, params["QueueUrl"], "ReceiveMessage")
    wish = Wish(
        place.scope,
        place.name,
        most=1 if most is None else most,
        visibility_seconds=params.get("VisibilityTimeout"),
        wait_seconds=params.get("WaitTimeSeconds"),
        attempt_id=params.get("ReceiveRequestAttemptId"),
        asking=place.asking,
    )
    system = _system_names(params)
    found = await receive(call.store, wish, call.now)
    shown = [_received(message, system, params.get("MessageAttributeNames") or ()) for message in found]
    return {"Messages": shown} if shown else {}


@operation("sqs", "DeleteMessage")
async def delete_message(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "DeleteMessage")
    deletion = Deletion(place.scope, place.name, (params["ReceiptHandle"],), call.now, place.asking)
    raise_any(await call.store.commit(holding.delete, deletion))
    return {}


@operation("sqs", "ChangeMessageVisibility")
async def change_message_visibility(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "ChangeMessageVisibility")
    await call.store.read(queue_access.enter, *place)
    change = Change(params["ReceiptHandle"], params["VisibilityTimeout"])
    raise_any(await call.store.write(holding.change_visibility, place.scope, place.name, [change], call.now))
    return {}


def message_from(call: Call, place: Place, entry: Params) -> QueuedMessage:
    """Return the message that SendMessage, or an entry of its batch, describes."""
    return QueuedMessage(
        place.scope,
        place.name,
        entry["MessageBody"],
        entry.get("MessageAttributes") or {},
        call.user_name,
        delay_seconds=entry.get("DelaySeconds"),
        system_attributes=entry.get("MessageSystemAttributes") or {},
        group_id=entry.get("MessageGroupId"),
        deduplication_id=entry.get("MessageDeduplicationId"),
        asking=place.asking,
    )


def sent(message: QueuedMessage, became: Sent) -> dict[str, Any]:
    """Return what the sender is told: the id, its place in the order, and sums to compare."""
    told = {"MessageId": became.message_id, "MD5OfMessageBody": md5.of_body(message.body)}
    if became.sequence_number:
        told["SequenceNumber"] = became.sequence_number
    if message.attributes:
        told["MD5OfMessageAttributes"] = md5.of_attributes(message.attributes)
    if message.system_attributes:
        told["MD5OfMessageSystemAttributes"] = md5.of_attributes(message.system_attributes)
    return told


def raise_any(verdicts: list[Refusal | None]) -> None:
    for refusal in verdicts:
        if refusal is not None:
            raise refusal


def _system_names(params: Params) -> set[str]:
    names = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
    if unknown := sorted(names - SYSTEM_ATTRIBUTES - {"All"}):
        raise UnknownAttribute(unknown[0])
    return names


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
