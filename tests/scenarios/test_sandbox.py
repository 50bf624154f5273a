"""An account in the sandbox, how it asks to leave it, and the operator who decides."""

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.__main__ import main
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import account
from pillarbox.resources.account import OwnQuota
from tests.support.refused import refused
from tests.support.server import RunningServer, Server

DETAILS = {
    "MailType": "TRANSACTIONAL",
    "WebsiteURL": "https://shop.example/",
    "ContactLanguage": "EN",
    "UseCaseDescription": "Receipts for our customers.",
    "AdditionalContactEmailAddresses": ["ops@shop.example"],
}
TEMPLATE = {
    "TemplateName": "welcome",
    "FromEmailAddress": "desk@shop.example",
    "TemplateSubject": "Welcome",
    "TemplateContent": "<p>Hi</p>",
    "SuccessRedirectionURL": "https://shop.example/yes",
    "FailureRedirectionURL": "https://shop.example/no",
}
NOT_VERIFIED = (
    "Email address is not verified. The following identities failed the check in region US-EAST-1: jane@example.net"
)


@pytest.fixture(scope="module")
def sandboxed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer.started(tmp_path_factory.mktemp("sandbox"), sandbox=True) as running:
        yield running


@pytest.fixture
def sandboxed(sandboxed_server: RunningServer) -> Server:
    """A server whose accounts are in the sandbox, with shop.example verified and any rate."""
    server = sandboxed_server.for_new_key()
    server.vouch("shop.example")
    scope, own = Scope(server.account, "us-east-1"), OwnQuota(max_24_hour=200.0, max_rate=0.0)
    server.running.run(server.running.listening.store.write(account.set_quota, scope, own, SystemClock().now()))
    return server


def by_v1(server: Server, *recipients: str) -> None:
    server.client("ses").send_email(
        Source="desk@shop.example",
        Destination={"BccAddresses": list(recipients)},
        Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}},
    )


def by_v2(server: Server, *recipients: str) -> None:
    server.client("sesv2").send_email(
        FromEmailAddress="desk@shop.example",
        Destination={"ToAddresses": list(recipients)},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
    )


def by_raw(server: Server, *recipients: str) -> None:
    raw = b"From: desk@shop.example\r\nTo: someone@shop.example\r\n\r\nx\r\n"
    server.client("ses").send_raw_email(Destinations=list(recipients), RawMessage={"Data": raw})


def command(server: Server, *words: str) -> int:
    folder = Path(server.running.listening.settings.data)
    return main([*words, "--data", str(folder)])


@pytest.mark.parametrize("send", [by_v1, by_v2, by_raw])
def test_in_the_sandbox_recipients_must_be_verified(sandboxed: Server, send: Any) -> None:
    with refused("MessageRejected", NOT_VERIFIED):
        send(sandboxed, "anyone@shop.example", "jane@example.net")
    send(sandboxed, "anyone@shop.example", "Bounce+label@simulator.amazonses.com")
    sandboxed.vouch("jane@example.net")
    send(sandboxed, "jane@example.net")


