"""What follows 354: the form in which a message is sent."""

import pytest

from pillarbox.delivery.transport.smtp_transaction import as_sent
from pillarbox.delivery.transport.smtp_transcript import Conversations


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (b"a: b\r\n\r\nc\r\n", b"a: b\r\n\r\nc\r\n.\r\n"),
        (b"a: b\r\n\r\nc", b"a: b\r\n\r\nc\r\n.\r\n"),
        (b"a: b\n\nc\n", b"a: b\r\n\r\nc\r\n.\r\n"),
        (b"a: b\r\rc\r", b"a: b\r\n\r\nc\r\n.\r\n"),
        (b"a\r\r\nb\n\r\nc\n\rd\r\n", b"a\r\n\r\nb\r\n\r\nc\r\n\r\nd\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
    ],
)
def test_every_line_ends_with_crlf(given: bytes, sent: bytes) -> None:
    assert as_sent("", given, Conversations()).body == sent


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r.\n", b"\n.\r", b"\r\n.\r\n", b"\r\n.\r", b"\r.\r\n"]
)
def test_no_message_can_end_before_its_end(end: bytes) -> None:
    mail = as_sent("", b"Subject: x\r\n\r\nbefore" + end + b"MAIL FROM:<forged@example.com>\r\n", Conversations())

    assert mail.body == b"Subject: x\r\n\r\nbefore\r\n..\r\nMAIL FROM:<forged@example.com>\r\n.\r\n"


def test_dots_are_doubled_once_and_only_at_the_beginning_of_a_line() -> None:
    mail = as_sent("", b".first: x\r\n\r\n..two\r\na.b\r\n.\r\n", Conversations())

    assert mail.body == b"..first: x\r\n\r\n...two\r\na.b\r\n..\r\n.\r\n"
    assert mail.size == len(b".first: x\r\n\r\n..two\r\na.b\r\n.\r\n")


def test_8_bit_content_is_noticed() -> None:
    assert as_sent("", "Grüße\r\n".encode(), Conversations()).is_8bit
    assert not as_sent("", b"Gruesse\r\n", Conversations()).is_8bit
