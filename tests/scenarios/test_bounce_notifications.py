"""Bounces told to a web page by the topic of an identity, tried out with the mailbox simulator."""

from typing import Any

import pytest

from tests.support.server import Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber

DOMAIN = "somewhere.example"
SENDER = f"bounce111@{DOMAIN}"
BOUNCE = "bounce@simulator.amazonses.com"
COMPLAINT = "complaint@simulator.amazonses.com"
REGION = "us-west-2"


@pytest.fixture
def topic(server: Server, subscriber: Subscriber) -> str:
    """A topic that the page has confirmed, told of bounces of the domain's mail."""
    ses, sns = server.client("ses", region=REGION), server.client("sns", region=REGION)
    arn: str = sns.create_topic(Name="ses-bounces-topic")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=subscriber.url)
    server.settle()
    ses.verify_domain_identity(Domain=DOMAIN)
    ses.set_identity_notification_topic(Identity=DOMAIN, NotificationType="Bounce", SnsTopic=arn)
    server.settle()
    return arn


def send(server: Server, recipient: str, **more: Any) -> str:
    message_id: str = server.client("ses", region=REGION).send_email(
        Source=SENDER,
        Destination={"ToAddresses": [recipient]},
        Message={
            "Subject": {"Data": recipient, "Charset": "UTF-8"},
            "Body": {"Text": {"Data": "hello", "Charset": "UTF-8"}},
        },
        **more,
    )["MessageId"]
    server.settle()
    return message_id


def ask_for_headers(server: Server, kind: str) -> None:
    server.client("ses", region=REGION).set_identity_headers_in_notifications_enabled(
        Identity=DOMAIN, NotificationType=kind, Enabled=True
    )


def test_the_page_is_told_that_it_was_connected(topic: str, subscriber: Subscriber) -> None:
    assert subscriber.events == [
        {
            "notificationType": "AmazonSnsSubscriptionSucceeded",
            "message": f"You have successfully subscribed your Amazon SNS topic '{topic}' to receive 'Bounce' "
            f"notifications from Amazon SES for identity '{DOMAIN}'.",
        }
    ]


def test_a_bounce_is_told_with_all_that_the_page_reads(server: Server, topic: str, subscriber: Subscriber) -> None:
    ask_for_headers(server, "Bounce")
    message_id = send(server, BOUNCE)

    post, told = subscriber.notifications[-1], subscriber.events[-1]
    assert post.headers["x-amz-sns-topic-arn"] == topic
    assert message_id.startswith("0101")
    assert list(told) == ["notificationType", "bounce", "mail"]
    assert told["notificationType"] == "Bounce"
    bounce, mail = told["bounce"], told["mail"]
    assert bounce.pop("timestamp") > mail.pop("timestamp")
    assert bounce.pop("feedbackId").startswith("0101")
    assert bounce == {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": BOUNCE,
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "reportingMTA": "dsn; mta.pillarbox.localhost",
    }
    assert mail == {
        "source": SENDER,
        "sourceArn": f"arn:aws:ses:{REGION}:{server.account}:identity/{DOMAIN}",
        "sourceIp": "127.0.0.1",
        "callerIdentity": mail["callerIdentity"],
        "sendingAccountId": server.account,
        "messageId": message_id,
        "destination": [BOUNCE],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": SENDER},
            {"name": "To", "value": BOUNCE},
            {"name": "Subject", "value": BOUNCE},
            {"name": "MIME-Version", "value": "1.0"},
            {"name": "Content-Type", "value": "text/plain; charset=UTF-8"},
            {"name": "Content-Transfer-Encoding", "value": "7bit"},
        ],
        "commonHeaders": {"from": [SENDER], "to": [BOUNCE], "subject": BOUNCE},
    }


def test_headers_are_told_only_for_the_types_that_ask_for_them(
    server: Server, topic: str, subscriber: Subscriber
) -> None:
    ses = server.client("ses", region=REGION)
    for kind in ("Complaint", "Delivery"):
        ses.set_identity_notification_topic(Identity=DOMAIN, NotificationType=kind, SnsTopic=topic)
    ask_for_headers(server, "Complaint")
    send(server, COMPLAINT)

    mails = {event["notificationType"]: event["mail"] for event in subscriber.events if "mail" in event}
    of_headers = {"headersTruncated", "headers", "commonHeaders"}
    assert of_headers <= set(mails["Complaint"])
    assert not of_headers & set(mails["Delivery"])
    assert "tags" not in mails["Complaint"]


def test_only_types_with_a_topic_are_told(server: Server, topic: str, subscriber: Subscriber) -> None:
    send(server, COMPLAINT)
    send(server, BOUNCE)
    assert [event["notificationType"] for event in subscriber.events] == ["AmazonSnsSubscriptionSucceeded", "Bounce"]


def test_who_sets_up_both_ways_is_told_twice(server: Server, topic: str, subscriber: Subscriber) -> None:
    ses = server.client("ses", region=REGION)
    configuration_set_told_to(ses, topic, "both", ["bounce"])
    message_id = send(server, BOUNCE, ConfigurationSetName="both")

    told = [event for event in subscriber.events if event.get("mail", {}).get("messageId") == message_id]
    notified, published = sorted(told, key=lambda event: "eventType" in event)
    assert notified["notificationType"] == published["eventType"] == "Bounce"
    assert "sourceIp" in notified["mail"]
    assert "tags" not in notified["mail"]
    assert published["mail"]["tags"]["ses:source-ip"] == ["127.0.0.1"]
    assert "sourceIp" not in published["mail"]


def test_a_bounce_that_no_topic_takes_goes_by_mail_again(server: Server, topic: str) -> None:
    ses, sns = server.client("ses", region=REGION), server.client("sns", region=REGION)
    ses.set_identity_notification_topic(Identity=DOMAIN, NotificationType="Complaint", SnsTopic=topic)
    ses.set_identity_feedback_forwarding_enabled(Identity=DOMAIN, ForwardingEnabled=False)
    sns.delete_topic(TopicArn=topic)
    send(server, BOUNCE)

    found = ses.get_identity_notification_attributes(Identities=[DOMAIN])["NotificationAttributes"][DOMAIN]
    assert "BounceTopic" not in found
    assert found["ForwardingEnabled"] is True
