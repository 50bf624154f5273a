"""Messages in and out, one call at a time, as SDKs and older clients see them."""

import json
import threading
from typing import Any

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queues
from pillarbox.pubsub.claiming import MOST_IN_FLIGHT
from pillarbox.store import queue_messages
from pillarbox.store.queue_messages import QueueMessageRow
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask

NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    """A queue named `q`."""
    created: str = sqs.create_queue(QueueName="q")["QueueUrl"]
    return created


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def received(sqs: Any, url: str, **params: Any) -> list[Any]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **params)
    messages: list[Any] = answer.get("Messages", [])
    return messages


def test_send_message_and_receive_message(sqs: Any, url: str) -> None:
    body = 'line\r\n"quoted" <&> ü 😀'
    sent = sqs.send_message(QueueUrl=url, MessageBody=body)  # boto3 compares the sums, here and below
    (message,) = received(sqs, url)

    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == body
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert set(message) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_send_message_with_a_group_to_a_standard_queue_gives_each_tenant_its_turn(sqs: Any, url: str) -> None:
    for number in range(0, 30, 10):
        entries = [{"Id": f"i{n}", "MessageBody": "x", "MessageGroupId": "noisy"} for n in range(number, number + 10)]
        assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="quiet")

    got = [sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]["Attributes"] for _ in range(2)]
    assert sorted(one["MessageGroupId"] for one in got) == ["noisy", "quiet"]
    assert "SequenceNumber" not in got[0]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (told["ApproximateNumberOfMessages"], told["ApproximateNumberOfMessagesNotVisible"]) == ("29", "2")


