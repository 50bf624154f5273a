"""Topics, as boto3 sees them."""

import json

import pytest

from pillarbox.pubsub import filters, topics
from tests.support.refused import refusal_of
from tests.support.server import Server


def test_create_topic_returns_the_arn_and_is_idempotent(server: Server) -> None:
    sns = server.client("sns")
    arn = f"arn:aws:sns:us-east-1:{server.account}:events"
    for _ in range(2):
        assert sns.create_topic(Name="events", Attributes={"DisplayName": "Events"})["TopicArn"] == arn
    assert refusal_of(sns.create_topic, Name="events", Attributes={"DisplayName": "Other"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
        400,
    )
    assert refusal_of(sns.create_topic, Name="events", Tags=[{"Key": "k", "Value": "v"}]) == (
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
        400,
    )


@pytest.mark.parametrize("name", ["a b", "events.fifo", "x" * 257])
def test_create_topic_refuses_names_that_no_standard_topic_has(server: Server, name: str) -> None:
    code, text, status = refusal_of(server.client("sns").create_topic, Name=name)
    assert (code, text, status) == ("InvalidParameter", "Invalid parameter: Topic Name", 400)


def test_create_topic_of_the_fifo_kind(server: Server) -> None:
    sns = server.client("sns")
    arn = sns.create_topic(Name="e.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert {name: attributes[name] for name in ("FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope")} == {
        "FifoTopic": "true",
        "ContentBasedDeduplication": "false",
        "FifoThroughputScope": "Topic",
    }
    for name, value in (("ContentBasedDeduplication", "true"), ("FifoThroughputScope", "MessageGroup")):
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        assert sns.get_topic_attributes(TopicArn=arn)["Attributes"][name] == value
    assert refusal_of(sns.set_topic_attributes, TopicArn=arn, AttributeName="FifoTopic", AttributeValue="false")[1] == (
        "Invalid parameter: AttributeName"
    )


def test_create_topic_refuses_the_name_of_a_standard_topic_for_a_fifo_topic(server: Server) -> None:
    code, text, _ = refusal_of(server.client("sns").create_topic, Name="e", Attributes={"FifoTopic": "true"})
    assert (code, text.startswith("Invalid parameter: Fifo Topic names must end with .fifo")) == (
        "InvalidParameter",
        True,
    )


def test_get_topic_attributes_has_the_members_of_aws(server: Server) -> None:
    sns = server.client("sns")
    arn = sns.create_topic(Name="events")["TopicArn"]
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert json.loads(attributes.pop("Policy"))["Statement"][0]["Resource"] == arn
    assert json.loads(attributes.pop("EffectiveDeliveryPolicy"))["http"]["disableSubscriptionOverrides"] is False
    assert attributes == {
        "TopicArn": arn,
        "Owner": server.account,
        "DisplayName": "",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }


def test_set_topic_attributes(server: Server) -> None:
    sns = server.client("sns")
    arn = sns.create_topic(Name="events")["TopicArn"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="2")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["SignatureVersion"] == "2"
    assert refusal_of(sns.set_topic_attributes, TopicArn=arn, AttributeName="Nonsense", AttributeValue="x") == (
        "InvalidParameter",
        "Invalid parameter: AttributeName",
        400,
    )


def test_a_topic_that_is_not_there_is_not_found_and_yet_can_be_deleted(server: Server) -> None:
    sns = server.client("sns")
    arn = sns.create_topic(Name="events")["TopicArn"]
    for _ in range(2):
        sns.delete_topic(TopicArn=arn)
    assert refusal_of(sns.get_topic_attributes, TopicArn=arn) == ("NotFound", "Topic does not exist", 404)


def test_a_malformed_arn_is_refusal_of(server: Server) -> None:
    assert refusal_of(server.client("sns").get_topic_attributes, TopicArn="randomarn") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        400,
    )


