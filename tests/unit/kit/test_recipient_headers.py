"""A message names one recipient and nobody else."""

import pytest

from pillarbox.kit.recipient_headers import headers_naming_only, naming_only

BODY = b"\r\nTo: this is text\r\n"


@pytest.mark.parametrize(
    ("head", "left"),
    [
        (b"From: a@b\r\nTo: x@y,\r\n z@y\r\nCc: c@y\r\nSubject: s\r\n", b"From: a@b\r\nTo: me@y\r\nSubject: s\r\n"),
        (b"From: a@b\r\nSubject: s\r\n", b"To: me@y\r\nFrom: a@b\r\nSubject: s\r\n"),
        (b"BCC: x@y\r\nFrom: a@b\r\nto: z@y\r\n", b"To: me@y\r\nFrom: a@b\r\n"),
        (b"Resent-To: x@y\r\nResent-Cc: x@y\r\nResent-Bcc: x@y\r\nApparently-To: x@y\r\n", b"To: me@y\r\n"),
        (b"To: x@y\r\nX-To: x@y\r\n", b"To: me@y\r\nX-To: x@y\r\n"),
    ],
)
def test_only_one_recipient_is_named(head: bytes, left: bytes) -> None:
    assert naming_only(head + BODY, "me@y") == left + BODY


def test_nobody_is_named() -> None:
    assert naming_only(b"From: a@b\r\nTo: x@y\r\nCc: x@y\r\n" + BODY, None) == b"From: a@b\r\n" + BODY
    assert naming_only(b"From: a@b\r\n" + BODY, None) == b"From: a@b\r\n" + BODY


def test_headers_that_are_read_already_say_the_same() -> None:
    headers = [("From", "a@b"), ("TO", "x@y"), ("Subject", "s"), ("Cc", "c@y")]
    assert headers_naming_only(headers, "Me <me@y>") == [("From", "a@b"), ("To", "Me <me@y>"), ("Subject", "s")]
    assert headers_naming_only([("From", "a@b")], "me@y") == [("To", "me@y"), ("From", "a@b")]