def test_messages_in_the_query_protocol(server: Server, sqs: Any, url: str) -> None:
    body = 'line\r\n"quoted" <&> ü'
    sent = ask(
        server,
        "SendMessage",
        target=f"/{server.account}/q",
        MessageBody=body,
        MessageAttribute__1__Name="General",
        MessageAttribute__1__Value__DataType="String",
        MessageAttribute__1__Value__StringValue="Kenobi",
    )
    got = ask(server, "ReceiveMessage", QueueUrl=url, AttributeName__1="SenderId", MessageAttributeName__1="All")

    assert got.text("Message/Body") == body
    assert got.text("Message/MessageId") == sent.text("MessageId")
    assert got.text("Message/MD5OfMessageAttributes") == sent.text("MD5OfMessageAttributes")
    assert (got.text("Message/Attribute/Name"), got.text("MessageAttribute/Name")) == ("SenderId", "General")
    assert got.text("MessageAttribute/Value/StringValue") == "Kenobi"
    handle = got.text("ReceiptHandle")
    assert ask(server, "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=9).status == 200
    assert ask(server, "DeleteMessage", QueueUrl=url, ReceiptHandle=handle).status == 200
    assert ask(server, "ReceiveMessage", QueueUrl=url).texts("Message") == []


def test_message_attributes_are_given_as_asked_for(sqs: Any, url: str) -> None:
    attributes = {
        "General": text("Kenobi"),
        "Help.Me": {"DataType": "Number.int", "StringValue": "1"},
        "Help.Bin": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)

    def names(*asked: str) -> list[str]:
        (message,) = received(sqs, url, VisibilityTimeout=0, MessageAttributeNames=list(asked))
        given = message.get("MessageAttributes", {})
        assert given == {name: attributes[name] for name in given}
        assert ("MD5OfMessageAttributes" in message) == bool(given)
        return sorted(given)

    assert names() == names("None", "help.*") == []
    assert names("All") == names(".*") == ["General", "Help.Bin", "Help.Me"]
    assert names("Help.*") == ["Help.Bin", "Help.Me"]
    assert names("General", "Help.Me", "Missing") == ["General", "Help.Me"]


def test_system_attributes_are_given_as_asked_for(sqs: Any, url: str) -> None:
    trace = {"AWSTraceHeader": text("Root=1-5759e988-bd862e3fe1be46a994272793")}
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageSystemAttributes=trace)
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32

    (message,) = received(sqs, url, VisibilityTimeout=0, AttributeNames=["All"])
    assert set(message["Attributes"]) == {
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "AWSTraceHeader",
    }
    assert message["Attributes"]["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
    assert int(message["Attributes"]["SentTimestamp"]) <= int(message["Attributes"]["ApproximateFirstReceiveTimestamp"])
    (again,) = received(sqs, url, MessageSystemAttributeNames=["ApproximateReceiveCount", "SequenceNumber"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}
    with refused("InvalidAttributeName", "Unknown Attribute Colour."):
        sqs.receive_message(QueueUrl=url, AttributeNames=["Colour"])


@pytest.mark.parametrize(
    "params, code, message",
    [
        ({"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
        (
            {"MessageBody": "x" * 1_048_577},
            "InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        ),
        (
            {"MessageBody": "x", "DelaySeconds": 901},
            "InvalidParameterValue",
            "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            {"MessageBody": "x", "MessageAttributes": {"ErrorDetails": text("")}},
            "InvalidParameterValue",
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        ),
        (
            {"MessageBody": "x", "MessageDeduplicationId": "d"},
            "InvalidParameterValue",
            "Value d for parameter MessageDeduplicationId is invalid."
            " Reason: The request include parameter that is not valid for this queue type.",
        ),
        (
            {"MessageBody": "x", "MessageGroupId": "g g"},
            "InvalidParameterValue",
            "Value g g for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric"
            " and punctuation characters. 1 to 128 in length.",
        ),
        ({"MessageBody": "a\x00b"}, "InvalidMessageContents", None),
        (
            {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringListValues": ["v"]}}},
            "AWS.SimpleQueueService.UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        ),
    ],
)
def test_send_message_refuses_and_keeps_nothing(
    sqs: Any, url: str, params: dict[str, Any], code: str, message: str | None
) -> None:
    with refused(code, message):
        sqs.send_message(QueueUrl=url, **params)

    assert received(sqs, url) == []


def test_a_message_of_one_mebibyte_comes_back(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_576)

    assert len(received(sqs, url)[0]["Body"]) == 1_048_576


def test_a_delayed_message_is_counted_and_not_given(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=900)

    assert received(sqs, url) == []
    names = ["ApproximateNumberOfMessagesDelayed"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == {names[0]: "1"}


@pytest.mark.parametrize(
    "params, message",
    [
        (
            {"MaxNumberOfMessages": 11},
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"MaxNumberOfMessages": 0},
            "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"WaitTimeSeconds": 21},
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            {"VisibilityTimeout": 43_201},
            "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.",
        ),
        (
            {"ReceiveRequestAttemptId": "r"},
            "Value r for parameter ReceiveRequestAttemptId is invalid."
            " Reason: The request include parameter that is not valid for this queue type.",
        ),
    ],
)
def test_receive_message_refuses_what_is_out_of_range(
    server: Server, sqs: Any, url: str, params: dict[str, Any], message: str
) -> None:
    with refused("InvalidParameterValue", message, QueryErrorCode="InvalidParameterValueException"):
        sqs.receive_message(QueueUrl=url, **params)
    assert ask(server, "ReceiveMessage", QueueUrl=url, **params).error == (400, "InvalidParameterValue", message)


def test_a_read_with_no_visibility_timeout_leaves_the_message_and_gives_a_new_handle(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handles = [received(sqs, url, VisibilityTimeout=0)[0]["ReceiptHandle"] for _ in range(3)]

    assert len(set(handles)) == 3
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handles[0])
    assert received(sqs, url) == []


def test_a_long_poll_ends_as_soon_as_a_message_comes(sqs: Any, url: str, server: Server) -> None:
    bodies: list[str] = []
    other = server.client("sqs")

    def wait() -> None:
        bodies.extend(message["Body"] for message in received(other, url, WaitTimeSeconds=20))

    receiver = threading.Thread(target=wait)
    receiver.start()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    receiver.join(10)  # half of what it would wait for nothing

    assert bodies == ["x"]


def test_delete_message_forgives_repetition_and_refuses_what_is_no_handle(server: Server, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = received(sqs, url)[0]["ReceiptHandle"]

    for _ in range(2):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    message = 'The input receipt handle "x" is not a valid receipt handle.'
    with refused("ReceiptHandleIsInvalid", message):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="x")
    assert ask(server, "DeleteMessage", QueueUrl=url, ReceiptHandle="x").error == (
        400,
        "ReceiptHandleIsInvalid",
        message,
    )


def test_change_message_visibility_lets_a_message_go_or_keeps_it(server: Server, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = received(sqs, url)[0]["ReceiptHandle"]

    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    with refused("AWS.SimpleQueueService.MessageNotInflight", QueryErrorCode="MessageNotInflight"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=10)
    assert received(sqs, url)[0]["Body"] == "x"
    with refused("ReceiptHandleIsInvalid"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle="x", VisibilityTimeout=10)
    with refused("InvalidParameterValue"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=43_201)
    assert ask(server, "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle="x", VisibilityTimeout=1).error[:2] == (
        400,
        "ReceiptHandleIsInvalid",
    )


def test_a_message_that_fails_too_often_is_found_in_the_dead_letter_queue(sqs: Any, url: str) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    (arn,) = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"].values()
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    sqs.send_message(QueueUrl=url, MessageBody="poison")

    assert [len(received(sqs, url, VisibilityTimeout=0)) for _ in range(3)] == [1, 1, 0]
    (letter,) = received(sqs, dead, AttributeNames=["DeadLetterQueueSourceArn"])
    assert letter["Body"] == "poison"
    assert letter["Attributes"] == {"DeadLetterQueueSourceArn": arn.replace(":dead", ":q")}


def test_more_than_120000_messages_in_flight_are_over_the_limit(server: Server, sqs: Any, url: str) -> None:
    scope = Scope(server.account, "us-east-1")
    key = server.read(queues.find, scope, "q").key
    store = server.running.listening.store
    later = 4_000_000_000_000
    rows = [
        QueueMessageRow(key, server.account, str(number), 1_700_000_000_000, 0, "me", "{}", "{}", "x")
        for number in range(MOST_IN_FLIGHT)
    ]
    server.running.run(store.write(queue_messages.add, rows))
    server.running.run(store.write(queue_messages.claim, key, MOST_IN_FLIGHT, 1, later))
    sqs.send_message(QueueUrl=url, MessageBody="x")

    with refused("OverLimit"):
        sqs.receive_message(QueueUrl=url)
    assert ask(server, "ReceiveMessage", QueueUrl=url).error[:2] == (403, "OverLimit")
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)


@pytest.mark.parametrize(
    "operation, params",
    [
        ("send_message", {"MessageBody": "x"}),
        ("receive_message", {}),
        ("delete_message", {"ReceiptHandle": "x"}),
        ("change_message_visibility", {"ReceiptHandle": "x", "VisibilityTimeout": 1}),
    ],
)
def test_a_queue_that_is_not_there_is_refused(
    server: Server, sqs: Any, url: str, operation: str, params: dict[str, Any]
) -> None:
    with refused(*NO_QUEUE, QueryErrorCode="QueueDoesNotExist"):
        getattr(sqs, operation)(QueueUrl=url + "x", **params)
    action = "".join(word.capitalize() for word in operation.split("_"))
    assert ask(server, action, QueueUrl=url + "x", **params).error[:2] == (400, NO_QUEUE[0])
