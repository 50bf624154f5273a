"""A server that is stopped and started again: what was promised before is kept after."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from pillarbox.pubsub import receive
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber

SENDER = "shop@somewhere.example"
RECIPIENT = "friend@house.example"
MESSAGES = 100
# A second is the shortest pause that a policy can name.
STEADY = json.dumps({"healthyRetryPolicy": {"numRetries": 60, "minDelayTarget": 1, "maxDelayTarget": 1}})


def set_up(server: Server, subscriber: Subscriber) -> None:
    ses, sns = server.client("ses"), server.client("sns")
    topic = sns.create_topic(Name="shop")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, Attributes={"DeliveryPolicy": STEADY})
    server.settle()
    ses.verify_email_identity(EmailAddress=SENDER)
    configuration_set_told_to(ses, topic, "shop", ["send", "delivery"])
    server.settle()


def send(server: Server, count: int) -> set[str]:
    client = server.client("ses", max_pool_connections=8)
    message = {"Subject": {"Data": "hello"}, "Body": {"Text": {"Data": "hello"}}}

    def send_one(_: int) -> str:
        message_id: str = client.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [RECIPIENT]},
            Message=message,
            ConfigurationSetName="shop",
        )["MessageId"]
        return message_id

    with ThreadPoolExecutor(8) as senders:
        return set(senders.map(send_one, range(count)))


def taken(subscriber: Subscriber) -> set[tuple[str, str]]:
    return {(event["eventType"], event["mail"]["messageId"]) for event in subscriber.events}


def test_what_was_promised_before_a_stop_is_delivered_and_published_after_the_start(
    tmp_path: Path, subscriber: Subscriber
) -> None:
    with RunningServer.started(tmp_path, dev=True) as running:
        server = running.for_new_account()
        set_up(server, subscriber)
        confirmation = subscriber.posts[0]
        subscriber.answers = [503] * 10_000  # from now on it takes nothing
        sent = send(server, MESSAGES)
    subscriber.answers = []
    subscriber.events.clear()

    with RunningServer.started(tmp_path, dev=True) as running:
        promised = {(kind, message_id) for kind in ("Send", "Delivery") for message_id in sent}
        subscriber.wait_for(lambda one: taken(one) == promised)

        socket = running.listening.settings.socket_path
        for message_id in sent:
            history = Client(socket).ask(ShowHistory(message_id), History)
            assert [moment.kind for moment in history.moments] == ["Send", "Delivery"]
            assert [captured.recipients for captured in history.captured] == [[RECIPIENT]]
            assert not history.waiting

        # What was signed before can still be verified.
        path = urlsplit(confirmation.body["SigningCertURL"]).path
        assert urlsplit(subscriber.notifications[-1].body["SigningCertURL"]).path == path
        with urllib.request.urlopen(running.endpoint + path, timeout=30) as answer:
            assert answer.read().startswith(b"-----BEGIN CERTIFICATE-----")


def test_what_was_set_up_is_there_after_the_start(tmp_path: Path, subscriber: Subscriber) -> None:
    with RunningServer.started(tmp_path, dev=True) as running:
        server = running.for_new_account()
        set_up(server, subscriber)
        url = server.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
        server.client("sqs").send_message(QueueUrl=url, MessageBody="still here")

    with RunningServer.started(tmp_path, dev=True) as running:
        server = Server(running, server.account)
        url = server.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"]
        (message,) = server.client("sqs").receive_message(QueueUrl=url)["Messages"]
        assert message["Body"] == "still here"

        sent = send(server, 1)
        server.settle()
        assert {message_id for _, message_id in taken(subscriber)} == sent


def test_who_waits_at_a_queue_is_told_at_once_that_there_is_nothing_when_the_server_stops(tmp_path: Path) -> None:
    with RunningServer.started(tmp_path, dev=True) as running, ThreadPoolExecutor(1) as thread:
        sqs = running.for_new_account().client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        began = time.monotonic()
        polling = thread.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        until(lambda: any(receive._room_of(running.listening.store).waiters.values()))

        running.stop()

        assert "Messages" not in polling.result()
    assert time.monotonic() - began < 8  # it would have been 10 until it is broken off, or 20


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        threading.Event().wait(0.005)
