"""Each error that the model of an operation knows, in both protocols: the JSON name and status, and the older code."""

from typing import Any

import pytest
from botocore import xform_name
from botocore.model import ServiceModel
from botocore.serialize import QuerySerializer
from botocore.session import get_session

from pillarbox.wire.models import load
from pillarbox.wire.sqs_query import ERRORS, with_query_names
from tests.support.modelled import Case
from tests.support.server import RunningServer, Server
from tests.support.sqs_form import ask

# The model has no status for it.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
STATUS = {"ResourceNotFoundException": 404}
# What each operation on a queue needs besides its URL.
ON_QUEUES: dict[str, dict[str, Any]] = {
    "AddPermission": {"Label": "l", "AWSAccountIds": ["123456789012"], "Actions": ["SendMessage"]},
    "ChangeMessageVisibility": {"ReceiptHandle": "$held", "VisibilityTimeout": 1},
    "ChangeMessageVisibilityBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "$held", "VisibilityTimeout": 1}]},
    "DeleteMessage": {"ReceiptHandle": "$held"},
    "DeleteMessageBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "$held"}]},
    "DeleteQueue": {},
    "GetQueueAttributes": {"AttributeNames": ["All"]},
    "ListDeadLetterSourceQueues": {},
    "ListQueueTags": {},
    "PurgeQueue": {},
    "ReceiveMessage": {},
    "RemovePermission": {"Label": "l"},
    "SendMessage": {"MessageBody": "x"},
    "SendMessageBatch": {"Entries": [{"Id": "a", "MessageBody": "x"}]},
    "SetQueueAttributes": {"Attributes": {"DelaySeconds": "1"}},
    "TagQueue": {"Tags": {"a": "b"}},
    "UntagQueue": {"TagKeys": ["a"]},
}
BATCHES: dict[str, dict[str, Any]] = {
    "SendMessageBatch": {"MessageBody": "x"},
    "DeleteMessageBatch": {"ReceiptHandle": "$held"},
    "ChangeMessageVisibilityBatch": {"ReceiptHandle": "$held", "VisibilityTimeout": 1},
}
BAD_BATCHES: dict[str, list[str]] = {
    "TooManyEntriesInBatchRequest": [f"i{number}" for number in range(11)],
    "EmptyBatchRequest": [],
    "BatchEntryIdsNotDistinct": ["a", "a"],
    "InvalidBatchEntryId": ["a b"],
}
CASES = [
    *(Case(name, "QueueDoesNotExist", {"QueueUrl": "$absent", **more}) for name, more in ON_QUEUES.items()),
    *(Case(name, "InvalidAddress", {"QueueUrl": "http://localhost/x", **more}) for name, more in ON_QUEUES.items()),
    *(
        Case(name, error, {"QueueUrl": "$q", "Entries": [{"Id": one, **entry} for one in ids]})
        for name, entry in BATCHES.items()
        for error, ids in BAD_BATCHES.items()
    ),
    Case(
        "SendMessageBatch",
        "BatchRequestTooLong",
        {"QueueUrl": "$q", "Entries": [{"Id": one, "MessageBody": "x" * 600_000} for one in "ab"]},
    ),
    Case(
        "AddPermission", "OverLimit", {"QueueUrl": "$q", **ON_QUEUES["AddPermission"], "Actions": ["SendMessage"] * 8}
    ),
    Case("CancelMessageMoveTask", "ResourceNotFoundException", {"TaskHandle": "$task"}),
    Case(
        "ChangeMessageVisibility",
        "MessageNotInflight",
        {"QueueUrl": "$q", "ReceiptHandle": "$free", "VisibilityTimeout": 1},
    ),
    Case(
        "ChangeMessageVisibility",
        "ReceiptHandleIsInvalid",
        {"QueueUrl": "$q", "ReceiptHandle": "x", "VisibilityTimeout": 1},
    ),
    Case("CreateQueue", "QueueDeletedRecently", {"QueueName": "deleted"}),
    Case("CreateQueue", "QueueNameExists", {"QueueName": "q", "Attributes": {"DelaySeconds": "7"}}),
    Case("CreateQueue", "InvalidAttributeName", {"QueueName": "new", "Attributes": {"Colour": "red"}}),
    Case("CreateQueue", "InvalidAttributeValue", {"QueueName": "new", "Attributes": {"DelaySeconds": "901"}}),
    Case("CreateQueue", "UnsupportedOperation", {"QueueName": "new", "Attributes": {"KmsMasterKeyId": "alias/x"}}),
    Case("DeleteMessage", "ReceiptHandleIsInvalid", {"QueueUrl": "$q", "ReceiptHandle": "x"}),
    Case("GetQueueAttributes", "InvalidAttributeName", {"QueueUrl": "$q", "AttributeNames": ["Colour"]}),
    Case("GetQueueUrl", "QueueDoesNotExist", {"QueueName": "absent"}),
    Case("ListMessageMoveTasks", "ResourceNotFoundException", {"SourceArn": "$absent_arn"}),
    Case("PurgeQueue", "PurgeQueueInProgress", {"QueueUrl": "$purged"}),
    Case("SendMessage", "InvalidMessageContents", {"QueueUrl": "$q", "MessageBody": "a\ufffe"}),
    Case(
        "SendMessage",
        "UnsupportedOperation",
        {
            "QueueUrl": "$q",
            "MessageBody": "x",
            "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v", "StringListValues": ["v"]}},
        },
    ),
    Case("SetQueueAttributes", "InvalidAttributeName", {"QueueUrl": "$q", "Attributes": {"Colour": "red"}}),
    Case("SetQueueAttributes", "InvalidAttributeValue", {"QueueUrl": "$q", "Attributes": {"DelaySeconds": "x"}}),
    Case("SetQueueAttributes", "UnsupportedOperation", {"QueueUrl": "$q", "Attributes": {"KmsMasterKeyId": "alias/x"}}),
    Case("StartMessageMoveTask", "ResourceNotFoundException", {"SourceArn": "$absent_arn"}),
]


