"""SQS: up to ten messages in one call. Each entry succeeds or fails for itself."""

from collections.abc import Sequence
from typing import Any

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sqs.address import place_named_by
from pillarbox.api.sqs.errors import failed_entry
from pillarbox.api.sqs.messages import message_from, sent
from pillarbox.kit.errors import Refusal
from pillarbox.pubsub import batches, holding, queue_access, queue_content, queue_sending
from pillarbox.pubsub.holding import Change, Deletion
from pillarbox.pubsub.queue_errors import AccessDenied, QueueMissing
from pillarbox.pubsub.queue_sending import Sent, Shipment


@operation("sqs", "SendMessageBatch")
async def send_message_batch(call: Call, params: Params) -> Result:
    place, ids = place_named_by(call, params["QueueUrl"], "SendMessage"), _ids(params, "SendMessageBatchRequestEntry")
    messages = [message_from(call, place, entry) for entry in params["Entries"]]
    batches.check_length([queue_content.size_of(message.body, message.attributes) for message in messages])
    verdicts = await call.store.commit(queue_sending.enqueue, Shipment(messages, call.now))
    refusals = [verdict if isinstance(verdict, Refusal) else None for verdict in verdicts]
    told = [
        sent(one, became) if isinstance(became, Sent) else {} for one, became in zip(messages, verdicts, strict=True)
    ]
    return _outcome(ids, refusals, told)


@operation("sqs", "DeleteMessageBatch")
async def delete_message_batch(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "DeleteMessage")
    ids = _ids(params, "DeleteMessageBatchRequestEntry")
    handles = tuple(entry["ReceiptHandle"] for entry in params["Entries"])
    deletion = Deletion(place.scope, place.name, handles, call.now, place.asking)
    verdicts = await call.store.commit(holding.delete, deletion)
    return _outcome(ids, verdicts, [{} for _ in ids])


@operation("sqs", "ChangeMessageVisibilityBatch")
async def change_message_visibility_batch(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "ChangeMessageVisibility")
    ids = _ids(params, "ChangeMessageVisibilityBatchRequestEntry")
    await call.store.read(queue_access.enter, *place)
    changes = [Change(entry["ReceiptHandle"], entry.get("VisibilityTimeout")) for entry in params["Entries"]]
    verdicts = await call.store.write(holding.change_visibility, place.scope, place.name, changes, call.now)
    return _outcome(ids, verdicts, [{} for _ in ids])


def _ids(params: Params, entry: str) -> list[str]:
    ids = [entry["Id"] for entry in params["Entries"]]
    batches.check_ids(ids, entry)
    return ids


def _outcome(ids: Sequence[str], verdicts: Sequence[Refusal | None], told: Sequence[dict[str, Any]]) -> Result:
    """Return what succeeded and what failed; an empty list is left out, as AWS leaves it out."""
    successful, failed = [], []
    for entry_id, refusal, result in zip(ids, verdicts, told, strict=True):
        if isinstance(refusal, QueueMissing | AccessDenied):
            raise refusal
        if refusal is None:
            successful.append({"Id": entry_id, **result})
        else:
            failed.append(failed_entry(entry_id, refusal))
    return {name: entries for name, entries in (("Successful", successful), ("Failed", failed)) if entries}
