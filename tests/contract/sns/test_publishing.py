"""Publishing, as boto3 sees it."""

import json
from typing import Any

import pytest

from tests.support.refused import refusal_of
from tests.support.server import Server


@pytest.fixture
def fifo(server: Server) -> str:
    arn: str = server.client("sns").create_topic(Name="events.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    return arn


def fifo_queue(server: Server, topic: str, name: str = "q.fifo", **attributes: str) -> str:
    url: str = server.client("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{server.account}:{name}"
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url


def in_order(server: Server, url: str) -> list[dict[str, Any]]:
    """Take everything out of a FIFO queue."""
    server.settle()
    sqs = server.client("sqs")
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        found += messages
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


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


def test_publish_tells_a_standard_queue_the_group_of_a_message(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic)
    server.client("sns").publish(TopicArn=topic, Message="one", MessageGroupId="tenant")
    entries = [{"Id": "a", "Message": "two", "MessageGroupId": "tenant"}, {"Id": "b", "Message": "three"}]
    server.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    server.settle()
    answer = server.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    got = {json.loads(one["Body"])["Message"]: one["Attributes"].get("MessageGroupId") for one in answer["Messages"]}
    assert got == {"one": "tenant", "two": "tenant", "three": None}


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
    assert refusal()[0] == "EmptyBatchRequest"
    assert refusal({"Id": "a b", "Message": "x"})[0] == "InvalidBatchEntryId"
    assert refusal({"Id": "1", "Message": "x" * 262_144}, {"Id": "2", "Message": "x"})[0] == "BatchRequestTooLong"
    assert refusal({"Id": "1", "Message": "{}", "MessageStructure": "json"})[1] == (
        "Invalid parameter: Message Structure - No default entry in JSON message body"
    )
    assert refusal(one, arn=f"{topic}-x") == ("NotFound", "Topic does not exist")


def test_publish_batch_tells_of_each_entry(server: Server, topic: str) -> None:
    url = subscribed_queue(server, topic)
    entries = [
        {"Id": "good", "Message": "m"},
        {"Id": "empty", "Message": ""},
        {"Id": "subject", "Message": "m", "Subject": "a\nb"},
    ]
    answer = server.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    assert answer["Failed"] == [
        {"Id": "empty", "Code": "InvalidParameter", "Message": "Invalid parameter: Empty message", "SenderFault": True},
        {"Id": "subject", "Code": "InvalidParameter", "Message": "Invalid parameter: Subject", "SenderFault": True},
    ]
    assert len(received(server, url)) == 1


def test_publish_to_a_fifo_topic_is_in_order_and_has_numbers(server: Server, fifo: str) -> None:
    url = fifo_queue(server, fifo)
    sns = server.client("sns")
    told = [
        sns.publish(TopicArn=fifo, Message=str(n), MessageGroupId=f"g{n % 2}", MessageDeduplicationId=str(n))
        for n in range(6)
    ]
    numbers = [one["SequenceNumber"] for one in told]
    assert sorted(set(numbers)) == numbers
    assert {len(number) for number in numbers} == {20}
    messages = in_order(server, url)
    for group in ("g0", "g1"):
        bodies = [json.loads(m["Body"]) for m in messages if m["Attributes"]["MessageGroupId"] == group]
        assert [body["Message"] for body in bodies] == [str(n) for n in range(6) if f"g{n % 2}" == group]
        assert [body["SequenceNumber"] for body in bodies] == [numbers[int(body["Message"])] for body in bodies]
    assert list(json.loads(messages[0]["Body"])) == [
        "Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL",
    ]  # fmt: skip


def test_publish_to_a_fifo_topic_once(server: Server, fifo: str) -> None:
    url = fifo_queue(server, fifo)
    sns = server.client("sns")
    given = {"TopicArn": fifo, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first, again = sns.publish(Message="1", **given), sns.publish(Message="2", **given)
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
    (message,) = in_order(server, url)
    assert message["Attributes"]["MessageDeduplicationId"] == "d"


def test_publish_to_a_fifo_topic_is_known_by_its_content(server: Server, fifo: str) -> None:
    url = fifo_queue(server, fifo)
    sns = server.client("sns")
    sns.set_topic_attributes(TopicArn=fifo, AttributeName="ContentBasedDeduplication", AttributeValue="true")
    for message in ("a", "b", "a"):
        sns.publish(TopicArn=fifo, Message=message, MessageGroupId="g")
    assert [json.loads(one["Body"])["Message"] for one in in_order(server, url)] == ["a", "b"]


def test_publish_to_a_fifo_topic_counts_ids_by_topic_or_by_group(server: Server, fifo: str) -> None:
    sns = server.client("sns")

    def number(group: str) -> str:
        answer = sns.publish(TopicArn=fifo, Message="m", MessageGroupId=group, MessageDeduplicationId="d")
        found: str = answer["SequenceNumber"]
        return found

    assert number("a") == number("b")
    sns.set_topic_attributes(TopicArn=fifo, AttributeName="FifoThroughputScope", AttributeValue="MessageGroup")
    assert number("a") != number("b")
    assert number("a") == number("a")


def test_publish_to_a_fifo_topic_reaches_a_standard_queue(server: Server, fifo: str) -> None:
    url = subscribed_queue(server, fifo)
    server.client("sns").publish(TopicArn=fifo, Message="m", MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = received(server, url)
    assert json.loads(message["Body"])["Message"] == "m"


def test_publish_batch_to_a_fifo_topic_keeps_the_order_of_its_entries(server: Server, fifo: str) -> None:
    url = fifo_queue(server, fifo, RawMessageDelivery="true")
    entries = [
        {"Id": f"i{n}", "Message": str(n), "MessageGroupId": "g", "MessageDeduplicationId": str(n)} for n in range(10)
    ]
    answer = server.client("sns").publish_batch(TopicArn=fifo, PublishBatchRequestEntries=entries)
    numbers = [one["SequenceNumber"] for one in answer["Successful"]]
    assert sorted(numbers) == numbers
    assert [one["Body"] for one in in_order(server, url)] == [str(n) for n in range(10)]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "The MessageGroupId parameter is required for FIFO topics"),
        (
            {"MessageGroupId": "g"},
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
            " explicitly",
        ),
        (
            {"MessageGroupId": "a b", "MessageDeduplicationId": "d"},
            "MessageGroupId Reason: MessageGroupId can only include alphanumeric and punctuation characters."
            " 1 to 128 in length",
        ),
        (
            {"MessageGroupId": "g", "MessageDeduplicationId": "d" * 129},
            "MessageDeduplicationId Reason: MessageDeduplicationId can only include alphanumeric and punctuation"
            " characters. 1 to 128 in length",
        ),
    ],
)
def test_publish_to_a_fifo_topic_needs_its_ids(server: Server, fifo: str, params: dict[str, str], text: str) -> None:
    refusal = refusal_of(server.client("sns").publish, TopicArn=fifo, Message="m", **params)
    assert refusal == ("InvalidParameter", f"Invalid parameter: {text}", 400)
    entry = {"Id": "1", "Message": "m", **params}
    assert refusal_of(server.client("sns").publish_batch, TopicArn=fifo, PublishBatchRequestEntries=[entry]) == refusal


def test_ses_takes_no_fifo_topic_as_event_destination(server: Server, fifo: str) -> None:
    ses = server.client("sesv2")
    ses.create_configuration_set(ConfigurationSetName="c")
    destination = {"Enabled": True, "MatchingEventTypes": ["SEND"], "SnsDestination": {"TopicArn": fifo}}
    _, text, _ = refusal_of(
        ses.create_configuration_set_event_destination,
        ConfigurationSetName="c",
        EventDestinationName="d",
        EventDestination=destination,
    )
    assert "FIFO" in text
