"""Somebody who looks after their suppression list, and hears in a queue what it keeps back."""

import json
from typing import Any

import pytest

from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from tests.support.server import Server

SENDER = "news@somewhere.example"
GONE = "gone@example.net"


@pytest.fixture
def queue_url(server: Server) -> str:
    """A queue that hears of all mail sent with the configuration set `news`."""
    ses, sns, sqs = server.client("sesv2"), server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="mail")["TopicArn"]
    url: str = sqs.create_queue(QueueName="mail")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ses.create_email_identity(EmailIdentity=SENDER)
    ses.create_configuration_set(ConfigurationSetName="news")
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="news",
        EventDestinationName="queue",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT"],
            "SnsDestination": {"TopicArn": topic},
        },
    )
    server.settle()
    take(server, url)  # what the topic was told when it was set
    return url


def take(server: Server, url: str) -> list[str]:
    """Take all that is in the queue; return what the topic was told."""
    sqs, told = server.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            told.append(json.loads(message["Body"])["Message"])
    return told


def drain(server: Server, url: str) -> list[dict[str, Any]]:
    """Return the events in the queue in the order of their kinds."""
    order = ["Send", "Delivery", "Bounce", "Complaint"]
    return sorted(map(json.loads, take(server, url)), key=lambda one: order.index(one["eventType"]))


def send(server: Server, *recipients: str) -> str:
    message_id: str = server.client("sesv2").send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": list(recipients)},
        ConfigurationSetName="news",
        Content={"Simple": {"Subject": {"Data": "News"}, "Body": {"Text": {"Data": "There is some."}}}},
    )["MessageId"]
    server.settle()
    return message_id


def test_mail_is_kept_back_until_the_address_is_deleted(server: Server, queue_url: str) -> None:
    ses = server.client("sesv2")
    ses.put_suppressed_destination(EmailAddress=GONE, Reason="BOUNCE")
    message_id = send(server, GONE)

    sent, bounced = drain(server, queue_url)
    assert (sent["eventType"], bounced["eventType"]) == ("Send", "Bounce")
    assert sent["mail"]["messageId"] == bounced["mail"]["messageId"] == message_id
    assert bounced["mail"]["destination"] == [GONE]
    bounce = bounced["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Permanent", "OnAccountSuppressionList")
    assert bounce["bouncedRecipients"] == [
        {
            "emailAddress": GONE,
            "action": "failed",
            "status": "5.1.1",
            "diagnosticCode": "Amazon SES did not send the message to this address because it is on the suppression"
            " list for your account.",
        }
    ]

    ses.delete_suppressed_destination(EmailAddress=GONE)
    again = send(server, GONE)
    told = drain(server, queue_url)
    assert [one["eventType"] for one in told] == ["Send", "Delivery"]
    assert {one["mail"]["messageId"] for one in told} == {again}
    assert told[1]["delivery"]["recipients"] == [GONE]


def test_the_history_says_why_nothing_was_sent(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity=SENDER)
    ses.create_configuration_set(ConfigurationSetName="news")
    ses.put_suppressed_destination(EmailAddress=GONE, Reason="BOUNCE")
    ses.put_suppressed_destination(EmailAddress="angry@example.net", Reason="COMPLAINT")
    message_id = send(server, GONE, "angry@example.net")

    moments = Client(server.running.listening.settings.socket_path).ask(ShowHistory(message_id), History).moments
    assert [moment.story for moment in moments][1:] == [
        f"Not sent to {GONE}: the account's suppression list holds the address for a bounce",
        "Not sent to angry@example.net: the account's suppression list holds the address for a complaint",
    ]


def test_the_others_of_a_message_get_it(server: Server, queue_url: str) -> None:
    ses = server.client("sesv2")
    ses.put_suppressed_destination(EmailAddress=GONE, Reason="BOUNCE")
    ses.put_suppressed_destination(EmailAddress="angry@example.net", Reason="COMPLAINT")
    send(server, GONE, "angry@example.net", "ada@example.net", "bob@example.org")

    sent, *delivered, bounced, complained = drain(server, queue_url)
    assert sent["mail"]["destination"] == [GONE, "angry@example.net", "ada@example.net", "bob@example.org"]
    assert sorted(one["delivery"]["recipients"] for one in delivered) == [["ada@example.net"], ["bob@example.org"]]
    assert [one["emailAddress"] for one in bounced["bounce"]["bouncedRecipients"]] == [GONE]
    complaint = complained["complaint"]
    assert complaint["complainedRecipients"] == [{"emailAddress": "angry@example.net"}]
    assert complaint["complaintSubType"] == "OnAccountSuppressionList"
    assert not {"complaintFeedbackType", "userAgent", "arrivalDate"} & set(complaint)


def test_a_configuration_set_may_bypass_the_list(server: Server, queue_url: str) -> None:
    ses = server.client("sesv2")
    ses.put_suppressed_destination(EmailAddress=GONE, Reason="BOUNCE")
    for reasons, kinds in (([], ["Send", "Delivery"]), (["COMPLAINT"], ["Send", "Delivery"])):
        ses.put_configuration_set_suppression_options(ConfigurationSetName="news", SuppressedReasons=reasons)
        send(server, GONE)
        assert [one["eventType"] for one in drain(server, queue_url)] == kinds
    ses.put_configuration_set_suppression_options(ConfigurationSetName="news")
    send(server, GONE)
    assert [one["eventType"] for one in drain(server, queue_url)] == ["Send", "Bounce"]


def test_the_list_counts_in_the_quota_and_in_no_rate(server: Server, queue_url: str) -> None:
    ses = server.client("sesv2")
    ses.put_suppressed_destination(EmailAddress=GONE, Reason="BOUNCE")
    send(server, GONE)
    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 1.0
    (point,) = server.client("ses").get_send_statistics()["SendDataPoints"]
    assert (point["DeliveryAttempts"], point["Bounces"]) == (1, 1)


def test_mail_to_the_simulator_puts_nobody_on_the_list(server: Server, queue_url: str) -> None:
    send(server, "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com")
    assert [one["eventType"] for one in drain(server, queue_url)] == ["Send", "Delivery", "Bounce", "Complaint"]
    assert server.client("sesv2").list_suppressed_destinations()["SuppressedDestinationSummaries"] == []
