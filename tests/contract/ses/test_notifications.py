"""Identity notifications in v1."""

import json

import pytest

from tests.support.listening_queue import ListeningQueue
from tests.support.refused import refused
from tests.support.server import Server

NAME = "example.com"


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v1 client of an account with the identity `example.com`."""
    client = server.client("ses")
    client.verify_domain_identity(Domain=NAME)
    return client


def attributes(client) -> dict[str, object]:  # type: ignore[no-untyped-def]
    answer = client.get_identity_notification_attributes(Identities=[NAME, "missing.example"])
    found: dict[str, object] = answer["NotificationAttributes"][NAME]
    assert answer["NotificationAttributes"].keys() == {NAME}
    return found


def test_get_identity_notification_attributes_of_a_new_identity(ses) -> None:  # type: ignore[no-untyped-def]
    assert attributes(ses) == {
        "ForwardingEnabled": True,
        "HeadersInBounceNotificationsEnabled": False,
        "HeadersInComplaintNotificationsEnabled": False,
        "HeadersInDeliveryNotificationsEnabled": False,
    }


def test_set_identity_notification_topic_tells_the_topic_once(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    listening = ListeningQueue(server)
    ses.set_identity_notification_topic(Identity=NAME, NotificationType="Bounce", SnsTopic=listening.topic_arn)

    assert attributes(ses)["BounceTopic"] == listening.topic_arn
    (told,) = listening.heard()
    assert told["Message"].endswith("}\n")
    assert json.loads(told["Message"]) == {
        "notificationType": "AmazonSnsSubscriptionSucceeded",
        "message": f"You have successfully subscribed your Amazon SNS topic '{listening.topic_arn}' to receive "
        "'Bounce' notifications from Amazon SES for identity 'example.com'.",
    }


def test_set_identity_notification_topic_without_a_topic_takes_it_away(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    topic = server.client("sns").create_topic(Name="feedback")["TopicArn"]
    for kind in ("Bounce", "Delivery"):
        ses.set_identity_notification_topic(Identity=NAME, NotificationType=kind, SnsTopic=topic)
    ses.set_identity_notification_topic(Identity=NAME, NotificationType="Bounce")
    found = attributes(ses)
    assert found["DeliveryTopic"] == topic
    assert "BounceTopic" not in found


def test_set_identity_notification_topic_refuses_what_is_not_there(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    topic = server.client("sns").create_topic(Name="feedback")["TopicArn"]
    elsewhere = topic.replace("us-east-1", "eu-west-1")
    with refused("InvalidParameterValue", f"SNS topic <{elsewhere}> not found."):
        ses.set_identity_notification_topic(Identity=NAME, NotificationType="Bounce", SnsTopic=elsewhere)
    with refused("InvalidParameterValue", "Identity example.net does not exist."):
        ses.set_identity_notification_topic(Identity="example.net", NotificationType="Bounce", SnsTopic=topic)
    with refused("ValidationError"):
        ses.set_identity_notification_topic(Identity=NAME, NotificationType="Open", SnsTopic=topic)
    assert "BounceTopic" not in attributes(ses)


def test_set_identity_feedback_forwarding_enabled_needs_both_topics_to_be_off(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    with refused("InvalidParameterValue"):
        ses.set_identity_feedback_forwarding_enabled(Identity=NAME, ForwardingEnabled=False)
    assert attributes(ses)["ForwardingEnabled"] is True

    topic = server.client("sns").create_topic(Name="feedback")["TopicArn"]
    for kind in ("Bounce", "Complaint"):
        ses.set_identity_notification_topic(Identity=NAME, NotificationType=kind, SnsTopic=topic)
    ses.set_identity_feedback_forwarding_enabled(Identity=NAME, ForwardingEnabled=False)
    assert attributes(ses)["ForwardingEnabled"] is False
    with refused("InvalidParameterValue"):
        ses.set_identity_feedback_forwarding_enabled(Identity="example.net", ForwardingEnabled=True)


def test_set_identity_headers_in_notifications_enabled_by_type(ses) -> None:  # type: ignore[no-untyped-def]
    ses.set_identity_headers_in_notifications_enabled(Identity=NAME, NotificationType="Bounce", Enabled=True)
    found = attributes(ses)
    assert found["HeadersInBounceNotificationsEnabled"] is True
    assert found["HeadersInDeliveryNotificationsEnabled"] is False
    with refused("InvalidParameterValue"):
        ses.set_identity_headers_in_notifications_enabled(
            Identity="example.net", NotificationType="Bounce", Enabled=True
        )


def test_notifications_of_another_account_or_region_are_not_touched(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999998")):
        with refused("InvalidParameterValue"):
            other.set_identity_headers_in_notifications_enabled(Identity=NAME, NotificationType="Bounce", Enabled=True)
    assert attributes(ses)["HeadersInBounceNotificationsEnabled"] is False