@pytest.fixture(scope="module")
def here(running_server: RunningServer) -> Server:
    return running_server.for_new_account()


@pytest.fixture(scope="module")
def made(here: Server) -> dict[str, str]:
    """What cases speak of: queues, and handles of a message that is held and of one that is not."""
    sqs = here.client("sqs")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("q", "purged", "deleted", "dead")}
    sqs.purge_queue(QueueUrl=urls["purged"])
    sqs.delete_queue(QueueUrl=urls["deleted"])
    handles = []
    for _ in range(2):
        sqs.send_message(QueueUrl=urls["q"], MessageBody="x")
        handles.append(sqs.receive_message(QueueUrl=urls["q"])["Messages"][0]["ReceiptHandle"])
    sqs.change_message_visibility(QueueUrl=urls["q"], ReceiptHandle=handles[1], VisibilityTimeout=0)
    arn = f"arn:aws:sqs:us-east-1:{here.account}"
    sqs.set_queue_attributes(
        QueueUrl=urls["q"],
        Attributes={"RedrivePolicy": f'{{"deadLetterTargetArn":"{arn}:dead","maxReceiveCount":9}}'},
    )
    task = sqs.start_message_move_task(SourceArn=f"{arn}:dead")["TaskHandle"]
    sqs.delete_queue(QueueUrl=urls["dead"])
    return {
        **urls,
        "absent": f"{urls['q']}-absent",
        "absent_arn": f"{arn}:absent",
        "held": handles[0],
        "free": handles[1],
        "task": task,
    }


@pytest.fixture(scope="module")
def sqs(here: Server) -> Any:
    return here.client("sqs", parameter_validation=False)


@pytest.fixture(scope="module")
def older_model() -> ServiceModel:
    model = get_session().get_component("data_loader").load_service_model("sqs", "service-2")
    return ServiceModel(with_query_names(model), "sqs")


def _form_of(older_model: ServiceModel, case: Case, params: dict[str, Any]) -> dict[str, str]:
    operation = older_model.operation_model(case.operation)
    body: dict[str, str] = QuerySerializer().serialize_to_request(params, operation)["body"]
    return {name: value for name, value in body.items() if name not in ("Action", "Version")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.operation} {case.error}")
def test_an_error_of_the_model(
    here: Server, sqs: Any, older_model: ServiceModel, made: dict[str, str], case: Case
) -> None:
    params, shape = case.filled(made), load().service("sqs").errors[case.error]
    json_status = STATUS.get(case.error, shape.status)
    code, status = ERRORS.get(case.error, (shape.code, json_status))

    with pytest.raises(sqs.exceptions.ClientError) as caught:
        getattr(sqs, xform_name(case.operation))(**params)
    error = caught.value.response["Error"]
    assert (error["QueryErrorCode"], error["Code"]) == (case.error, code)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == json_status

    told = ask(here, case.operation, **_form_of(older_model, case, params))
    assert told.error[:2] == (status, code)
    assert told.error[2] == error["Message"]
