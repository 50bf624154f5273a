"""FIFO queues, as SDKs and older clients see them."""

import json
import threading
from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask

INVALID = "InvalidParameterValue"


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    """A FIFO queue named `q.fifo`."""
    created: str = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    return created


def send(sqs: Any, url: str, body: str, group: str = "g", **params: Any) -> Any:
    params = {"MessageDeduplicationId": body, **params}
    return sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, **params)


def received(sqs: Any, url: str, most: int = 10, **params: Any) -> list[Any]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, **params)
    messages: list[Any] = answer.get("Messages", [])
    return messages


def bodies(messages: list[Any]) -> list[str]:
    return [message["Body"] for message in messages]


def test_a_fifo_queue_tells_what_it_is(server: Server, sqs: Any, url: str) -> None:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }.items() <= told.items()
    assert sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"] == url
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=high)
    names = ["DeduplicationScope", "FifoThroughputLimit"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == high
    old = ask(server, "CreateQueue", QueueName="old.fifo", Attribute__1__Name="FifoQueue", Attribute__1__Value="true")
    assert old.text("QueueUrl").endswith("/old.fifo")


@pytest.mark.parametrize(
    "name, attributes, code, text",
    [
        (
            "standard",
            {"FifoQueue": "true"},
            INVALID,
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with"
            " .fifo suffix and be 1 to 80 in length",
        ),
        ("standard", {"FifoQueue": "false"}, "InvalidAttributeName", "Unknown Attribute FifoQueue."),
        (
            "standard",
            {"DeduplicationScope": "queue"},
            "InvalidAttributeName",
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
    ],
)
def test_name_and_attributes_must_agree_about_the_kind(
    server: Server, sqs: Any, name: str, attributes: dict[str, str], code: str, text: str
) -> None:
    with refused(code, text):
        sqs.create_queue(QueueName=name, Attributes=attributes)
    ((attribute, value),) = attributes.items()
    form = {"Attribute__1__Name": attribute, "Attribute__1__Value": value}
    assert ask(server, "CreateQueue", QueueName=name, **form).error == (400, code, text)


def test_a_fifo_queue_stays_one(sqs: Any, url: str) -> None:
    text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
    with refused("InvalidAttributeValue", text):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"FifoQueue": "false"})


