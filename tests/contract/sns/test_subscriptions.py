"""Subscriptions, as boto3 and those who follow links see them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.refused import refusal_of
from tests.support.server import Server
from tests.support.subscriber import Subscriber


@pytest.fixture
def topic(server: Server) -> str:
    arn: str = server.client("sns").create_topic(Name="events")["TopicArn"]
    return arn


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber.listening() as subscriber:
        yield subscriber


def follow(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def queue_arn(server: Server, name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{server.account}:{name}"


def confirmed(server: Server, topic: str, subscriber: Subscriber, **attributes: str) -> str:
    sns = server.client("sns")
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, Attributes=attributes)
    subscriber.wait_for(lambda it: it.posts)
    server.settle()
    arn: str = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"]
    return arn


def test_subscribe_a_queue_confirms_at_once(server: Server, topic: str) -> None:
    sns = server.client("sns")
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(server, "q"))["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    shown = {
        "SubscriptionArn": arn,
        "Owner": server.account,
        "Protocol": "sqs",
        "Endpoint": queue_arn(server, "q"),
        "TopicArn": topic,
    }
    assert sns.list_subscriptions()["Subscriptions"] == [shown]
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == [shown]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes.pop("SubscriptionPrincipal").startswith(f"arn:aws:iam::{server.account}:user/")
    assert attributes == {
        **shown,
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
        "RawMessageDelivery": "false",
    }


def test_subscribe_a_url_is_pending_until_it_is_confirmed(server: Server, topic: str) -> None:
    sns = server.client("sns")
    url = "http://10.0.0.1/hook"  # never asked: private addresses are refused
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)["SubscriptionArn"] == "pending confirmation"
    arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    (shown,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert shown["SubscriptionArn"] == "PendingConfirmation"
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"


def test_the_subscribe_url_confirms_without_a_signature(server: Server, topic: str, subscriber: Subscriber) -> None:
    arn = confirmed(server, topic, subscriber)
    (post,) = subscriber.posts
    status, text = follow(post.body["SubscribeURL"])
    assert status == 200
    assert text.startswith('<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">')
    assert f"<SubscriptionArn>{arn}</SubscriptionArn>" in text
    attributes = server.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["PendingConfirmation"] == "false"
    assert attributes["ConfirmationWasAuthenticated"] == "false"
    assert "EffectiveDeliveryPolicy" in attributes


def test_confirm_subscription_with_a_token(server: Server, topic: str, subscriber: Subscriber) -> None:
    arn = confirmed(server, topic, subscriber)
    sns, token = server.client("sns"), subscriber.posts[0].body["Token"]
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    assert refusal_of(sns.confirm_subscription, TopicArn=topic, Token="randomtoken") == (
        "InvalidParameter",
        "Invalid token",
        400,
    )
    forged = token[:-4] + ("0000" if token[-4:] != "0000" else "1111")
    assert refusal_of(sns.confirm_subscription, TopicArn=topic, Token=forged) == (
        "InvalidParameter",
        "Invalid parameter: Token",
        400,
    )
    status, text = follow(subscriber.posts[0].body["SubscribeURL"].replace(token, forged))
    assert status == 400
    assert "<Code>InvalidParameter</Code>" in text


def test_the_unsubscribe_url_works_without_a_signature(server: Server, topic: str, subscriber: Subscriber) -> None:
    confirmed(server, topic, subscriber)
    sns = server.client("sns")
    sns.publish(TopicArn=topic, Message="hello")
    subscriber.wait_for(lambda it: it.notifications)
    assert follow(subscriber.notifications[0].body["UnsubscribeURL"])[0] == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    subscriber.wait_for(lambda it: it.posts[-1].body["Type"] == "UnsubscribeConfirmation")
    assert follow(subscriber.posts[-1].body["SubscribeURL"])[0] == 200
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1


def test_the_unsubscribe_url_can_be_made_to_need_a_signature(
    server: Server, topic: str, subscriber: Subscriber
) -> None:
    arn = confirmed(server, topic, subscriber)
    sns, token = server.client("sns"), subscriber.posts[0].body["Token"]
    sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    status, text = follow(f"{server.endpoint}/?Action=Unsubscribe&SubscriptionArn={arn}")
    assert status == 403
    assert "<Code>AuthorizationError</Code>" in text
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_unsubscribe_what_is_not_there_succeeds(server: Server, topic: str) -> None:
    sns = server.client("sns")
    sns.unsubscribe(SubscriptionArn=f"{topic}:c9135db0-26c4-47ec-8998-413945fb5a96")
    assert refusal_of(sns.unsubscribe, SubscriptionArn="randomarn")[1] == (
        "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"
    )


def test_no_other_operation_works_without_a_signature(server: Server, topic: str) -> None:
    status, text = follow(f"{server.endpoint}/?Action=DeleteTopic&TopicArn={topic}")
    assert status == 403
    assert "<Code>MissingAuthenticationToken</Code>" in text
    assert server.client("sns").get_topic_attributes(TopicArn=topic)


@pytest.mark.parametrize(
    ("protocol", "endpoint", "text"),
    [
        ("test-protocol", "x", "Invalid parameter: Amazon SNS does not support this protocol string: test-protocol"),
        ("sqs", "http://localhost/q", "Invalid parameter: SQS endpoint ARN"),
        ("https", "http://example.com/", "Invalid parameter: Endpoint must match the specified protocol"),
        (
            "sms",
            "+15550100",
            "Invalid parameter: Protocol Reason: sms is not offered by this server; http, https, email, email-json and"
            " sqs are",
        ),
    ],
)
def test_subscribe_refuses_an_endpoint_by_name(
    server: Server, topic: str, protocol: str, endpoint: str, text: str
) -> None:
    refusal = refusal_of(server.client("sns").subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert refusal == ("InvalidParameter", text, 400)


def test_subscribe_refuses_a_fifo_queue(server: Server, topic: str) -> None:
    arn = queue_arn(server, "q.fifo")
    assert refusal_of(server.client("sns").subscribe, TopicArn=topic, Protocol="sqs", Endpoint=arn)[1] == (
        "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS"
        " topics"
    )


def test_subscribe_to_a_topic_that_is_not_there(server: Server, topic: str) -> None:
    arn = queue_arn(server, "q")
    refusal = refusal_of(server.client("sns").subscribe, TopicArn=f"{topic}-x", Protocol="sqs", Endpoint=arn)
    assert refusal == ("NotFound", "Topic does not exist", 404)


def test_set_subscription_attributes(server: Server, topic: str) -> None:
    sns = server.client("sns")
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(server, "q"))["SubscriptionArn"]
    policy = json.dumps({"eventType": ["Bounce", "Complaint"]})
    for name, value in (("FilterPolicyScope", "MessageBody"), ("FilterPolicy", policy), ("RawMessageDelivery", "true")):
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
        attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["FilterPolicy"], attributes["FilterPolicyScope"]) == (policy, "MessageBody")
    wrong = json.dumps({"key": [{"suffix": 100}]})
    assert refusal_of(
        sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=wrong
    ) == ("InvalidParameter", "Invalid parameter: FilterPolicy: suffix match pattern must be a string", 400)
    assert refusal_of(
        sns.subscribe,
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue_arn(server, "r"),
        Attributes={"FilterPolicy": wrong},
    )[1] == ("Invalid parameter: Attributes Reason: FilterPolicy: suffix match pattern must be a string")


def test_get_subscription_attributes_of_what_is_not_there(server: Server, topic: str) -> None:
    arn = f"{topic}:c9135db0-26c4-47ec-8998-413945fb5a96"
    refusal = refusal_of(server.client("sns").get_subscription_attributes, SubscriptionArn=arn)
    assert refusal == ("NotFound", "Subscription does not exist", 404)


def test_list_subscriptions_comes_in_pages_of_a_hundred(server: Server, topic: str) -> None:
    sns = server.client("sns")
    for number in range(101):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(server, f"q{number}"))
    for listing, arguments in (
        (sns.list_subscriptions, {}),
        (sns.list_subscriptions_by_topic, {"TopicArn": topic}),
    ):
        first = listing(**arguments)
        second = listing(**arguments, NextToken=first["NextToken"])
        assert len(first["Subscriptions"]) == 100
        assert len({one["Endpoint"] for one in first["Subscriptions"] + second["Subscriptions"]}) == 101
        assert "NextToken" not in second


def test_the_certificate_is_served_without_a_signature(server: Server, topic: str, subscriber: Subscriber) -> None:
    confirmed(server, topic, subscriber)
    url = subscriber.posts[0].body["SigningCertURL"]
    assert url.startswith(f"{server.endpoint}/SimpleNotificationService-")
    status, text = follow(url)
    assert status == 200
    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in text


def test_a_fifo_topic_has_a_hundred_subscriptions_at_most(server: Server) -> None:
    sns = server.client("sns")
    fifo = sns.create_topic(Name="events.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    for number in range(100):
        sns.subscribe(TopicArn=fifo, Protocol="sqs", Endpoint=queue_arn(server, f"q{number}.fifo"))
    refusal = refusal_of(sns.subscribe, TopicArn=fifo, Protocol="sqs", Endpoint=queue_arn(server, "one-more.fifo"))
    assert refusal == ("SubscriptionLimitExceeded", "The topic has its 100 subscriptions already", 403)
    again = sns.subscribe(TopicArn=fifo, Protocol="sqs", Endpoint=queue_arn(server, "q0.fifo"))
    assert again["SubscriptionArn"].startswith(fifo)


def test_a_topic_has_two_hundred_filter_policies_at_most(server: Server, topic: str) -> None:
    sns = server.client("sns")
    policy = {"FilterPolicy": '{"a": ["b"]}'}
    for number in range(200):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(server, f"q{number}"), Attributes=policy)
    refusal = refusal_of(
        sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(server, "more"), Attributes=policy
    )
    assert (refusal[0], refusal[2]) == ("FilterPolicyLimitExceeded", 403)


@pytest.mark.parametrize(
    ("protocol", "name", "value", "text"),
    [
        ("sqs", "RawMessageDelivery", "maybe", "RawMessageDelivery: Invalid value [maybe]. Must be true or false."),
        (
            "sqs",
            "FilterPolicyScope",
            "Body",
            "FilterPolicyScope: Invalid value [Body]. Please use either MessageBody or MessageAttributes",
        ),
        ("sqs", "FilterPolicy", '{"a": [{"like": "b"}]}', "FilterPolicy: Unrecognized match type like"),
        ("sqs", "RedrivePolicy", "{", "RedrivePolicy: failed to parse JSON."),
        ("sqs", "RedrivePolicy", "{}", "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("sqs", "DeliveryPolicy", "{}", "DeliveryPolicy: only HTTP and HTTPS subscriptions have one"),
        (
            "https",
            "DeliveryPolicy",
            '{"throttlePolicy": {"maxReceivesPerSecond": 0}}',
            "DeliveryPolicy: throttlePolicy.maxReceivesPerSecond must be greater than or equal to 1",
        ),
        (
            "sqs",
            "ReplayPolicy",
            '{"PointType":"Timestamp"}',
            "ReplayPolicy Reason: only subscriptions to FIFO topics have one",
        ),
        (
            "sqs",
            "SubscriptionRoleArn",
            "arn:aws:iam::123456789012:role/x",
            "SubscriptionRoleArn Reason: only firehose subscriptions have a role",
        ),
        ("sqs", "Endpoint", "x", "AttributeName"),
    ],
)
def test_an_attribute_that_is_wrong_is_refused_by_name(
    server: Server, topic: str, protocol: str, name: str, value: str, text: str
) -> None:
    sns = server.client("sns")
    endpoint = queue_arn(server, "q") if protocol == "sqs" else "https://10.0.0.1/hook"
    refusal = refusal_of(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes={name: value})
    assert refusal == ("InvalidParameter", f"Invalid parameter: Attributes Reason: {text}", 400)
    arn = sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, ReturnSubscriptionArn=True)
    refusal = refusal_of(
        sns.set_subscription_attributes,
        SubscriptionArn=arn["SubscriptionArn"],
        AttributeName=name,
        AttributeValue=value,
    )
    assert refusal == ("InvalidParameter", f"Invalid parameter: {text}", 400)


def test_the_throttle_of_a_delivery_policy_is_shown(server: Server, topic: str) -> None:
    sns = server.client("sns")
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="DeliveryPolicy",
        AttributeValue=json.dumps({"http": {"defaultThrottlePolicy": {"maxReceivesPerSecond": 7}}}),
    )
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    shown = json.loads(attributes["EffectiveDeliveryPolicy"])["http"]
    assert shown["defaultThrottlePolicy"] == {"maxReceivesPerSecond": 7}
    arn = sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://10.0.0.1/hook", ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert json.loads(attributes["EffectiveDeliveryPolicy"])["throttlePolicy"] == {"maxReceivesPerSecond": 7}
