"""A server that is killed while mail comes back: what it answered 250 is recorded, and recorded once."""

import smtplib
import threading
import time
from collections import Counter
from email.utils import formatdate
from pathlib import Path
from typing import Any

import boto3

from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from tests.support.child import Child

ACCOUNT = "123456789012"
SENDER, ADA = "news@shop.example", "ada@example.net"
MESSAGES = 40
PATIENCE_SECONDS = 30


def _client(child: Child) -> Any:
    return boto3.client(
        "ses",
        endpoint_url=child.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
    )


def _history(folder: Path, message_id: str) -> History:
    return Client(folder / "admin.sock").ask(ShowHistory(message_id), History)


def _sent(child: Child, folder: Path) -> dict[str, str]:
    """Send messages and return the envelope senders that they left with, by message."""
    ses = _client(child)
    ses.verify_email_identity(EmailAddress=SENDER)
    body = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    ids = [
        ses.send_email(Source=SENDER, Destination={"ToAddresses": [ADA]}, Message=body)["MessageId"]
        for _ in range(MESSAGES)
    ]
    paths: dict[str, str] = {}
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while len(paths) < len(ids):
        assert time.monotonic() < ends_at
        paths = {one: captured[0].sender for one in ids if (captured := _history(folder, one).captured)}
    return paths


def _report() -> str:
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nSubject: failure notice\r\nDate: {formatdate()}\r\n\r\n"
        f"<{ADA}>:\r\n550 5.1.1 no such user\r\n"
    )


def _bring_back(port: int, reports: dict[str, tuple[str, str]], acknowledged: set[str]) -> Exception | None:
    """Bring reports until the server is gone, and note which were answered 250; return what ended it before that."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_SECONDS) as client:
            for message_id, (return_path, raw) in reports.items():
                client.sendmail("", [return_path], raw)
                acknowledged.add(message_id)
    except (OSError, smtplib.SMTPException) as error:
        return error
    return None


def test_a_kill_loses_no_report_that_was_answered_250_and_a_repeat_tells_it_once(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    with Child(tmp_path) as child:
        reports = {one: (path, _report()) for one, path in _sent(child, tmp_path).items()}
        bringing = threading.Thread(target=_bring_back, args=(child.return_path_port, reports, acknowledged))
        bringing.start()
        while len(acknowledged) < MESSAGES // 4 and bringing.is_alive():
            time.sleep(0.001)
        child.kill()
        bringing.join(PATIENCE_SECONDS)
    survived = set(acknowledged)
    assert MESSAGES // 4 <= len(survived) <= MESSAGES
    with Child(tmp_path) as child:
        told = {one: Counter(moment.kind for moment in _history(tmp_path, one).moments) for one in survived}
        assert all(kinds["Bounce"] == 1 for kinds in told.values()), told

        # As servers do that heard no answer.
        assert _bring_back(child.return_path_port, reports, acknowledged) is None
        assert acknowledged == reports.keys()
        told = {one: Counter(moment.kind for moment in _history(tmp_path, one).moments) for one in reports}
        assert all(kinds["Bounce"] == 1 for kinds in told.values()), told
