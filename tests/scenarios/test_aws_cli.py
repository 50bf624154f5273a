"""The AWS CLI, told of nothing but another endpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server

SENDER = "clerk@somewhere.example"
BOUNCE = "bounce@simulator.amazonses.com"
AWS = Path(sys.executable).parent / "aws"


class Cli:
    """`aws` with the credentials of one account."""

    def __init__(self, server: Server, home: Path) -> None:
        self._endpoint = server.endpoint
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ACCESS_KEY_ID": server.key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }

    def run(self, service: str, operation: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, AWS, "--endpoint-url", self._endpoint, "--output", "json", service, operation]
        return subprocess.run([*command, *arguments], env=self._environment, capture_output=True, text=True, timeout=60)

    def __call__(self, service: str, operation: str, *arguments: str) -> Any:
        """Run a command that succeeds and return the JSON that it printed, if any."""
        done = self.run(service, operation, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def aws(server: Server, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


def test_the_caller_is_who_signs(aws: Cli, server: Server) -> None:
    assert aws("sts", "get-caller-identity")["Account"] == server.account


def test_the_caller_outside_dev_mode_is_the_owner_of_the_key(production: Server, tmp_path: Path) -> None:
    assert Cli(production, tmp_path)("sts", "get-caller-identity")["Account"] == production.account

    production.secret = "not the secret"
    refused = Cli(production, tmp_path).run("sts", "get-caller-identity")
    assert refused.returncode != 0
    assert "SignatureDoesNotMatch" in refused.stderr


def test_mail_is_sent_and_its_bounce_read_by_commands_alone(aws: Cli, server: Server) -> None:
    topic = aws("sns", "create-topic", "--name", "feedback")["TopicArn"]
    url = aws("sqs", "create-queue", "--queue-name", "feedback")["QueueUrl"]
    asked = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")
    arn = asked["Attributes"]["QueueArn"]
    raw = "RawMessageDelivery=true"
    subscribed = aws(
        "sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs",
        "--notification-endpoint", arn, "--attributes", raw,
    )  # fmt: skip
    assert subscribed["SubscriptionArn"].startswith(f"{topic}:")
    aws("ses", "verify-email-identity", "--email-address", SENDER)
    for kind in ("Bounce", "Complaint"):
        aws(
            "ses", "set-identity-notification-topic", "--identity", SENDER,
            "--notification-type", kind, "--sns-topic", topic,
        )  # fmt: skip

    first = aws(
        "ses", "send-email", "--from", SENDER, "--to", BOUNCE,
        "--subject", "hello", "--text", "hello", "--html", "<p>hello</p>",
    )["MessageId"]  # fmt: skip
    content = {"Simple": {"Subject": {"Data": "Grüße", "Charset": "UTF-8"}, "Body": {"Text": {"Data": "hello"}}}}
    second = aws(
        "sesv2", "send-email", "--from-email-address", SENDER,
        "--destination", f"ToAddresses={BOUNCE}", "--content", json.dumps(content),
    )["MessageId"]  # fmt: skip
    server.settle()

    bounced = []
    while got := aws("sqs", "receive-message", "--queue-url", url, "--max-number-of-messages", "10"):
        told = [json.loads(message["Body"]) for message in got["Messages"]]
        bounced += [one["mail"]["messageId"] for one in told if one["notificationType"] == "Bounce"]
    assert sorted(bounced) == sorted([first, second])


def test_a_refusal_is_told_in_the_words_of_the_service(aws: Cli) -> None:
    refused = aws.run(
        "ses", "send-email", "--from", "nobody@never.example", "--to", BOUNCE, "--subject", "x", "--text", "x"
    )
    assert refused.returncode != 0
    assert "(MessageRejected) when calling the SendEmail operation: Email address is not verified." in refused.stderr
