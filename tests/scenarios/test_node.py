"""Mail sent with the AWS SDKs for JavaScript; its events verified, confirmed and taken by an HTTP handler in Node."""

import json
from typing import Any

import pytest

from tests.support.node.clients import NodeClients
from tests.support.server import Server
from tests.support.signing import send

SENDER = "owen@somewhere.example"
SUCCESS = "success@simulator.amazonses.com"
BOUNCE = "bounce@simulator.amazonses.com"


def set_up(node: NodeClients, server: Server, url: str, signature_version: str = "1") -> Any:
    return node.run("set_up_v3.mjs", server.endpoint, server.account, SENDER, url, signature_version)


def notifications(lines: list[dict[str, Any]], status: int = 200) -> list[dict[str, Any]]:
    """Return the messages of notifications that were answered with this status."""
    taken = [line for line in lines if line["status"] == status]
    return [line["message"] for line in taken if line["headers"]["x-amz-sns-message-type"] == "Notification"]


def events(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(message["Message"]) for message in notifications(lines)]


def is_confirmed(lines: list[dict[str, Any]]) -> bool:
    return any(line["message"]["Type"] == "SubscriptionConfirmation" for line in lines)


def test_sdk_v2_sends_and_the_handler_hears_what_became_of_it(node: NodeClients, server: Server) -> None:
    with node.subscriber(server) as handler:
        set_up(node, server, handler.url)
        handler.wait_for(is_confirmed)
        answer = node.run("send_v2.mjs", server.endpoint, server.account, SENDER, SUCCESS, "test")
        handler.wait_for(lambda lines: len(events(lines)) == 2)

        assert answer["ResponseMetadata"]["RequestId"]
        told = {event["eventType"]: event for event in events(handler.lines)}
        assert set(told) == {"Send", "Delivery"}
        assert told["Delivery"]["delivery"]["recipients"] == [SUCCESS]
        for event in told.values():
            assert event["mail"]["messageId"] == answer["MessageId"]
            assert event["mail"]["commonHeaders"]["subject"] == "你好"
            assert event["mail"]["tags"]["ses:configuration-set"] == ["test"]


def test_sdk_v2_reads_a_refusal(node: NodeClients, server: Server) -> None:
    server.client("ses").create_configuration_set(ConfigurationSet={"Name": "test"})
    answer = node.run("send_v2.mjs", server.endpoint, server.account, "nobody@never.example", SUCCESS, "test")
    assert answer == {
        "code": "MessageRejected",
        "message": "Email address is not verified. The following identities failed the check in region US-EAST-1: "
        "nobody@never.example",
        "statusCode": 400,
    }


def test_sdk_v3_sends_by_both_apis(node: NodeClients, server: Server) -> None:
    with node.subscriber(server) as handler:
        set_up(node, server, handler.url)
        handler.wait_for(is_confirmed)
        message_ids = node.run("send_v3.mjs", server.endpoint, server.account, SENDER, BOUNCE, "test")
        handler.wait_for(lambda lines: len(events(lines)) == 4)

        told = {(event["mail"]["messageId"], event["eventType"]): event for event in events(handler.lines)}
        first, second = message_ids
        assert set(told) == {(one, kind) for one in message_ids for kind in ("Send", "Bounce")}
        assert told[first, "Send"]["mail"]["tags"]["ses:operation"] == ["SendEmail"]
        assert "campaign" not in told[first, "Bounce"]["mail"]["tags"]
        assert told[second, "Bounce"]["mail"]["tags"]["campaign"] == ["hello"]


def test_sdk_v3_reads_a_refusal(node: NodeClients, server: Server) -> None:
    answer = node.run("send_v3.mjs", server.endpoint, server.account, SENDER, SUCCESS, "never")
    assert answer["name"] == "ConfigurationSetDoesNotExistException"
    assert answer["status"] == 400


def test_a_subscription_set_up_by_sdk_v3_is_pending_until_the_handler_confirms(
    node: NodeClients, server: Server
) -> None:
    with node.subscriber(server) as handler:
        answer = set_up(node, server, handler.url)
        assert answer["SubscriptionArn"] == "pending confirmation"
        handler.wait_for(is_confirmed)

        (confirmation,) = handler.lines
        assert "x-amz-sns-subscription-arn" not in confirmation["headers"]
        assert confirmation["headers"]["content-type"] == "text/plain; charset=UTF-8"
        topic = answer["Attributes"]["TopicArn"]
        (subscribed,) = server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert subscribed["SubscriptionArn"].startswith(f"{topic}:")
        assert subscribed["Endpoint"] == handler.url


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_handler_verifies_both_signature_versions(node: NodeClients, server: Server, version: str) -> None:
    with node.subscriber(server) as handler:
        set_up(node, server, handler.url, version)
        handler.wait_for(is_confirmed)
        node.run("send_v2.mjs", server.endpoint, server.account, SENDER, SUCCESS, "test")
        handler.wait_for(lambda lines: len(events(lines)) == 2)

        assert {line["message"]["SignatureVersion"] for line in handler.lines} == {version}


def test_the_handler_refuses_what_was_changed_on_its_way(node: NodeClients, server: Server) -> None:
    with node.subscriber(server) as handler:
        set_up(node, server, handler.url)
        handler.wait_for(is_confirmed)
        node.run("send_v2.mjs", server.endpoint, server.account, SENDER, SUCCESS, "test")
        handler.wait_for(lambda lines: len(events(lines)) == 2)

        genuine = handler.lines[-1]["message"]
        forged = {**genuine, "Message": genuine["Message"].replace(SUCCESS, BOUNCE)}
        headers = {"x-amz-sns-message-type": "Notification"}
        assert send(handler.url, "POST", "/mail_events", headers, json.dumps(genuine).encode()).status == 200
        assert send(handler.url, "POST", "/mail_events", headers, json.dumps(forged).encode()).status == 400


def test_what_the_handler_could_not_hand_on_comes_again_under_its_own_id(node: NodeClients, server: Server) -> None:
    with node.subscriber(server, failures=1) as handler:
        topic = set_up(node, server, handler.url)["Attributes"]["TopicArn"]
        handler.wait_for(is_confirmed)
        retry = {"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 1}}
        sns = server.client("sns")
        (subscribed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        sns.set_subscription_attributes(
            SubscriptionArn=subscribed["SubscriptionArn"],
            AttributeName="DeliveryPolicy",
            AttributeValue=json.dumps(retry),
        )
        node.run("send_v2.mjs", server.endpoint, server.account, SENDER, SUCCESS, "test")
        handler.wait_for(lambda lines: len(events(lines)) == 2)

        (failed,) = notifications(handler.lines, status=500)
        taken = [message["MessageId"] for message in notifications(handler.lines)]
        assert taken.count(failed["MessageId"]) == 1
        assert sorted(event["eventType"] for event in events(handler.lines)) == ["Delivery", "Send"]
