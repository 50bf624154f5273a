"""What other accounts may do with a topic, as boto3 sees it."""

import json
from typing import Any

import pytest

from tests.support.refused import refusal_of
from tests.support.server import Server


@pytest.fixture
def topic(server: Server) -> str:
    arn: str = server.client("sns").create_topic(Name="events")["TopicArn"]
    return arn


@pytest.fixture
def other(server: Server) -> Server:
    return server.running.for_new_account()


def set_policy(server: Server, topic: str, **statement: Any) -> None:
    whole = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SNS:Publish", "Resource": topic, **statement}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
    server.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def policy_of(server: Server, topic: str) -> dict[str, Any]:
    attributes = server.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    policy: dict[str, Any] = json.loads(attributes["Policy"])
    return policy


def new_queue(server: Server, allows: str) -> tuple[str, str]:
    """Return URL and ARN of a queue that takes what a topic tells."""
    arn = f"arn:aws:sqs:us-east-1:{server.account}:q"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": allows}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url: str = server.client("sqs").create_queue(QueueName="q", Attributes={"Policy": policy})["QueueUrl"]
    return url, arn


def test_add_permission_writes_a_statement_and_remove_permission_takes_it(server: Server, topic: str) -> None:
    sns = server.client("sns")
    before = policy_of(server, topic)
    sns.add_permission(TopicArn=topic, Label="them", AWSAccountId=["111122223333"], ActionName=["Publish"])
    assert policy_of(server, topic)["Statement"][1:] == [
        {
            "Sid": "them",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "SNS:Publish",
            "Resource": topic,
        }
    ]
    sns.remove_permission(TopicArn=topic, Label="them")
    assert policy_of(server, topic) == before


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"ActionName": ["CreateTopic"]}, "Invalid parameter: Policy statement action out of service scope!"),
        ({"AWSAccountId": ["me"]}, "Invalid parameter: AWSAccountId"),
        ({"Label": "a b"}, "Invalid parameter: Label"),
        ({"Label": "__default_statement_ID"}, "Invalid parameter: Statement already exists"),
    ],
)
def test_add_permission_refuses_what_means_nothing(
    server: Server, topic: str, params: dict[str, Any], text: str
) -> None:
    given = {"Label": "them", "AWSAccountId": ["111122223333"], "ActionName": ["Publish"], **params}
    assert refusal_of(server.client("sns").add_permission, TopicArn=topic, **given) == ("InvalidParameter", text, 400)


def test_permissions_need_a_topic_that_is_there(server: Server, topic: str) -> None:
    sns = server.client("sns")
    given = {"Label": "them", "AWSAccountId": ["111122223333"], "ActionName": ["Publish"]}
    assert refusal_of(sns.add_permission, TopicArn=f"{topic}-x", **given)[0] == "NotFound"
    assert refusal_of(sns.remove_permission, TopicArn=f"{topic}-x", Label="them")[0] == "NotFound"


def test_another_account_publishes_when_the_policy_lets_it(server: Server, other: Server, topic: str) -> None:
    sns = other.client("sns")
    code, text, status = refusal_of(sns.publish, TopicArn=topic, Message="x")
    assert (code, status) == ("AuthorizationError", 403)
    assert text.endswith(
        f"is not authorized to perform: SNS:Publish on resource: {topic} because no resource-based policy allows the"
        " SNS:Publish action"
    )
    server.client("sns").add_permission(
        TopicArn=topic, Label="them", AWSAccountId=[other.account], ActionName=["Publish"]
    )
    assert sns.publish(TopicArn=topic, Message="x")["MessageId"]
    entries = [{"Id": "1", "Message": "x"}]
    assert sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Failed"] == []
    assert refusal_of(sns.get_topic_attributes, TopicArn=topic)[0] == "AuthorizationError"
    server.client("sns").remove_permission(TopicArn=topic, Label="them")
    assert refusal_of(sns.publish, TopicArn=topic, Message="x")[0] == "AuthorizationError"


def test_another_account_is_not_told_whether_a_topic_is_there(server: Server, other: Server, topic: str) -> None:
    texts = [refusal_of(other.client("sns").publish, TopicArn=arn, Message="x")[1] for arn in (topic, f"{topic}-x")]
    assert texts[0].replace(topic, "") == texts[1].replace(f"{topic}-x", "")


def test_another_account_subscribes_its_queue_and_owns_the_subscription(
    server: Server, other: Server, topic: str
) -> None:
    url, queue = new_queue(other, topic)
    sns = other.client("sns")
    assert refusal_of(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue)[0] == "AuthorizationError"
    set_policy(server, topic, Action=["SNS:Subscribe"], Condition={"StringEquals": {"sns:Protocol": "sqs"}})
    assert refusal_of(sns.subscribe, TopicArn=topic, Protocol="https", Endpoint="https://example.com/")[0] == (
        "AuthorizationError"
    )
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    assert sns.list_subscriptions()["Subscriptions"] == [
        {"SubscriptionArn": arn, "Owner": other.account, "Protocol": "sqs", "Endpoint": queue, "TopicArn": topic}
    ]
    server.client("sns").publish(TopicArn=topic, Message="hello")
    server.settle()
    (message,) = other.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "hello"
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["RawMessageDelivery"] == "true"
    third = server.running.for_new_account().client("sns")
    assert refusal_of(third.unsubscribe, SubscriptionArn=arn)[0] == "AuthorizationError"
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_a_queue_of_another_account_is_asked_to_confirm(server: Server, other: Server, topic: str) -> None:
    url, queue = new_queue(other, topic)
    sns = server.client("sns")
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"] == "pending confirmation"
    server.settle()
    (message,) = other.client("sqs").receive_message(QueueUrl=url)["Messages"]
    asked = json.loads(message["Body"])
    assert asked["Type"] == "SubscriptionConfirmation"
    arn = other.client("sns").confirm_subscription(TopicArn=topic, Token=asked["Token"])["SubscriptionArn"]
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == arn


def test_a_policy_that_denies_holds_for_the_owner_too(server: Server, topic: str) -> None:
    set_policy(server, topic, Effect="Deny")
    assert refusal_of(server.client("sns").publish, TopicArn=topic, Message="x")[0] == "AuthorizationError"


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("{", "Policy Error: null"),
        ('{"Version":"2012-10-17","Statement":[]}', "Policy Error: Missing required field Statement"),
        (
            '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}}',
            "Policy statement action out of service scope!",
        ),
    ],
)
def test_a_policy_that_means_nothing_is_refused(server: Server, topic: str, policy: str, text: str) -> None:
    refusal = refusal_of(
        server.client("sns").set_topic_attributes, TopicArn=topic, AttributeName="Policy", AttributeValue=policy
    )
    assert refusal == ("InvalidParameter", f"Invalid parameter: {text}", 400)
