"""The whole road over PostgreSQL, and two processes' worth of servers on one database."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber


@pytest.fixture
def servers(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Server, Server]]:
    """Two servers that share a database and nothing else but their keyring."""
    keyring = str(tmp_path / "keyring.json")
    shared = {"dev": True, "database": postgres_url, "keyring": keyring}
    with RunningServer.started(tmp_path / "one", **shared) as one:
        with RunningServer.started(tmp_path / "two", **shared) as two:
            server = one.for_new_account()
            yield server, Server(two, server.account)


def events_of(subscriber: Subscriber) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for event in subscriber.events:
        told.setdefault(event["mail"]["messageId"], []).append(event["eventType"])
    return told


def test_two_servers_share_senders_mail_events_and_queues(servers: tuple[Server, Server]) -> None:
    one, two = servers
    ses, sns = one.client("ses"), two.client("sns")
    ses.verify_domain_identity(Domain="example.com")
    topic = sns.create_topic(Name="events")["TopicArn"]
    configuration_set_told_to(ses, topic, "all", ["send", "delivery", "bounce"])
    queue = one.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{one.account}:events"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    message: dict[str, Any] = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}

    sent = []
    with Subscriber.listening() as subscriber:
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
        subscriber.wait_for(lambda seen: seen.posts)
        for number, server in enumerate([one, two] * 10):
            recipient = "bounce@simulator.amazonses.com" if number % 3 == 0 else "a@example.net"
            answer = server.client("ses").send_email(
                Source="a@example.com",
                Destination={"ToAddresses": [recipient]},
                Message=message,
                ConfigurationSetName="all",
            )
            sent.append(answer["MessageId"])
        subscriber.wait_for(lambda seen: len(seen.events) >= 2 * len(sent))
        told = events_of(subscriber)

    assert set(told) == set(sent)
    assert all(kinds[0] in ("Send", "Delivery", "Bounce") and len(kinds) == 2 for kinds in told.values())
    queued: set[tuple[str, str]] = set()
    sqs = two.client("sqs")
    while len(queued) < 2 * len(sent):
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=10)["Messages"]
        for one_message in got:
            event = json.loads(one_message["Body"])
            queued.add((event["mail"]["messageId"], event["eventType"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one_message["ReceiptHandle"])
    assert {message_id for message_id, _ in queued} == set(sent)