def reply_by_smtp(server: Server, recipient: str) -> str:
    """Send a message with smtplib and return how the server answers it."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.running.listening.smtp_port, timeout=20) as client:
        client.starttls(context=anybody)
        client.login(server.key_id, smtp_password(server.secret, "us-east-1"))
        client.mail("desk@shop.example")
        client.rcpt(recipient)
        code, text = client.data(b"From: desk@shop.example\r\nTo: x@shop.example\r\n\r\nx\r\n")
    return f"{code} {text.decode()}"


def test_in_the_sandbox_mail_by_smtp_goes_to_verified_recipients_too(sandboxed: Server) -> None:
    assert reply_by_smtp(sandboxed, "jane@example.net") == f"554 Message rejected: {NOT_VERIFIED}"
    assert reply_by_smtp(sandboxed, "anyone@shop.example").startswith("250 Ok ")
    assert reply_by_smtp(sandboxed, "success@simulator.amazonses.com").startswith("250 Ok ")


def test_a_paused_account_sends_by_no_door(sandboxed: Server) -> None:
    sandboxed.client("ses").update_account_sending_enabled(Enabled=False)
    text = f"Email sending is disabled for account {sandboxed.account}."
    for send, code in ((by_v1, "AccountSendingPausedException"), (by_raw, "AccountSendingPausedException")):
        with refused(code, text):
            send(sandboxed, "anyone@shop.example")
    with refused("SendingPausedException", text):
        by_v2(sandboxed, "anyone@shop.example")
    assert reply_by_smtp(sandboxed, "anyone@shop.example") == f"554 Message rejected: {text}"


def test_an_account_leaves_the_sandbox_when_the_operator_lets_it(
    sandboxed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    ses: Any = sandboxed.client("sesv2")
    ses.put_account_details(**DETAILS)
    assert ses.get_account()["Details"] == DETAILS
    ses.put_account_details(**DETAILS, ProductionAccessEnabled=True)
    waiting = ses.get_account()
    assert waiting["ProductionAccessEnabled"] is False
    assert waiting["Details"]["ReviewDetails"]["Status"] == "PENDING"
    with refused("ConflictException", status=409):
        ses.put_account_details(**DETAILS, ProductionAccessEnabled=True)
    with refused("MessageRejected", NOT_VERIFIED):
        by_v2(sandboxed, "jane@example.net")
    assert command(sandboxed, "account", "reviews") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if sandboxed.account in line)
    assert "PENDING" in line
    assert "Receipts for our customers." in line

    assert command(sandboxed, "account", "production", sandboxed.account) == 0

    granted = ses.get_account()
    assert granted["ProductionAccessEnabled"] is True
    assert granted["Details"]["ReviewDetails"]["Status"] == "GRANTED"
    assert granted["Details"]["ReviewDetails"]["CaseId"] == waiting["Details"]["ReviewDetails"]["CaseId"]
    by_v2(sandboxed, "jane@example.net")
    assert sandboxed.client("sesv2", region="eu-west-1").get_account()["ProductionAccessEnabled"] is False
    ses.put_suppressed_destination(EmailAddress="jane@example.net", Reason="BOUNCE")
    assert command(sandboxed, "audit", "--account", sandboxed.account) == 0
    assert "account.production" in capsys.readouterr().out


def test_an_account_that_is_denied_stays_and_may_ask_again(
    sandboxed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    ses: Any = sandboxed.client("sesv2")
    ses.put_account_details(**DETAILS, ProductionAccessEnabled=True)
    assert command(sandboxed, "account", "production", sandboxed.account, "--deny", "no website there") == 0
    assert "no website there" in capsys.readouterr().out
    denied = ses.get_account()
    assert (denied["ProductionAccessEnabled"], denied["Details"]["ReviewDetails"]["Status"]) == (False, "DENIED")
    ses.put_account_details(**DETAILS, ProductionAccessEnabled=True)
    assert ses.get_account()["Details"]["ReviewDetails"]["Status"] == "PENDING"


def test_an_account_that_is_none_is_refused(sandboxed: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(sandboxed, "account", "production", "shop") == 1
    assert "12 digits" in capsys.readouterr().err


def test_custom_verification_mail_is_for_production(sandboxed: Server) -> None:
    v1, v2 = sandboxed.client("ses"), sandboxed.client("sesv2")
    v1.create_custom_verification_email_template(**TEMPLATE)
    with refused("ProductionAccessNotGranted"):
        v1.send_custom_verification_email(EmailAddress="jane@example.net", TemplateName="welcome")
    with refused("BadRequestException"):
        v2.send_custom_verification_email(EmailAddress="jane@example.net", TemplateName="welcome")
    assert v1.list_identities(IdentityType="EmailAddress")["Identities"] == []
