"""Mail about other mail: whatever that was, what is made can be sent and read."""

import email
from email.message import Message
from typing import Any

import pytest

from pillarbox.sending.notice_mail import Part, attached, fields_part, headers_part, notice_mail, text_part
from pillarbox.sending.raw import read_raw

PLAIN = b"From: ada@example.net\r\nSubject: Away\r\n\r\nUntil Monday.\r\n"


def made(*parts: Part, subject: str = "Hello", report_type: str = "") -> Message:
    raw = notice_mail("MAILER-DAEMON@mail.example", "a@b.example", subject, parts, report_type=report_type)
    read_raw(raw)  # raises what would stand against sending it
    return email.message_from_bytes(raw)


def parts_of(mail: Message) -> Any:
    return mail.get_payload()


def test_a_report_has_its_parts_in_their_order() -> None:
    groups = [[("Reporting-MTA", "dns; mail.example")], [("Final-Recipient", "rfc822; a@b.example")]]
    mail = made(
        text_part("It failed – sorry.\n"),
        fields_part("message/delivery-status", groups),
        headers_part([("Subject", "Your order")]),
        report_type="delivery-status",
    )

    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    text, status, headers = parts_of(mail)
    assert text.get_payload(decode=True).decode() == "It failed – sorry.\r\n"
    assert [one["Final-Recipient"] for one in status.get_payload()] == [None, "rfc822; a@b.example"]
    assert headers.get_content_type() == "text/rfc822-headers"


def test_mail_that_can_be_sent_is_attached_as_it_is() -> None:
    mail = made(attached(PLAIN))

    (part,) = parts_of(mail)
    assert part.get_content_type() == "message/rfc822"
    assert part.get_payload()[0]["Subject"] == "Away"


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN + b"x" * 2_000 + b"\r\n",
        PLAIN + "Grüße\r\n".encode(),
        PLAIN + b"\x00\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 600 + b"--b--\r\n",
        b'Content-Type: application/x; name="virus.exe"\r\n\r\nMZ\r\n',
    ],
    ids=["a long line", "8 bit", "a NUL", "600 parts", "a program"],
)
def test_mail_that_could_not_be_sent_is_attached_as_a_file(raw: bytes) -> None:
    mail = made(attached(raw))

    (part,) = parts_of(mail)
    assert part.get_filename() == "message.eml"
    assert part.get_payload(decode=True) == raw


def test_of_a_very_long_mail_the_header_alone_is_attached() -> None:
    part = attached(PLAIN + b"x\r\n" * 500_000)

    assert part.content == PLAIN[: PLAIN.index(b"\r\n\r\n") + 4]


def test_what_a_stranger_wrote_breaks_no_header() -> None:
    mail = made(
        headers_part(
            [("Subject", "a\r\nBcc: eve@example.org"), ("X-Long", "x" * 2_000), ("To", "Jürgen"), ("X-A", "b")]
        ),
        subject="Grüße\r\nBcc: eve@example.org",
    )

    assert mail["Bcc"] is None
    (part,) = parts_of(mail)
    assert part.get_payload() == "To: J?rgen\r\nX-A: b"


def test_the_same_content_gives_the_same_bytes() -> None:
    assert made(text_part("x")).as_bytes() == made(text_part("x")).as_bytes()