def test_a_group_is_in_order_and_gives_no_more_while_some_of_it_is_held(sqs: Any, url: str) -> None:
    sent = [send(sqs, url, body, group) for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"))]
    numbers = [one["SequenceNumber"] for one in sent]
    assert numbers == sorted(numbers) and all(len(number) == 20 for number in numbers)

    (first,) = received(sqs, url, 1, AttributeNames=["All"])
    assert first["Body"] == "a1"
    assert {"MessageGroupId": "a", "MessageDeduplicationId": "a1", "SequenceNumber": numbers[0]}.items() <= first[
        "Attributes"
    ].items()
    assert bodies(received(sqs, url)) == ["b1"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    second, third = received(sqs, url)
    assert (second["Body"], third["Body"]) == ("a2", "a3")
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    assert received(sqs, url) == []  # the third is still held
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=third["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(received(sqs, url)) == ["a2", "a3"]


def test_what_is_sent_again_within_five_minutes_is_known(server: Server, sqs: Any, url: str) -> None:
    first = send(sqs, url, "x", MessageDeduplicationId="same")
    again = send(sqs, url, "y", "other", MessageDeduplicationId="same")
    (only,) = received(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=only["ReceiptHandle"])
    late = ask(server, "SendMessage", QueueUrl=url, MessageBody="z", MessageGroupId="g", MessageDeduplicationId="same")

    assert only["Body"] == "x"
    assert again["MessageId"] == first["MessageId"] == late.text("MessageId")
    assert again["SequenceNumber"] == first["SequenceNumber"] == late.text("SequenceNumber")
    assert received(sqs, url) == []


def test_the_same_content_is_sent_once_where_the_queue_goes_by_content(sqs: Any) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup"}
    url = sqs.create_queue(QueueName="c.fifo", Attributes=attributes)["QueueUrl"]

    entries = [
        {"Id": str(number), "MessageBody": body, "MessageGroupId": group}
        for number, (body, group) in enumerate([("x", "a"), ("x", "a"), ("x", "b"), ("y", "a")])
    ]
    done = sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]

    assert len({one["MessageId"] for one in done}) == 3
    assert sorted(bodies(received(sqs, url))) == ["x", "x", "y"]


def test_a_receiver_that_lost_the_answer_is_given_the_same_again(sqs: Any, url: str) -> None:
    for body in ("1", "2", "3"):
        send(sqs, url, body)
    first = received(sqs, url, 2, ReceiveRequestAttemptId="try")

    assert received(sqs, url, 2, ReceiveRequestAttemptId="try") == first
    assert received(sqs, url, 2, ReceiveRequestAttemptId="other") == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert received(sqs, url, 2, ReceiveRequestAttemptId="try") == []


@pytest.mark.parametrize(
    "params, code, text",
    [
        ({"MessageDeduplicationId": "d"}, "MissingParameter", "The request must contain the parameter MessageGroupId."),
        (
            {"MessageGroupId": "g"},
            INVALID,
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
            " explicitly",
        ),
        (
            {"MessageGroupId": "g g", "MessageDeduplicationId": "d"},
            INVALID,
            "Value g g for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric"
            " and punctuation characters. 1 to 128 in length.",
        ),
        (
            {"MessageGroupId": "g", "MessageDeduplicationId": "x" * 129},
            INVALID,
            f"Value {'x' * 129} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can"
            " only include alphanumeric and punctuation characters. 1 to 128 in length.",
        ),
        (
            {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 1},
            INVALID,
            "Value 1 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid"
            " for this queue type.",
        ),
    ],
)
def test_a_message_without_its_place_in_the_order_is_refused(
    server: Server, sqs: Any, url: str, params: dict[str, Any], code: str, text: str
) -> None:
    with refused(code, text):
        sqs.send_message(QueueUrl=url, MessageBody="x", **params)
    assert ask(server, "SendMessage", QueueUrl=url, MessageBody="x", **params).error == (400, code, text)
    (failed,) = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x", **params}])["Failed"]
    assert (failed["Code"], failed["Message"], failed["SenderFault"]) == (code, text, True)


def test_who_has_lost_a_message_can_neither_delete_nor_keep_it(server: Server, sqs: Any, url: str) -> None:
    send(sqs, url, "x")
    (old,) = received(sqs, url, VisibilityTimeout=0)
    (new,) = received(sqs, url)
    handle = old["ReceiptHandle"]
    text = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."

    with refused(INVALID, text):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert ask(server, "DeleteMessage", QueueUrl=url, ReceiptHandle=handle).error == (400, INVALID, text)
    with refused(INVALID, text):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5)
    answer = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[{"Id": "old", "ReceiptHandle": handle}, {"Id": "new", "ReceiptHandle": new["ReceiptHandle"]}],
    )
    assert ([one["Id"] for one in answer["Failed"]], answer["Successful"]) == (["old"], [{"Id": "new"}])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=new["ReceiptHandle"])


def test_a_dead_letter_keeps_its_group_and_lets_the_next_message_by(sqs: Any, url: str) -> None:
    dead = sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    standard = sqs.create_queue(QueueName="dead")["QueueUrl"]
    (arn,) = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"].values()
    (other,) = sqs.get_queue_attributes(QueueUrl=standard, AttributeNames=["QueueArn"])["Attributes"].values()
    wrong = json.dumps({"deadLetterTargetArn": other, "maxReceiveCount": 1})
    with refused(
        INVALID,
        f"Value {wrong} for parameter RedrivePolicy is invalid."
        " Reason: Dead-letter queue must be same type of queue as the source.",
    ):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": wrong})
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    send(sqs, url, "1")
    send(sqs, url, "2")

    assert bodies(received(sqs, url, 1, VisibilityTimeout=0)) == ["1"]
    assert bodies(received(sqs, url, 1)) == ["2"]
    (letter,) = received(sqs, dead, AttributeNames=["All"])
    assert letter["Body"] == "1"
    told = letter["Attributes"]
    assert (told["MessageGroupId"], told["DeadLetterQueueSourceArn"]) == ("g", arn.replace(":dead.", ":q."))


def test_a_long_poll_ends_as_soon_as_a_group_is_free(sqs: Any, url: str, server: Server) -> None:
    for body in ("1", "2"):
        send(sqs, url, body)
    (held,) = received(sqs, url, 1)
    got: list[str] = []
    other = server.client("sqs")
    receiver = threading.Thread(target=lambda: got.extend(bodies(received(other, url, WaitTimeSeconds=20))))
    receiver.start()
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    receiver.join(10)  # half of what it would wait for nothing

    assert got == ["2"]


def test_what_is_purged_may_be_sent_again(sqs: Any, url: str) -> None:
    send(sqs, url, "x")
    sqs.purge_queue(QueueUrl=url)
    send(sqs, url, "x")

    assert bodies(received(sqs, url)) == ["x"]
