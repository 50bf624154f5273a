"""Subscribers that are dead, stalled or failing: nobody else notices, and nothing is lost."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pillarbox.operate.client import Client
from pillarbox.operate.dead_letters import DeadLetter
from pillarbox.operate.requests import ListDeadLetters, ReplayDeadLetters
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber

SENDER = "shop@somewhere.example"
SUCCESS = "success@simulator.amazonses.com"
MESSAGES = 40
# Two more tries without a pause, and that was all.
IMPATIENT = json.dumps({"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2}})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of their own: what they leave undone keeps nobody else waiting."""
    with RunningServer.started(tmp_path_factory.mktemp("broken"), dev=True) as running:
        yield running


@pytest.fixture
def server(running: RunningServer) -> Server:
    return running.for_new_account()


@pytest.fixture
def topic(server: Server) -> str:
    """A topic that is told when mail of the configuration set `shop` is delivered."""
    ses = server.client("ses")
    arn: str = server.client("sns").create_topic(Name="shop")["TopicArn"]
    ses.verify_email_identity(EmailAddress=SENDER)
    configuration_set_told_to(ses, arn, "shop", ["delivery"])
    return arn


def subscribe(server: Server, topic: str, subscriber: Subscriber, **attributes: str) -> None:
    before = len(subscriber.posts)
    server.client("sns").subscribe(
        TopicArn=topic, Protocol="http", Endpoint=subscriber.url, Attributes={"DeliveryPolicy": IMPATIENT, **attributes}
    )
    subscriber.wait_for(lambda one: len(one.posts) > before)


def send(server: Server, count: int) -> list[str]:
    ses = server.client("ses")
    message = {"Subject": {"Data": "hello"}, "Body": {"Text": {"Data": "hello"}}}
    destination = {"ToAddresses": [SUCCESS]}
    return [
        ses.send_email(Source=SENDER, Destination=destination, Message=message, ConfigurationSetName="shop")[
            "MessageId"
        ]
        for _ in range(count)
    ]


def told_of(subscriber: Subscriber) -> set[str]:
    return {event["mail"]["messageId"] for event in subscriber.events}


def ask(server: Server, request: Any, kind: Any) -> Any:
    """Ask as the command line does."""
    return Client(server.running.listening.settings.socket_path).ask(request, kind)


def dead_letters(server: Server) -> list[DeadLetter]:
    found: list[DeadLetter] = ask(server, ListDeadLetters(account=server.account), list[DeadLetter])
    return found


def test_one_dead_and_one_stalled_keep_nobody_waiting(server: Server, topic: str) -> None:
    with ExitStack() as open_ones:
        healthy = open_ones.enter_context(Subscriber.listening())
        stalled = open_ones.enter_context(Subscriber.listening())
        with Subscriber.listening() as dead:
            for one in (dead, stalled, healthy):
                subscribe(server, topic, one)
        stalled.gate.clear()

        sent = set(send(server, MESSAGES))
        healthy.wait_for(lambda one: told_of(one) == sent)

        # All this while, one was unreachable and the other still owes an answer to the first that it was sent.
        assert dead.notifications == []
        assert 0 < len(stalled.notifications) < MESSAGES
        assert not dead_letters(server) or {one.endpoint for one in dead_letters(server)} == {dead.url}

        stalled.gate.set()
        stalled.wait_for(lambda one: told_of(one) == sent)


def test_a_post_that_failed_is_made_again_under_its_own_id(server: Server, topic: str) -> None:
    with Subscriber.listening() as subscriber:
        subscribe(server, topic, subscriber)
        subscriber.answers = [500, 503]
        send(server, 1)
        subscriber.wait_for(lambda one: len(one.notifications) == 3)

        first, second, third = subscriber.notifications
        assert first.body == second.body == third.body
        assert first.headers["x-amz-sns-message-id"] == third.headers["x-amz-sns-message-id"]
        server.settle()
        assert dead_letters(server) == []


def test_what_failed_for_the_last_time_is_listed_and_can_be_replayed(server: Server, topic: str) -> None:
    with Subscriber.listening() as subscriber:
        subscribe(server, topic, subscriber)
        subscriber.answers = [500] * 6
        sent = send(server, 2)
        subscriber.wait_for(lambda one: len(one.notifications) == 6)
        server.settle()

        letters = dead_letters(server)
        assert {letter.notification_id for letter in letters} == {
            post.body["MessageId"] for post in subscriber.notifications
        }
        assert len(letters) == 2
        for letter in letters:
            assert (letter.topic, letter.endpoint, letter.attempts) == ("shop", subscriber.url, 3)
            assert letter.why == "HTTP 500"

        chosen = letters[0].notification_id
        assert ask(server, ReplayDeadLetters(chosen), int) == 1
        subscriber.wait_for(lambda one: len(one.notifications) == 7)
        assert subscriber.notifications[-1].body["MessageId"] == chosen
        server.settle()
        assert [letter.notification_id for letter in dead_letters(server)] == [letters[1].notification_id]

        assert ask(server, ReplayDeadLetters(account=server.account), int) == 1
        subscriber.wait_for(lambda one: len(one.notifications) == 8)
        assert {json.loads(post.body["Message"])["mail"]["messageId"] for post in subscriber.notifications[6:]} == set(
            sent
        )
        server.settle()
        assert dead_letters(server) == []


def test_a_refusal_is_final_and_goes_to_the_dead_letter_queue(server: Server, topic: str) -> None:
    url = server.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{server.account}:dead"
    with Subscriber.listening() as subscriber:
        subscribe(server, topic, subscriber, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn}))
        subscriber.answers = [403]
        (message_id,) = send(server, 1)

        (message,) = server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        body = json.loads(message["Body"])
        assert json.loads(body["Message"])["mail"]["messageId"] == message_id
        (post,) = subscriber.notifications
        assert post.body["MessageId"] == body["MessageId"]
        assert [letter.why for letter in dead_letters(server)] == ["HTTP 403"]
