"""What a message says of itself is read without changing it, and what is no message is refused."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.sending.raw import read_raw

MESSAGE = (
    b"From: Shop <shop@example.com>\r\n"
    b"Sender: desk@example.com\r\n"
    b"To: Jane <jane@example.net>,\r\n joe@example.net\r\n"
    b"CC: ann@example.net\r\n"
    b"Bcc: eve@example.net\r\n"
    b"Return-Path: <bounces@example.com>\r\n"
    b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n"
    b"X-SES-CONFIGURATION-SET: first\r\n"
    b"x-ses-configuration-set: second\r\n"
    b"X-SES-MESSAGE-TAGS: a=1,\r\n c=d\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n"
    b"\r\n"
    b"--b\r\n\r\nHello\r\n"
    b'--b\r\nContent-Disposition: attachment; filename="report.pdf"\r\n\r\nx\r\n--b--\r\n'
)


def test_a_message_is_read() -> None:
    facts = read_raw(MESSAGE)
    assert [str(mailbox) for mailbox in facts.from_mailboxes] == ["Shop <shop@example.com>"]
    assert facts.sender is not None
    assert facts.sender.address == "desk@example.com"
    assert [mailbox.address for mailbox in facts.to] == ["jane@example.net", "joe@example.net"]
    assert [mailbox.address for mailbox in facts.cc] == ["ann@example.net"]
    assert [mailbox.address for mailbox in facts.bcc] == ["eve@example.net"]
    assert facts.return_path == "bounces@example.com"
    assert facts.subject == "grüße"
    assert facts.part_count == 3
    assert facts.attachment_names == ("report.pdf",)
    assert facts.headers[2] == ("To", "Jane <jane@example.net>, joe@example.net")
    assert [name for name, _ in facts.headers][:4] == ["From", "Sender", "To", "CC"]


def test_the_first_of_each_instruction_counts_whatever_its_case() -> None:
    assert read_raw(MESSAGE).control == {"x-ses-configuration-set": "first", "x-ses-message-tags": "a=1, c=d"}


@pytest.mark.parametrize("raw", [b"Only a body", b"\r\nOnly a body", b""])
def test_a_message_without_headers_is_taken(raw: bytes) -> None:
    facts = read_raw(raw)
    assert facts.headers == []
    assert facts.from_mailboxes == ()
    assert (facts.sender, facts.return_path, facts.subject, facts.control) == (None, None, "", {})
    assert facts.part_count == 1


def test_a_null_return_path_is_none() -> None:
    assert read_raw(b"Return-Path: <>\r\n\r\n").return_path is None


def test_recipients_may_be_undisclosed() -> None:
    assert read_raw(b"To: undisclosed-recipients:;\r\n\r\n").to == ()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"Content-Type: a/b\r\ncontent-type: a/b\r\n\r\n", "Duplicate header 'content-type'."),
        (b"From: a@b.example\r\nFrom: c@d.example\r\n\r\n", "Duplicate header 'From'."),
        (b"Subject: a\r\nSubject : b\r\n\r\n", "Duplicate header 'Subject'."),
        (b"<!DOCTYPE html: x>\r\n\r\n", "Illegal header '<!DOCTYPE html'."),
        (b"From a@b.example Mon Sep 17 00:00:00 2001\r\nTo: x@y.example\r\n", None),
        (b" Bcc: eve@example.net\r\n\r\n", "Illegal header 'Bcc'."),
        (b"Subject: x\r\nno header\r\nBcc: eve@example.net\r\n\r\n", "Illegal header 'no header'."),
        (b"Subject: x\rBcc: eve@example.net\r\n\r\n", "Illegal header: it contains a control character."),
        (b"Subject: \x00\r\n\r\n", "Illegal header: it contains a control character."),
        (b"Content-Type: text;\r\n\r\n", "Expected '/', got ;"),
        (b"Content-Type: text\r\n\r\n", "Expected '/', got null"),
        (b"Subject: x\r\n\r\n" + b"x" * 999 + b"\r\n", "Message contains a line of more than 1000 characters."),
        (b"Subject: " + b"x" * 999 + b"\r\n\r\n", "Message contains a line of more than 1000 characters."),
        (b"From: nobody\r\n\r\n", "Missing final '@domain'"),
        (b"To: j\xc3\xa4ne@example.net\r\n\r\n", None),
        (b"Return-Path: a b@example.com\r\n\r\n", "Local address contains control or whitespace"),
        (b"Sender: a@example.com, b@example.com\r\n\r\n", "Illegal address"),
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 501,
            "Message contains more than 500 MIME parts.",
        ),
        (
            b'Content-Type: application/x; name="=?utf-8?q?a=2Eexe?="\n\n',
            "Attachment 'a.exe' has an unsupported file type: '.exe'.",
        ),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(raw: bytes, reason: str | None) -> None:
    with pytest.raises(Invalid) as refusal:
        read_raw(raw)
    assert reason in (None, str(refusal.value))


def test_headers_that_may_repeat_are_left_alone() -> None:
    facts = read_raw(b"Received: a\r\nReceived: b\r\nX-A: 1\r\nX-A: 2\r\n\r\n")
    assert len(facts.headers) == 4
