"""`kill -9` while a FIFO topic is told, tells, and tells again: what was answered is in queues, once and in order."""

import json
import random
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.child import Child

ACCOUNT = "123456789012"
KILLS = 4
GROUPS = ("a", "b")


def client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10),
    )


def set_up(endpoint: str) -> tuple[str, str]:
    sns, sqs = client("sns", endpoint), client("sqs", endpoint)
    attributes = {"FifoTopic": "true", "ArchivePolicy": '{"MessageRetentionPeriod":"1"}'}
    topic: str = sns.create_topic(Name="t.fifo", Attributes=attributes)["TopicArn"]
    for name in ("q.fifo", "late.fifo"):
        sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
    subscribe(sns, topic, "q.fifo")
    return topic, sns.get_topic_attributes(TopicArn=topic)["Attributes"]["BeginningArchiveTime"]


def subscribe(sns: Any, topic: str, name: str, **attributes: str) -> None:
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true", **attributes}
    )


class Publisher:
    """Publishes numbers to one group until the server is gone; knows which were answered."""

    def __init__(self, endpoint: str, topic: str, group: str, first: int) -> None:
        self.next = first
        self.answered: list[int] = []
        self.was_answered = threading.Event()
        self._thread = threading.Thread(target=self._publish, args=(client("sns", endpoint), topic, group))
        self._thread.start()

    def _publish(self, sns: Any, topic: str, group: str) -> None:
        while True:
            number, self.next = self.next, self.next + 1
            body = json.dumps([group, number])
            try:
                sns.publish(
                    TopicArn=topic, Message=body, MessageGroupId=group, MessageDeduplicationId=f"{group}{number}"
                )
            except (BotoCoreError, ClientError):
                return
            self.answered.append(number)
            self.was_answered.set()

    def join(self) -> list[int]:
        self._thread.join(30)
        return self.answered


def everything(endpoint: str, name: str, wanted: int) -> dict[str, list[int]]:
    """Take out of a queue until that many came and no more do."""
    sqs = client("sqs", endpoint)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found: dict[str, list[int]] = {group: [] for group in GROUPS}
    silent = 0.0
    while silent < 3:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        for message in messages:
            group, number = json.loads(message["Body"])
            found[group].append(number)
        if messages:
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        enough = sum(map(len, found.values())) >= wanted
        silent = 0.0 if messages else silent + (1.0 if enough else 0.2)
    return found


def test_kills_lose_nothing_and_change_no_order(tmp_path: Path) -> None:
    chance = random.Random(17)
    answered: dict[str, list[int]] = {group: [] for group in GROUPS}
    following = dict.fromkeys(GROUPS, 0)
    with Child(tmp_path) as child:
        topic, begins = set_up(child.endpoint)
    for kill in range(KILLS):
        with Child(tmp_path) as child:
            publishers = {group: Publisher(child.endpoint, topic, group, following[group]) for group in GROUPS}
            for publisher in publishers.values():
                assert publisher.was_answered.wait(30)
            if kill == KILLS - 1:
                past = json.dumps({"PointType": "Timestamp", "StartingPoint": begins})
                subscribe(client("sns", child.endpoint), topic, "late.fifo", ReplayPolicy=past)
            threading.Event().wait(chance.uniform(0.0, 0.2))  # when the kill comes, not what it waits for
            child.kill()
            for group, publisher in publishers.items():
                answered[group] += publisher.join()
                following[group] = publisher.next
    assert all(answered.values())

    with Child(tmp_path) as child:
        found = everything(child.endpoint, "q.fifo", sum(map(len, answered.values())))
        again = everything(child.endpoint, "late.fifo", sum(map(len, found.values())))
    assert again == found, "who comes late is told the same"
    for group in GROUPS:
        assert found[group] == sorted(set(found[group])), "in order, each once"
        assert set(answered[group]) <= set(found[group])
