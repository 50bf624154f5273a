"""Up to ten messages in one call, as SDKs and older clients see it."""

from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask

PREFIX = "AWS.SimpleQueueService."
ENTRY_OF: dict[str, dict[str, Any]] = {
    "send_message_batch": {"MessageBody": "x"},
    "delete_message_batch": {"ReceiptHandle": "x"},
    "change_message_visibility_batch": {"ReceiptHandle": "x", "VisibilityTimeout": 1},
}


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    """A queue named `q`."""
    created: str = sqs.create_queue(QueueName="q")["QueueUrl"]
    return created


def handles(sqs: Any, url: str, *bodies: str) -> list[str]:
    """Send messages, receive them, and return their handles in the order of the bodies."""
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)])
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    return [message["ReceiptHandle"] for message in sorted(messages, key=lambda one: bodies.index(one["Body"]))]


def test_send_message_batch_accepts_and_refuses_each_entry_for_itself(sqs: Any, url: str) -> None:
    answer = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "good", "MessageBody": "a", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
            {"Id": "late", "MessageBody": "b", "DelaySeconds": 901},
            {"Id": "odd", "MessageBody": "c\x00"},
        ],
    )

    (good,) = answer["Successful"]
    assert (good["Id"], "MD5OfMessageAttributes" in good) == ("good", True)
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("late", "InvalidParameterValue", True),
        ("odd", "InvalidMessageContents", True),
    ]
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert message["MessageId"] == good["MessageId"]


def test_ten_messages_go_and_come_at_once(sqs: Any, url: str) -> None:
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)

    assert [entry["Id"] for entry in answer["Successful"]] == [entry["Id"] for entry in entries]
    assert "Failed" not in answer
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in messages] == [str(number) for number in range(10)]


def test_batches_in_the_query_protocol(server: Server, sqs: Any, url: str) -> None:
    entry = "SendMessageBatchRequestEntry__{}__{}"
    entries = {
        entry.format(1, "Id"): "a",
        entry.format(1, "MessageBody"): "x",
        entry.format(2, "Id"): "b",
        entry.format(2, "MessageBody"): "y",
        entry.format(2, "DelaySeconds"): "901",
    }
    sent = ask(server, "SendMessageBatch", QueueUrl=url, **entries)
    assert sent.texts("SendMessageBatchResultEntry/Id") == ["a"]
    assert sent.texts("BatchResultErrorEntry/Id") == ["b"]
    assert sent.text("BatchResultErrorEntry/SenderFault") == "true"

    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    change = "ChangeMessageVisibilityBatchRequestEntry__1__"
    named = {change + "Id": "c", change + "ReceiptHandle": handle, change + "VisibilityTimeout": "60"}
    changed = ask(server, "ChangeMessageVisibilityBatch", QueueUrl=url, **named)
    assert changed.texts("ChangeMessageVisibilityBatchResultEntry/Id") == ["c"]
    delete = "DeleteMessageBatchRequestEntry__1__"
    gone = ask(server, "DeleteMessageBatch", QueueUrl=url, **{delete + "Id": "d", delete + "ReceiptHandle": handle})
    assert gone.texts("DeleteMessageBatchResultEntry/Id") == ["d"]


def test_send_message_batch_is_one_mebibyte_at_most(server: Server, sqs: Any, url: str) -> None:
    entries = [{"Id": "a", "MessageBody": "x" * 1_048_576}, {"Id": "b", "MessageBody": "y"}]
    text = "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."

    with refused(PREFIX + "BatchRequestTooLong", text, QueryErrorCode="BatchRequestTooLong"):
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_delete_message_batch(sqs: Any, url: str) -> None:
    first, second = handles(sqs, url, "a", "b")
    entries = [{"Id": "1", "ReceiptHandle": first}, {"Id": "2", "ReceiptHandle": "x"}]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    assert answer["Successful"] == [{"Id": "1"}]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("2", "ReceiptHandleIsInvalid")]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second, VisibilityTimeout=0)
    assert [one["Body"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == ["b"]


def test_change_message_visibility_batch(sqs: Any, url: str) -> None:
    first, second, third = handles(sqs, url, "a", "b", "c")
    answer = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "1", "ReceiptHandle": first, "VisibilityTimeout": 0},
            {"Id": "2", "ReceiptHandle": first, "VisibilityTimeout": 5},
            {"Id": "3", "ReceiptHandle": "x", "VisibilityTimeout": 5},
            {"Id": "4", "ReceiptHandle": second, "VisibilityTimeout": 43_201},
            {"Id": "5", "ReceiptHandle": third},
        ],
    )

    assert answer["Successful"] == [{"Id": "1"}]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [
        ("2", "MessageNotInflight"),
        ("3", "ReceiptHandleIsInvalid"),
        ("4", "InvalidParameterValue"),
        ("5", "InvalidParameterValue"),
    ]
    assert [one["Body"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == ["a"]


@pytest.mark.parametrize("operation", ENTRY_OF)
def test_the_entries_of_a_batch_are_one_to_ten_and_told_apart(sqs: Any, url: str, operation: str) -> None:
    batch = getattr(sqs, operation)

    def entries(*ids: str) -> list[dict[str, Any]]:
        return [{"Id": entry_id, **ENTRY_OF[operation]} for entry_id in ids]

    with refused(PREFIX + "EmptyBatchRequest", QueryErrorCode="EmptyBatchRequest"):
        batch(QueueUrl=url, Entries=[])
    text = "Maximum number of entries per request are 10. You have sent 11."
    with refused(PREFIX + "TooManyEntriesInBatchRequest", text, QueryErrorCode="TooManyEntriesInBatchRequest"):
        batch(QueueUrl=url, Entries=entries(*"abcdefghijk"))
    with refused(PREFIX + "BatchEntryIdsNotDistinct", "Id a repeated.", QueryErrorCode="BatchEntryIdsNotDistinct"):
        batch(QueueUrl=url, Entries=entries("a", "b", "a"))
    text = (
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
        " It can be at most 80 letters long."
    )
    for wrong in ("invalid:id", "x" * 81):
        with refused(PREFIX + "InvalidBatchEntryId", text, QueryErrorCode="InvalidBatchEntryId"):
            batch(QueueUrl=url, Entries=entries(wrong))
    with refused(PREFIX + "NonExistentQueue", QueryErrorCode="QueueDoesNotExist"):
        batch(QueueUrl=url + "x", Entries=entries("a"))
