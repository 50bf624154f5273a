"""The links in what SNS posts: a subscriber leaves by one, and comes back by the other."""

import urllib.error
import urllib.request

import pytest

from tests.support.node.clients import NodeClients
from tests.support.server import Server
from tests.support.subscriber import Subscriber

SENDER = "shop@somewhere.example"


@pytest.fixture
def topic(server: Server) -> str:
    """A topic that is told of the deliveries of an identity."""
    arn: str = server.client("sns").create_topic(Name="shop")["TopicArn"]
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress=SENDER)
    ses.set_identity_notification_topic(Identity=SENDER, NotificationType="Delivery", SnsTopic=arn)
    server.settle()
    return arn


def subscribe(server: Server, topic: str, url: str) -> None:
    server.client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    server.settle()


def send(server: Server) -> str:
    message_id: str = server.client("ses").send_email(
        Source=SENDER,
        Destination={"ToAddresses": ["success@simulator.amazonses.com"]},
        Message={"Subject": {"Data": "hello"}, "Body": {"Text": {"Data": "hello"}}},
    )["MessageId"]
    server.settle()
    return message_id


def follow(link: str) -> str:
    with urllib.request.urlopen(link, timeout=30) as answer:
        assert answer.status == 200
        text: str = answer.read().decode()
        return text


def told_of(subscriber: Subscriber) -> list[str]:
    return [event["mail"]["messageId"] for event in subscriber.events]


def test_who_leaves_is_told_so_and_nothing_more(server: Server, topic: str, subscriber: Subscriber) -> None:
    subscribe(server, topic, subscriber.url)
    first = send(server)
    follow(subscriber.notifications[-1].body["UnsubscribeURL"])
    server.settle()

    last = subscriber.posts[-1]
    subscription = last.headers["x-amz-sns-subscription-arn"]
    assert last.headers["x-amz-sns-message-type"] == last.body["Type"] == "UnsubscribeConfirmation"
    assert last.body["Message"] == (
        f"You have chosen to deactivate subscription {subscription}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )
    assert server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []

    send(server)
    assert told_of(subscriber) == [first]
    assert subscriber.posts[-1] is last


def test_who_comes_back_is_told_of_what_happens_from_then_on(
    server: Server, topic: str, subscriber: Subscriber
) -> None:
    subscribe(server, topic, subscriber.url)
    first = send(server)
    follow(subscriber.notifications[-1].body["UnsubscribeURL"])
    server.settle()
    farewell = subscriber.posts[-1]
    send(server)

    assert farewell.headers["x-amz-sns-subscription-arn"] in follow(farewell.body["SubscribeURL"])
    third = send(server)
    assert told_of(subscriber) == [first, third]


def test_the_farewell_is_signed_like_all_else(node: NodeClients, server: Server, topic: str) -> None:
    with node.subscriber(server) as handler:
        subscribe(server, topic, handler.url)
        send(server)
        handler.wait_for(lambda lines: len(lines) == 2)
        follow(handler.lines[-1]["message"]["UnsubscribeURL"])
        handler.wait_for(lambda lines: len(lines) == 3)

        assert handler.lines[-1]["status"] == 200
        assert handler.lines[-1]["message"]["Type"] == "UnsubscribeConfirmation"


def test_a_link_with_a_token_of_ones_own_making_confirms_nothing(
    server: Server, topic: str, subscriber: Subscriber
) -> None:
    subscriber.answers = [403]  # it does not confirm
    subscribe(server, topic, subscriber.url)
    link: str = subscriber.posts[-1].body["SubscribeURL"]
    forged = link[:-8] + ("0" * 8 if link[-8:] != "0" * 8 else "1" * 8)

    with pytest.raises(urllib.error.HTTPError) as refusal:
        follow(forged)
    assert refusal.value.code == 400
    assert "<Code>InvalidParameter</Code>" in refusal.value.read().decode()
    refusal.value.close()
    (one,) = server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert one["SubscriptionArn"] == "PendingConfirmation"
