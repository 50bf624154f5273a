"""Mail sent with boto3; its fate read out of SQS, through three levels of JSON."""

import json
from typing import Any

import pytest

from tests.support.server import Server
from tests.support.set_up import configuration_set_told_to

SENDER = "someone@somewhere.example"


@pytest.fixture
def queue_url(server: Server) -> str:
    """A queue that hears of bounces, complaints and deliveries of the sender's mail."""
    ses, sns, sqs = server.client("ses"), server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="My-Project-Send-Email-Feedback")["TopicArn"]
    url: str = sqs.create_queue(QueueName="My-Project-Send-Email-Queue")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ses.verify_email_identity(EmailAddress=SENDER)
    for kind in ("Bounce", "Complaint", "Delivery"):
        ses.set_identity_notification_topic(Identity=SENDER, NotificationType=kind, SnsTopic=topic)
    ses.set_identity_feedback_forwarding_enabled(Identity=SENDER, ForwardingEnabled=False)
    server.settle()
    while "Messages" in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10):
        sqs.purge_queue(QueueUrl=url)  # what the topic was told when it was set
    return url


def send(server: Server, recipient: str) -> str:
    charset = "UTF-8"
    response = server.client("ses").send_email(
        Destination={"ToAddresses": [recipient]},
        Message={
            "Body": {
                "Html": {"Charset": charset, "Data": "<H1>bla bla</H1>"},
                "Text": {"Charset": charset, "Data": "bla bla"},
            },
            "Subject": {"Charset": charset, "Data": "hi there!"},
        },
        Source=SENDER,
    )
    message_id: str = response["MessageId"]
    return message_id


def receive(server: Server, queue_url: str) -> dict[str, Any] | None:
    """Read one message and decode the JSON in the JSON in it."""
    response = server.client("sqs").receive_message(
        QueueUrl=queue_url,
        AttributeNames=[],
        MaxNumberOfMessages=1,
        MessageAttributeNames=["All"],
        VisibilityTimeout=0,
        WaitTimeSeconds=0,
    )
    if response and "Messages" in response:
        message: dict[str, Any] = response["Messages"][0]
        body = json.loads(message["Body"])
        body["Message"] = json.loads(body["Message"])
        message["Body"] = body
        return message
    return None


def test_a_bounce_is_read_out_of_the_queue(server: Server, queue_url: str) -> None:
    message_id = send(server, "bounce@simulator.amazonses.com")
    server.settle()

    message = receive(server, queue_url)
    assert message is not None
    assert message["Body"]["Type"] == "Notification"
    told = message["Body"]["Message"]
    assert told["notificationType"] == "Bounce"
    assert told["mail"]["messageId"] == message_id
    assert told["mail"]["source"] == SENDER
    assert told["mail"]["destination"] == ["bounce@simulator.amazonses.com"]
    assert told["bounce"]["bounceType"] == "Permanent"
    (bounced,) = told["bounce"]["bouncedRecipients"]
    assert bounced == {
        "emailAddress": "bounce@simulator.amazonses.com",
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }


def test_what_was_read_without_a_time_out_stays_until_it_is_deleted(server: Server, queue_url: str) -> None:
    send(server, "bounce@simulator.amazonses.com")
    server.settle()

    first, again = receive(server, queue_url), receive(server, queue_url)
    assert first is not None
    assert again is not None
    assert again["MessageId"] == first["MessageId"]
    server.client("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=again["ReceiptHandle"])
    assert receive(server, queue_url) is None


@pytest.mark.parametrize(
    ("mailbox", "kinds"),
    [
        ("success", ["Delivery"]),
        ("ooto", ["Delivery"]),
        ("complaint", ["Complaint", "Delivery"]),
        ("suppressionlist", ["Bounce"]),
        ("bounce+label", ["Bounce"]),
    ],
)
def test_every_address_of_the_simulator_tells_its_story(
    server: Server, queue_url: str, mailbox: str, kinds: list[str]
) -> None:
    address = f"{mailbox}@simulator.amazonses.com"
    send(server, address)
    server.settle()

    told = []
    while message := receive(server, queue_url):
        told.append(message["Body"]["Message"])
        server.client("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(one["notificationType"] for one in told) == kinds
    assert all(one["mail"]["destination"] == [address] for one in told)


def test_a_virus_is_accepted_and_then_rejected(server: Server) -> None:
    ses, sns, sqs = server.client("ses"), server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="events")["TopicArn"]
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    configuration_set_told_to(ses, topic, "all", ["send", "reject", "delivery"])
    ses.verify_email_identity(EmailAddress=SENDER)
    eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    answer = server.client("sesv2").send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": ["friend@house.example"]},
        ConfigurationSetName="all",
        Content={
            "Simple": {
                "Subject": {"Data": "a virus"},
                "Body": {"Text": {"Data": "see attachment"}},
                "Attachments": [{"FileName": "eicar.txt", "RawContent": eicar.encode()}],
            }
        },
    )
    server.settle()

    told = []
    while "Messages" in (got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)):
        told += [json.loads(one["Body"]) for one in got["Messages"] if one["Body"].startswith("{")]
    assert sorted(one["eventType"] for one in told) == ["Reject", "Send"]
    (reject,) = (one for one in told if one["eventType"] == "Reject")
    assert reject["reject"] == {"reason": "Bad content"}
    assert reject["mail"]["messageId"] == answer["MessageId"]


def test_addresses_must_be_seven_bit_and_names_encoded(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress=SENDER)

    def attempt(source: str, recipient: str) -> str:
        try:
            ses.send_email(
                Source=source,
                Destination={"ToAddresses": [recipient]},
                Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}},
            )
        except ses.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return "sent"

    assert attempt(SENDER, "jürgen@example.com") == "InvalidParameterValue"
    assert attempt(SENDER, "someone@bücher.example") == "sent"  # encoded as the next one is, see docs/quirks.md
    assert attempt(SENDER, "someone@xn--bcher-kva.example") == "sent"
    assert attempt(f"=?utf-8?B?SsO8cmdlbg==?= <{SENDER}>", "someone@example.com") == "sent"
