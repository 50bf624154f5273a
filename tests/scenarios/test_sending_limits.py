"""How much and how fast accounts may send, as callers feel it by every door, and what operators say of it."""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pillarbox.__main__ import main
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.operate.account_requests import SetQuota, ShowQuota
from pillarbox.operate.accounts import Limits
from pillarbox.operate.client import Client
from pillarbox.operate.identities import Sender
from pillarbox.operate.keys import KeyPair
from pillarbox.operate.requests import CreateKey, Vouch
from tests.support.child import Child
from tests.support.refused import refused
from tests.support.server import RunningServer, Server

TOO_FAST = "Maximum sending rate exceeded."
TOO_MUCH = "Daily message quota exceeded."


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on which an account may address one recipient in a hundred seconds, and call an operation as often."""
    folder: Path = tmp_path_factory.mktemp("slow")
    with RunningServer.started(folder, max_send_rate=0.01, max_24_hour_send=1000.0, control_rate=0.01) as running:
        yield running


@pytest.fixture
def slow(slow_server: RunningServer) -> Server:
    server = slow_server.for_new_key()
    server.vouch("example.com")
    return server


def send(server: Server) -> None:
    body = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    server.client("ses").send_email(
        Source="shop@example.com", Destination={"ToAddresses": ["ada@example.net"]}, Message=body
    )


def send_v2(server: Server) -> None:
    simple = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    server.client("sesv2").send_email(
        FromEmailAddress="shop@example.com",
        Destination={"ToAddresses": ["ada@example.net"]},
        Content={"Simple": simple},
    )


def reply_by_smtp(server: Server) -> tuple[int, bytes]:
    """Return what the door says to a message."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("localhost", server.running.listening.smtp_port, timeout=30) as client:
        client.starttls(context=trusting)
        client.login(server.key_id, smtp_password(server.secret, "us-east-1"))
        client.mail("shop@example.com")
        client.rcpt("ada@example.net")
        return client.data(b"From: shop@example.com\r\nTo: ada@example.net\r\nSubject: x\r\n\r\ny\r\n")


def set_quota(server: Server, **limits: Any) -> Limits:
    asked = SetQuota(server.account, "us-east-1", limits.get("max_24_hour"), limits.get("max_rate"))
    return Client(server.running.listening.settings.socket_path).ask(asked, Limits)


def test_who_sends_too_fast_is_told_so_by_every_door(slow: Server) -> None:
    send(slow)
    with refused("Throttling", TOO_FAST):
        send(slow)
    with refused("TooManyRequestsException", TOO_FAST, status=429):
        send_v2(slow)
    assert reply_by_smtp(slow) == (454, f"Throttling failure: {TOO_FAST}".encode())


def test_an_account_may_have_limits_of_its_own(slow: Server) -> None:
    asked = ShowQuota(slow.account, "us-east-1")
    assert set_quota(slow, max_24_hour=2.0, max_rate=0.0).max_rate == 0.0
    quota = slow.client("ses").get_send_quota()
    assert (quota["Max24HourSend"], quota["MaxSendRate"]) == (2.0, 1_000_000.0)
    for _ in range(2):
        send(slow)
    with refused("Throttling", TOO_MUCH):
        send(slow)
    with refused("TooManyRequestsException", TOO_MUCH, status=429):
        send_v2(slow)
    assert reply_by_smtp(slow) == (454, f"Throttling failure: {TOO_MUCH}".encode())
    set_quota(slow)
    shown = Client(slow.running.listening.settings.socket_path).ask(asked, Limits)
    assert (shown.max_24_hour, shown.max_rate) == (None, None)
    assert slow.client("sesv2").get_account()["SendQuota"]["Max24HourSend"] == 1000.0


def test_an_operator_sets_and_takes_back_what_an_account_may_send(
    slow: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*given: str) -> str:
        folder = slow.running.listening.settings.data
        assert main(["account", "quota", slow.account, *given, "--data", folder]) == 0
        return capsys.readouterr().out.partition(": ")[2].strip()

    assert told() == "recipients in 24 hours: as set for all; in a second: as set for all"
    assert told("--daily", "50000") == "recipients in 24 hours: 50000; in a second: as set for all"
    assert told("--rate", "0") == "recipients in 24 hours: 50000; in a second: any number"
    assert told("--default", "--daily", "-1") == "recipients in 24 hours: any number; in a second: as set for all"


def test_an_operator_sets_and_takes_back_how_long_an_account_keeps_what_it_sent(
    slow: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*given: str, account: str = slow.account) -> str:
        folder = slow.running.listening.settings.data
        failed = main(["account", "retention", account, *given, "--data", folder])
        printed = capsys.readouterr()
        return printed.err if failed else printed.out.partition(": ")[2].strip()

    assert told() == "bodies are kept as long as for all, history as long as for all"
    assert told("--bodies-days", "7") == "bodies are kept for 7 days, history as long as for all"
    assert told("--history-days", "0") == "bodies are kept for 7 days, history for ever"
    assert told("--default", "--history-days", "30") == "bodies are kept as long as for all, history for 30 days"
    assert "0 (for ever) or more" in told("--bodies-days", "-1")
    assert "12 digits" in told("--bodies-days", "1", account="everybody")


def test_operations_that_send_nothing_have_a_rate_of_their_own(slow: Server) -> None:
    slow.client("ses").list_identities()
    with refused("Throttling", "Rate exceeded"):
        slow.client("ses").list_identities()
    slow.client("sesv2").list_email_identities()
    with refused("TooManyRequestsException", "Rate exceeded", status=429):
        slow.client("sesv2").list_email_identities()
    slow.client("ses").list_configuration_sets()


def test_two_processes_share_the_rates_of_an_account(tmp_path: Path) -> None:
    with Child(tmp_path, dev=False, workers=2, max_send_rate=0.01, control_rate=0.01) as child:
        operator = Client(tmp_path / "admin.sock")
        key = operator.ask(CreateKey("123456789012", "tester", ""), KeyPair)
        operator.ask(Vouch("example.com", "123456789012", "us-east-1"), Sender)
        sent = [_is_done(child.endpoint, key, _send, TOO_FAST) for _ in range(20)]
        listed = [_is_done(child.endpoint, key, _list, "Rate exceeded") for _ in range(20)]
    assert sent == listed == [True] + [False] * 19


def _send(ses: Any) -> None:
    body = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    ses.send_email(Source="shop@example.com", Destination={"ToAddresses": ["ada@example.net"]}, Message=body)


def _list(ses: Any) -> None:
    ses.list_identities()


def _is_done(endpoint: str, key: KeyPair, call: Callable[[Any], None], too_fast: str) -> bool:
    """Call over a connection of its own, which either process may take."""
    ses = boto3.client(
        "ses",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        call(ses)
    except ClientError as error:
        assert error.response["Error"]["Message"] == too_fast
        return False
    finally:
        ses.close()
    return True