def test_list_topics_comes_in_pages_of_a_hundred(server: Server) -> None:
    sns = server.client("sns")
    made = {sns.create_topic(Name=f"events-{number:03}")["TopicArn"] for number in range(101)}
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    second = sns.list_topics(NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert {topic["TopicArn"] for topic in first["Topics"] + second["Topics"]} == made
    code, text, _ = refusal_of(sns.list_topics, NextToken="§")
    assert (code, text) == ("InvalidParameter", "Invalid parameter: NextToken")


def test_topics_of_others_are_not_seen(server: Server) -> None:
    arn = server.client("sns").create_topic(Name="events")["TopicArn"]
    other = server.client("sns", account="999999999999")
    assert other.list_topics()["Topics"] == []
    code, _, status = refusal_of(other.get_topic_attributes, TopicArn=arn)
    assert (code, status) == ("AuthorizationError", 403)
    assert server.client("sns", region="eu-west-1").list_topics()["Topics"] == []


def test_an_archive_is_replayed_to_a_queue_that_comes_later(server: Server) -> None:
    sns, sqs = server.client("sns"), server.client("sqs")
    attributes = {"FifoTopic": "true", "ArchivePolicy": '{"MessageRetentionPeriod":"30"}'}
    topic = sns.create_topic(Name="kept.fifo", Attributes=attributes)["TopicArn"]
    for number in range(3):
        sns.publish(TopicArn=topic, Message=f"m{number}", MessageGroupId="g", MessageDeduplicationId=str(number))
    begins = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["BeginningArchiveTime"]

    url = sqs.create_queue(QueueName="late.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{server.account}:late.fifo"
    policy = json.dumps({"PointType": "Timestamp", "StartingPoint": begins})
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"ReplayPolicy": policy})
    server.settle()

    told = sns.get_subscription_attributes(SubscriptionArn=made["SubscriptionArn"])["Attributes"]
    assert (told["ReplayPolicy"], told["ReplayStatus"]) == (policy, "Completed")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = [json.loads(message["Body"]) for message in messages]
    assert [(body["Message"], body["Replayed"]) for body in bodies] == [(f"m{number}", "true") for number in range(3)]

    text = "Invalid state: Cannot delete a topic with an ArchivePolicy"
    assert refusal_of(sns.delete_topic, TopicArn=topic) == ("InvalidState", text, 400)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    sns.delete_topic(TopicArn=topic)


def test_a_topic_may_take_larger_messages_for_queues(server: Server) -> None:
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="large", Attributes={"MaximumMessageSize": "1048576"})["TopicArn"]
    url = sqs.create_queue(QueueName="large")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{server.account}:large"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="x" * 1_048_576)
    server.settle()
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert len(message["Body"]) == 1_048_576
    assert "Message too long" in refusal_of(sns.publish, TopicArn=topic, Message="x" * 1_048_577)[1]
    _, text, _ = refusal_of(sns.subscribe, TopicArn=topic, Protocol="https", Endpoint="https://example.com/")
    assert text.endswith("a topic with messages above 262144 bytes tells SQS queues only")

    plain = sns.create_topic(Name="plain")["TopicArn"]
    sns.subscribe(TopicArn=plain, Protocol="https", Endpoint="https://10.0.0.1/hook")
    _, text, _ = refusal_of(
        sns.set_topic_attributes, TopicArn=plain, AttributeName="MaximumMessageSize", AttributeValue="262145"
    )
    assert "all of them SQS queues" in text


def test_an_account_has_so_many_topics(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "MOST_TOPICS", 1)
    sns = server.client("sns")
    for _ in range(2):
        sns.create_topic(Name="first")
    refusal = refusal_of(sns.create_topic, Name="second")
    assert refusal == ("TopicLimitExceeded", "The account has its 1 topics already", 403)


def test_an_account_has_so_many_filter_policies(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MOST_POLICIES", 1)
    sns = server.client("sns")
    for name in ("a", "b"):
        topic = sns.create_topic(Name=name)["TopicArn"]
        arn = f"arn:aws:sqs:us-east-1:{server.account}:{name}"
        made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        filtering = {"AttributeName": "FilterPolicy", "AttributeValue": '{"a":["b"]}'}
        if name == "a":
            sns.set_subscription_attributes(SubscriptionArn=made["SubscriptionArn"], **filtering)
    code, text, status = refusal_of(
        sns.set_subscription_attributes, SubscriptionArn=made["SubscriptionArn"], **filtering
    )
    assert (code, status) == ("FilterPolicyLimitExceeded", 403)
    assert text == "Filter policy limit exceeded: an account has at most 1 filter policies"
