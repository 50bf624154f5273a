"""A queue that hears what a topic is told, made with boto3 as anybody would."""

import json
from typing import Any

from tests.support.queue_policy import policy_for_topic
from tests.support.server import Server


class ListeningQueue:
    """An SNS topic with an SQS subscription, in the region of an account."""

    def __init__(self, server: Server, name: str = "events", region: str = "us-east-1") -> None:
        self._server = server
        self._sqs = server.client("sqs", region=region)
        sns = server.client("sns", region=region)
        self.topic_arn: str = sns.create_topic(Name=name)["TopicArn"]
        self._url = self._sqs.create_queue(QueueName=f"{name}-heard")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        policy = policy_for_topic(self.topic_arn, attributes["QueueArn"])
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=self.topic_arn, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def heard(self) -> list[dict[str, Any]]:
        """Return the notifications that came since the last time, in no order."""
        self._server.settle()
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found
