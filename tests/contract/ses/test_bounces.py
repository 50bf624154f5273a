"""Bounces that an account sends itself."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from tests.support.mailbox import mail_to
from tests.support.refused import refused
from tests.support.server import Server

SENDER = "mailer-daemon@example.com"
GONE = {"Recipient": "jane@example.net", "BounceType": "DoesNotExist"}


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    client = server.client("ses")
    client.verify_domain_identity(Domain="example.com")
    return client


@pytest.fixture
def shop(server: Server) -> str:
    """Where bounces of the original go: an address that no other test writes to."""
    return f"shop-{server.account}@example.com"


@pytest.fixture
def original(ses, shop: str) -> str:  # type: ignore[no-untyped-def]
    message_id: str = ses.send_email(
        Source=shop,
        Destination={"ToAddresses": ["jane@example.net", "joe@example.net"]},
        Message={"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "secret text"}}},
    )["MessageId"]
    return message_id


def bounce(ses: Any, original: str, *failed: dict[str, Any], **others: Any) -> str:
    message_id: str = ses.send_bounce(
        OriginalMessageId=original, BounceSender=SENDER, BouncedRecipientInfoList=list(failed), **others
    )["MessageId"]
    return message_id


def report_to(server: Server, address: str) -> EmailMessage:
    (mail,) = mail_to(server, address)
    return mail


def test_send_bounce_makes_a_report_that_a_mailer_understands(
    server: Server, ses: Any, shop: str, original: str
) -> None:
    bounce(
        ses,
        original,
        GONE,
        {
            "Recipient": "joe@example.net",
            "RecipientDsnFields": {
                "FinalRecipient": "joe@elsewhere.example",
                "Action": "delayed",
                "Status": "4.4.1",
                "RemoteMta": "dns; mx.elsewhere.example",
                "DiagnosticCode": "smtp; 451 later",
                "LastAttemptDate": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                "ExtensionFields": [{"Name": "X-Try", "Value": "7"}],
            },
        },
        Explanation="Grüße, leider nicht zustellbar.",
        MessageDsn={
            "ReportingMta": "dns; mx.example.com",
            "ArrivalDate": datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC),
            "ExtensionFields": [{"Name": "X-Site", "Value": "a"}],
        },
    )

    report = report_to(server, shop)

    assert report["From"] == SENDER
    assert report["To"] == shop
    assert report["Auto-Submitted"] == "auto-replied"
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    text, status, headers = report.iter_parts()
    assert text.get_content().strip() == "Grüße, leider nicht zustellbar."
    assert status.get_content_type() == "message/delivery-status"
    message, jane, joe = status.get_payload()
    assert message.items() == [
        ("Reporting-MTA", "dns; mx.example.com"),
        ("Arrival-Date", "Fri, 02 Jan 2026 03:00:00 +0000"),
        ("X-Site", "a"),
    ]
    assert jane.items() == [
        ("Final-Recipient", "rfc822; jane@example.net"),
        ("Action", "failed"),
        ("Status", "5.1.1"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 mailbox does not exist"),
    ]
    assert joe.items() == [
        ("Original-Recipient", "rfc822; joe@example.net"),
        ("Final-Recipient", "rfc822; joe@elsewhere.example"),
        ("Action", "delayed"),
        ("Status", "4.4.1"),
        ("Remote-MTA", "dns; mx.elsewhere.example"),
        ("Diagnostic-Code", "smtp; 451 later"),
        ("Last-Attempt-Date", "Fri, 02 Jan 2026 03:04:05 +0000"),
        ("X-Try", "7"),
    ]
    assert headers.get_content_type() == "text/rfc822-headers"
    shown = message_from_bytes(headers.get_payload(decode=True), policy=default)
    assert shown["Subject"] == "Your order"
    assert b"secret text" not in report.as_bytes()


def test_a_bounce_explains_itself_and_names_this_server_when_it_is_told_nothing(
    server: Server, ses: Any, shop: str, original: str
) -> None:
    bounce(ses, original, GONE)
    text, status, _ = report_to(server, shop).iter_parts()
    assert "jane@example.net: 550 5.1.1 mailbox does not exist" in text.get_content()
    assert status.get_payload()[0]["Reporting-MTA"] == "dns; mta.pillarbox.localhost"


@pytest.mark.parametrize(
    "failed",
    [
        {"Recipient": "jane@example.net"},
        {"Recipient": "jane@example.net", "RecipientDsnFields": {"Action": "failed", "Status": "bad"}},
        {
            "Recipient": "jane@example.net",
            "RecipientDsnFields": {"Action": "failed", "Status": "5.0.0", "DiagnosticCode": "a\r\nBcc: x@y.example"},
        },
        {
            "Recipient": "jane@example.net",
            "RecipientDsnFields": {
                "Action": "failed",
                "Status": "5.0.0",
                "ExtensionFields": [{"Name": "a b", "Value": "x"}],
            },
        },
    ],
)
def test_send_bounce_refuses_fields_that_no_report_can_have(
    server: Server, ses: Any, shop: str, original: str, failed: dict[str, Any]
) -> None:
    with refused("InvalidParameterValue"):
        bounce(ses, original, failed)
    assert mail_to(server, shop) == []


def test_send_bounce_is_about_a_message_of_the_account_and_its_recipients(
    server: Server, ses: Any, original: str
) -> None:
    for unknown in ("no-such-id", original.replace("0100", "0101", 1)):
        with refused("MessageRejected", f"Message {unknown} was not received in the last 24 hours."):
            bounce(ses, unknown, GONE)
    with refused("MessageRejected", f"eve@example.net is not a recipient of message {original}."):
        bounce(ses, original, {"Recipient": "eve@example.net", "BounceType": "Undefined"})
    elsewhere = server.client("ses", region="eu-west-1")
    elsewhere.verify_domain_identity(Domain="example.com")
    with refused("MessageRejected"):
        bounce(elsewhere, original, GONE)


def test_a_bounce_is_not_bounced(ses: Any, shop: str, original: str) -> None:
    again = bounce(ses, original, GONE)
    with refused("MessageRejected", f"Message {again} is a notification itself: it is not answered with another one."):
        bounce(ses, again, {"Recipient": shop, "BounceType": "Undefined"})


def test_who_sends_a_bounce_must_be_verified(ses: Any, original: str) -> None:
    with refused("MessageRejected"):
        ses.send_bounce(OriginalMessageId=original, BounceSender="x@other.example", BouncedRecipientInfoList=[GONE])


def test_a_client_that_lost_the_answer_makes_no_second_bounce(
    server: Server, ses: Any, shop: str, original: str
) -> None:
    def same_call(request: Any, **_: Any) -> None:
        request.headers["amz-sdk-invocation-id"] = f"call-{server.account}"
        request.headers["amz-sdk-request"] = "attempt=2; max=3"

    ses.meta.events.register("before-send.ses.SendBounce", same_call)
    assert bounce(ses, original, GONE) == bounce(ses, original, GONE)
    assert len(mail_to(server, shop)) == 1


def test_a_bounce_may_name_the_identity_on_whose_authority_it_is_sent(
    server: Server, ses: Any, shop: str, original: str
) -> None:
    own = f"arn:aws:ses:us-east-1:{server.account}:identity/example.com"
    with refused("AccessDenied", status=403):
        bounce(ses, original, GONE, BounceSenderArn=own.replace(server.account, "999999999983"))
    with refused("InvalidParameterValue"):
        bounce(ses, original, GONE | {"RecipientArn": own})
    assert mail_to(server, shop) == []
    bounce(ses, original, GONE, BounceSenderArn=own)
    assert len(mail_to(server, shop)) == 1
