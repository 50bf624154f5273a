"""`kill -9` at a random moment under load loses nothing that was promised."""

import http.client
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.support.child import Child
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber

KILLS = 60 if os.environ.get("TEST_CAMPAIGN") else 24
IN_FLIGHT = 128  # attempts, and posts of each kind, that one kill may repeat
SENDERS = 4


def client(service: str, endpoint: str, read_timeout: int = 10) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=read_timeout),
    )


def set_up(endpoint: str, subscriber: Subscriber) -> None:
    """An identity, and a configuration set whose events go to the subscriber."""
    ses, sns = client("ses", endpoint), client("sns", endpoint)
    ses.verify_email_identity(EmailAddress="a@example.com")
    topic = sns.create_topic(Name="events")["TopicArn"]
    configuration_set_told_to(ses, topic, "all", ["send", "delivery", "bounce"])
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    subscriber.wait_for(lambda seen: seen.posts)


SEND = urlencode(
    {
        "Action": "SendEmail",
        "Version": "2010-12-01",
        "Source": "a@example.com",
        "Destination.ToAddresses.member.1": "someone@example.net",
        "Message.Subject.Data": "x",
        "Message.Body.Text.Data": "y",
        "ConfigurationSetName": "all",
    }
).encode()


class Load:
    """Sends as fast as answers come, until the server is gone; knows what was acknowledged."""

    def __init__(self, endpoint: str, senders: int = SENDERS) -> None:
        self.acknowledged: list[str] = []
        request = AWSRequest("POST", endpoint + "/", {"Content-Type": "application/x-www-form-urlencoded"}, SEND)
        SigV4Auth(Credentials("123456789012", "any"), "ses", "us-east-1").add_auth(request)
        self._headers = {name: str(value) for name, value in request.headers.items()}
        self._threads = [threading.Thread(target=self._send, args=(endpoint,)) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            while True:
                connection.request("POST", "/", SEND, self._headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                assert answer.status == 200, text
                self.acknowledged.append(text.partition("<MessageId>")[2].partition("</MessageId>")[0])
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def join(self) -> list[str]:
        for thread in self._threads:
            thread.join(60)
        return self.acknowledged


def published(subscriber: Subscriber) -> Counter[tuple[str, str]]:
    return Counter((event["mail"]["messageId"], event["eventType"]) for event in subscriber.events)


def missing(promised: list[str], subscriber: Subscriber) -> set[tuple[str, str]]:
    wanted = {(message_id, kind) for message_id in promised for kind in ("Send", "Delivery")}
    return wanted - published(subscriber).keys()


@pytest.fixture
def subscriber() -> Any:
    with Subscriber.listening() as listening:
        yield listening


def test_kills_under_load_lose_nothing_that_was_promised(tmp_path: Path, subscriber: Subscriber) -> None:
    chance = random.Random(8025)
    promised: list[str] = []
    with Child(tmp_path) as child:
        set_up(child.endpoint, subscriber)
    for _ in range(KILLS):
        with Child(tmp_path) as child:
            load = Load(child.endpoint)
            threading.Event().wait(chance.uniform(0.02, 0.4))  # when the kill comes, not what it waits for
            child.kill()
            promised += load.join()
    assert len(promised) > KILLS

    with Child(tmp_path):
        wanted = 2 * len(set(promised))  # a Send and a Delivery of each
        subscriber.wait_for(lambda seen: len(seen.events) >= wanted and missing(promised, seen) == set(), 120)
    repeats = sum(count - 1 for count in published(subscriber).values())
    assert repeats <= KILLS * IN_FLIGHT
