"""Which error of SQS each refusal is.

Pure. `SHAPE_FOR` is read by api/faults.py: the name of an error of the model, or
code, HTTP status and the query protocol's code of one that the model does not list.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from collections.abc import Mapping
from typing import Any

from pillarbox.api.sqs.address import InvalidAddress, NotYours
from pillarbox.kit.errors import Denied, Refusal
from pillarbox.pubsub import queue_errors as refused

Shape = str | tuple[str, int, str]

SHAPE_FOR: dict[type[Exception], Shape] = {
    InvalidAddress: "InvalidAddress",
    Denied: ("AccessDeniedException", 403, "AccessDenied"),
    NotYours: ("AccessDeniedException", 403, "AccessDenied"),
    refused.AccessDenied: ("AccessDeniedException", 403, "AccessDenied"),
    refused.MissingParameter: ("MissingRequiredParameterException", 400, "MissingParameter"),
    refused.TooManyActions: "OverLimit",
    refused.ResourceMissing: ("ResourceNotFoundException", 404, "ResourceNotFoundException"),
    refused.TaskOver: "UnsupportedOperation",
    refused.QueueMissing: "QueueDoesNotExist",
    refused.QueueExists: "QueueNameExists",
    refused.QueueDeletedRecently: "QueueDeletedRecently",
    refused.PurgeInProgress: "PurgeQueueInProgress",
    refused.InvalidParameter: ("InvalidParameterValueException", 400, "InvalidParameterValue"),
    refused.UnknownAttribute: "InvalidAttributeName",
    refused.InvalidAttributeValue: "InvalidAttributeValue",
    refused.Unsupported: "UnsupportedOperation",
    refused.InvalidContents: "InvalidMessageContents",
    refused.InvalidReceipt: "ReceiptHandleIsInvalid",
    refused.NotInFlight: "MessageNotInflight",
    refused.TooManyInFlight: "OverLimit",
    refused.EmptyBatch: "EmptyBatchRequest",
    refused.TooManyEntries: "TooManyEntriesInBatchRequest",
    refused.InvalidEntryId: "InvalidBatchEntryId",
    refused.EntryIdsRepeat: "BatchEntryIdsNotDistinct",
    refused.BatchTooLong: "BatchRequestTooLong",
}


def failed_entry(entry_id: str, refusal: Refusal) -> Mapping[str, Any]:
    """Return what a batch says of an entry that it could not do."""
    shape = SHAPE_FOR[type(refusal)]
    code = shape if isinstance(shape, str) else shape[2]
    return {"Id": entry_id, "SenderFault": True, "Code": code, "Message": str(refusal)}
