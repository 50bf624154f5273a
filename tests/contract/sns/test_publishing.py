"""Publishing, as boto3 sees it."""

import json
from typing import Any

import pytest

from tests.support.refused import refusal_of
from tests.support.server import Server


@pytest.fixture
def topic(server: Server) -> str:
    arn: str = server.client("sns").create_topic(Name="events")["TopicArn"]
    return arn


def subscribed_queue(server: Server, topic: str, **attributes: str) -> str:
    sqs = server.client("sqs")
    url: str = sqs.create_queue(QueueName=f"q{len(attributes)}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url


def received(server: Server, url: str) -> list[dict[str, Any]]:
    server.settle()
    answer = server.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def test_publish_reaches_a_queue(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic)
    answer = server.client("sns").publish(
        TopicArn=topic,
        Subject="s",
        Message="Grüße",
        MessageAttributes={
            "n": {"DataType": "Number", "StringValue": "1.5"},
            "b": {"DataType": "Binary", "BinaryValue": b"\2\3\4"},
        },
    )
    (message,) = received(server, url)
    document = json.loads(message["Body"])
    assert list(document) == [
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
    ]  # fmt: skip
    assert document["MessageId"] == answer["MessageId"]
    assert (document["Type"], document["Subject"], document["Message"]) == ("Notification", "s", "Grüße")
    assert document["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "1.5"},
        "b": {"Type": "Binary", "Value": "AgME"},
    }


def test_publish_raw_carries_attributes_beside_the_body(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic, RawMessageDelivery="true")
    attributes = {"b": {"DataType": "Binary", "BinaryValue": b"\2\3\4"}}
    server.client("sns").publish(TopicArn=topic, Message="hello", MessageAttributes=attributes)
    (message,) = received(server, url)
    assert (message["Body"], message["MessageAttributes"]) == ("hello", attributes)


def test_publish_to_the_target_arn_of_a_topic(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic)
    server.client("sns").publish(TargetArn=topic, Message="hello")
    assert len(received(server, url)) == 1


def test_publish_a_message_for_each_protocol(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic)
    message = json.dumps({"default": "for all", "sqs": "for queues"})
    server.client("sns").publish(TopicArn=topic, Message=message, MessageStructure="json")
    assert [json.loads(one["Body"])["Message"] for one in received(server, url)] == ["for queues"]


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"Message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
        ({"Message": "x" * 262_145}, "InvalidParameter", "Invalid parameter: Message too long"),
        ({"Message": "x", "Subject": ""}, "InvalidParameter", "Invalid parameter: Subject"),
        ({"Message": "x", "Subject": "a\nb"}, "InvalidParameter", "Invalid parameter: Subject"),
        (
            {"Message": "{}", "MessageStructure": "json"},
            "InvalidParameter",
            "Invalid parameter: Message Structure - No default entry in JSON message body",
        ),
        (
            {"Message": "x", "MessageDeduplicationId": "d"},
            "InvalidParameter",
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter"
            " that is not valid for this topic type",
        ),
        (
            {"Message": "x", "MessageAttributes": {"attr1": {"DataType": "String", "StringValue": ""}}},
            "ParameterValueInvalid",
            "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type"
            " 'String'.",
        ),
    ],
)
def test_publish_refuses_what_cannot_be_told(
    server: Server, topic: str, params: dict[str, Any], code: str, text: str
) -> None:
    assert refusal_of(server.client("sns").publish, TopicArn=topic, **params) == (code, text, 400)


def test_publish_needs_a_topic_that_is_there(server: Server, topic: str) -> None:
    sns = server.client("sns")
    assert refusal_of(sns.publish, TopicArn=f"{topic}-x", Message="x") == ("NotFound", "Topic does not exist", 404)
    assert refusal_of(sns.publish, Message="x") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
        400,
    )
    assert refusal_of(sns.publish, TopicArn="", Message="x")[1] == (
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"
    )
    assert "text messages are not offered" in refusal_of(sns.publish, PhoneNumber="+15550100", Message="x")[1]


def test_publish_batch(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic)
    entries = [{"Id": str(number), "Message": f"m{number}"} for number in range(3)]
    answer = server.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["0", "1", "2"]
    assert answer["Failed"] == []
    told = {document["MessageId"]: document["Message"] for document in map(json.loads, _bodies(server, url))}
    assert told == {one["MessageId"]: f"m{one['Id']}" for one in answer["Successful"]}


def _bodies(server: Server, url: str) -> list[str]:
    return [message["Body"] for message in received(server, url)]


def test_publish_batch_refuses_a_wrong_batch_whole(server: Server, topic: str) -> None:
    sns = server.client("sns")

    def refusal(*entries: dict[str, Any], arn: str = topic) -> tuple[str, str]:
        code, text, _ = refusal_of(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=list(entries))
        return code, text

    one = {"Id": "1", "Message": "x"}
    assert refusal(one, one) == (
        "BatchEntryIdsNotDistinct",
        "Two or more batch entries in the request have the same Id.",
    )
    assert refusal(*({"Id": str(number), "Message": "x"} for number in range(11))) == (
        "TooManyEntriesInBatchRequest",
        "The batch request contains more entries than permissible.",
    )
    assert refusal({"Id": "a b", "Message": "x"})[0] == "InvalidBatchEntryId"
    assert refusal({"Id": "1", "Message": "x" * 262_144}, {"Id": "2", "Message": "x"})[0] == "BatchRequestTooLong"
    assert refusal({"Id": "1", "Message": "{}", "MessageStructure": "json"})[1] == (
        "Invalid parameter: Message Structure - No default entry in JSON message body"
    )
    assert refusal(one, arn=f"{topic}-x") == ("NotFound", "Topic does not exist")
