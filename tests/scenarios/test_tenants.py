"""An account that sends for its customers: what one of them did to its list is nothing to the others."""

import json
from typing import Any

import pytest

from pillarbox.kit.clock import SystemClock
from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from pillarbox.resources import credentials
from tests.support.refused import refused
from tests.support.server import Server

SENDER = "news@somewhere.example"
GONE = "gone@example.net"


@pytest.fixture
def queue_url(server: Server) -> str:
    """A queue that hears of all mail of the tenants `acme` and `zebra`, which have lists of their own."""
    ses, sns, sqs = server.client("sesv2"), server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="mail")["TopicArn"]
    url: str = sqs.create_queue(QueueName="mail")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
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
    resources = f"arn:aws:ses:us-east-1:{server.account}:"
    own_list = {"SuppressedReasons": ["BOUNCE", "COMPLAINT"], "SuppressionScope": "TENANT"}
    for tenant in ("acme", "zebra"):
        ses.create_tenant(TenantName=tenant, SuppressionAttributes=own_list)
        for name in (f"identity/{SENDER}", "configuration-set/news"):
            ses.create_tenant_resource_association(TenantName=tenant, ResourceArn=resources + name)
    server.settle()
    told_in(server, url)  # what the topic was told when it was set
    return url


def told_in(server: Server, url: str) -> list[str]:
    sqs, told = server.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            told.append(json.loads(message["Body"])["Message"])
    return told


def send(server: Server, tenant: str) -> str:
    message_id: str = server.client("sesv2").send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [GONE]},
        Content={"Simple": {"Subject": {"Data": "News"}, "Body": {"Text": {"Data": "Hello"}}}},
        ConfigurationSetName="news",
        TenantName=tenant,
    )["MessageId"]
    server.settle()
    return message_id


def test_a_recipient_on_one_tenants_list_gets_the_mail_of_the_other(server: Server, queue_url: str) -> None:
    server.client("sesv2").put_suppressed_destination(EmailAddress=GONE, Reason="BOUNCE", TenantName="acme")

    held, sent = send(server, "acme"), send(server, "zebra")

    events: dict[tuple[str, str], Any] = {}
    for one in map(json.loads, told_in(server, queue_url)):
        events[one["mail"]["messageId"], one["eventType"]] = one
    assert set(events) == {(held, "Send"), (held, "Bounce"), (sent, "Send"), (sent, "Delivery")}
    assert events[held, "Bounce"]["mail"]["tags"]["ses:tenant-name"] == ["acme"]
    assert events[sent, "Delivery"]["mail"]["tags"]["ses:tenant-name"] == ["zebra"]
    bounce = events[held, "Bounce"]["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Permanent", "OnTenantSuppressionList")
    assert bounce["bouncedRecipients"][0]["diagnosticCode"] == (
        "Amazon SES did not send the message to this address because it is on the suppression list for your tenant."
    )
    history = Client(server.running.listening.settings.socket_path).ask(ShowHistory(held), History)
    assert "the tenant's suppression list holds the address for a bounce" in str(history)


def test_the_key_of_a_tenant_sends_for_that_one_alone(production: Server) -> None:
    production.vouch(SENDER)
    ses, identity = production.client("sesv2"), f"arn:aws:ses:us-east-1:{production.account}:identity/{SENDER}"
    for tenant in ("acme", "zebra"):
        ses.create_tenant(TenantName=tenant)
        ses.create_tenant_resource_association(TenantName=tenant, ResourceArn=identity)
    listening = production.running.listening
    work = listening.store.write(
        credentials.create, production.account, "app", listening.keyring, SystemClock().now(), "tenant=acme"
    )
    key = production.running.run(work)
    app = Server(production.running, production.account, key.key_id, key.secret).client("sesv2")
    mail = {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": ["success@simulator.amazonses.com"]},
        "Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
    }
    app.send_email(TenantName="acme", **mail)
    for other in ({"TenantName": "zebra"}, {}):
        with refused("AccessDeniedException", status=403):
            app.send_email(**other, **mail)
