"""The names that SQS uses in its older query protocol.

Pure. Today's SQS model describes the JSON protocol only; this adds what the
query protocol calls the same things, so that the same compilers serve both.
Called by models.py once, at load.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

from typing import Any

NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

# list shape -> name of one element, which is also the name on the wire since all are flattened
_ELEMENT = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}

# map shape -> name of one entry, of its key, of its value
_ENTRY = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}

_PREFIX = "AWS.SimpleQueueService."

# error shape -> code in the query protocol, HTTP status there
ERRORS: dict[str, tuple[str, int]] = {
    "BatchEntryIdsNotDistinct": (_PREFIX + "BatchEntryIdsNotDistinct", 400),
    "BatchRequestTooLong": (_PREFIX + "BatchRequestTooLong", 400),
    "EmptyBatchRequest": (_PREFIX + "EmptyBatchRequest", 400),
    "InvalidBatchEntryId": (_PREFIX + "InvalidBatchEntryId", 400),
    "KmsAccessDenied": ("KMS.AccessDeniedException", 400),
    "KmsDisabled": ("KMS.DisabledException", 400),
    "KmsInvalidKeyUsage": ("KMS.InvalidKeyUsageException", 400),
    "KmsInvalidState": ("KMS.InvalidStateException", 400),
    "KmsNotFound": ("KMS.NotFoundException", 400),
    "KmsOptInRequired": ("KMS.OptInRequired", 403),
    "KmsThrottled": ("KMS.ThrottlingException", 400),
    "MessageNotInflight": (_PREFIX + "MessageNotInflight", 400),
    "OverLimit": ("OverLimit", 403),
    "PurgeQueueInProgress": (_PREFIX + "PurgeQueueInProgress", 403),
    "QueueDeletedRecently": (_PREFIX + "QueueDeletedRecently", 400),
    "QueueDoesNotExist": (_PREFIX + "NonExistentQueue", 400),
    "QueueNameExists": ("QueueAlreadyExists", 400),
    "RequestThrottled": ("RequestThrottled", 403),
    "TooManyEntriesInBatchRequest": (_PREFIX + "TooManyEntriesInBatchRequest", 400),
    "UnsupportedOperation": (_PREFIX + "UnsupportedOperation", 400),
}


def with_query_names(model: dict[str, Any]) -> dict[str, Any]:
    """Return the SQS service model as it would read for the query protocol; the argument stays as it is."""
    metadata = model["metadata"] | {"protocol": "query", "protocols": ["query"], "xmlNamespace": NAMESPACE}
    operations = {name: _with_wrapper(operation) for name, operation in model["operations"].items()}
    shapes = {name: _renamed(name, shape) for name, shape in model["shapes"].items()}
    return model | {"metadata": metadata, "operations": operations, "shapes": shapes}


def _with_wrapper(operation: dict[str, Any]) -> dict[str, Any]:
    if "output" not in operation:
        return operation
    output = operation["output"] | {"resultWrapper": operation["name"] + "Result"}
    return operation | {"output": output}


def _renamed(name: str, shape: dict[str, Any]) -> dict[str, Any]:
    if name in _ELEMENT:
        member = shape["member"] | {"locationName": _ELEMENT[name]}
        return shape | {"member": member, "flattened": True}
    if name in _ENTRY:
        _, key, value = _ENTRY[name]
        return shape | {
            "key": shape["key"] | {"locationName": key},
            "value": shape["value"] | {"locationName": value},
            "flattened": True,
        }
    if "members" in shape:
        return shape | {"members": {member: _located(ref) for member, ref in shape["members"].items()}}
    return shape


def _located(ref: dict[str, Any]) -> dict[str, Any]:
    return ref | {"locationName": _ENTRY[ref["shape"]][0]} if ref["shape"] in _ENTRY else ref
