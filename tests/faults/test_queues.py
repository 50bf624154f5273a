"""`kill -9` at a random moment loses no message of a queue, repeats none and mixes up no order."""

import json
import random
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectionError, HTTPClientError

from tests.support.child import Child

KILLS = 4
GROUPS = ("a", "b", "c")
LETTERS = 1_200


def client(endpoint: str) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
    )


class Sender:
    """Sends 0, 1, 2 … to a group; what was not acknowledged is sent again with the same id, as SDKs do."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.next = 0

    def run(self, sqs: Any, url: str) -> None:
        try:
            while True:
                known_by = f"{self.group}-{self.next}"
                sqs.send_message(
                    QueueUrl=url, MessageBody=str(self.next), MessageGroupId=self.group, MessageDeduplicationId=known_by
                )
                self.next += 1
        except (ConnectionError, HTTPClientError):
            return


class Receiver:
    """Receives and deletes; after a kill it asks for the same again, and deletes again what it had."""

    def __init__(self) -> None:
        self.got: dict[str, list[int]] = {group: [] for group in GROUPS}
        self._attempt = 0
        self._held: list[dict[str, str]] = []

    def run(self, sqs: Any, url: str) -> None:
        try:
            while self.step(sqs, url):
                pass
        except (ConnectionError, HTTPClientError):
            return

    def step(self, sqs: Any, url: str) -> bool:
        """Receive some, and delete them; say whether there were any."""
        if not self._held:
            messages = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=600,
                WaitTimeSeconds=1,
                AttributeNames=["MessageGroupId"],
                ReceiveRequestAttemptId=f"attempt-{self._attempt}",
            ).get("Messages", [])
            for message in messages:
                self.got[message["Attributes"]["MessageGroupId"]].append(int(message["Body"]))
                self._held.append({"Id": str(len(self._held)), "ReceiptHandle": message["ReceiptHandle"]})
            if not messages:
                return False
        answer = sqs.delete_message_batch(QueueUrl=url, Entries=self._held)
        assert "Failed" not in answer, answer
        self._held = []
        self._attempt += 1
        return True


def at(endpoint: str, name: str) -> str:
    return f"{endpoint}/123456789012/{name}"


def test_kills_under_load_lose_repeat_and_mix_up_nothing_in_a_fifo_queue(tmp_path: Path) -> None:
    chance = random.Random(8025)
    senders, receiver = [Sender(group) for group in GROUPS], Receiver()
    with Child(tmp_path) as child:
        client(child.endpoint).create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})
    for _ in range(KILLS):
        with Child(tmp_path) as child:
            url = at(child.endpoint, "q.fifo")
            work = [threading.Thread(target=one.run, args=(client(child.endpoint), url)) for one in senders]
            work.append(threading.Thread(target=receiver.run, args=(client(child.endpoint), url)))
            for thread in work:
                thread.start()
            threading.Event().wait(chance.uniform(0.3, 0.8))  # when the kill comes, not what it waits for
            child.kill()
            for thread in work:
                thread.join(60)

    with Child(tmp_path) as child:
        sqs = client(child.endpoint)
        while receiver.step(sqs, at(child.endpoint, "q.fifo")):
            pass
    for sender in senders:
        got = receiver.got[sender.group]
        assert got == list(range(len(got)))  # in order, each once
        assert sender.next <= len(got) <= sender.next + 1  # the last one may have been promised to nobody
    assert sum(sender.next for sender in senders) > KILLS * len(GROUPS)


def test_a_move_task_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    chance = random.Random(2525)
    with Child(tmp_path) as child:
        sqs = client(child.endpoint)
        for name in ("dead", "other"):
            sqs.create_queue(QueueName=name)
        arn = "arn:aws:sqs:us-east-1:123456789012:{}"
        policy = json.dumps({"deadLetterTargetArn": arn.format("dead"), "maxReceiveCount": 1})
        sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": policy})
        for first in range(0, LETTERS, 10):
            entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(first, first + 10)]
            sqs.send_message_batch(QueueUrl=at(child.endpoint, "dead"), Entries=entries)
        sqs.start_message_move_task(SourceArn=arn.format("dead"), DestinationArn=arn.format("other"))
        child.kill()
    for _ in range(3):
        with Child(tmp_path) as child:
            threading.Event().wait(chance.uniform(0.01, 0.1))  # when the kill comes
            child.kill()

    got: list[int] = []
    with Child(tmp_path) as child:
        sqs = client(child.endpoint)
        while len(got) < LETTERS:
            messages = sqs.receive_message(
                QueueUrl=at(child.endpoint, "other"), MaxNumberOfMessages=10, VisibilityTimeout=600, WaitTimeSeconds=20
            )["Messages"]
            got += [int(message["Body"]) for message in messages]
        told = sqs.list_message_move_tasks(SourceArn=arn.format("dead"))["Results"][0]
        names = ["ApproximateNumberOfMessages"]
        left = sqs.get_queue_attributes(QueueUrl=at(child.endpoint, "dead"), AttributeNames=names)["Attributes"]
    assert got == list(range(LETTERS))
    assert (told["ApproximateNumberOfMessagesMoved"], left) == (LETTERS, {names[0]: "0"})
