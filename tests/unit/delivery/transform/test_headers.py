"""Delivery changes the headers that are its own, and not one byte more."""

import email.utils

import pytest

from pillarbox.delivery.transform.headers import (
    MOST_HOPS,
    TransformFacts,
    Undeliverable,
    date_of,
    with_delivery_headers,
    with_trace,
)
from pillarbox.kit.headers import list_headers, split

MESSAGE_ID = "0100015e4fdfdb7f-a3dcaf07-8fb3-459f-9343-7859c0398c3f-000000"
DATE = b"Date: Fri, 14 Oct 2016 05:02:16 +0000\r\n"


def facts(region: str = "us-east-1", **tags: str) -> TransformFacts:
    named = {name.replace("_", "-").replace("ses-", "ses:", 1): [value] for name, value in tags.items()}
    return TransformFacts(
        MESSAGE_ID, region, "mail.example.org", "mta.mail.example.org", 1_476_421_336_645, named, keys=()
    )


def delivered(raw: bytes, facts: TransformFacts) -> bytes:
    return with_delivery_headers(raw, split(raw), facts)


def headers_of(raw: bytes, facts: TransformFacts) -> dict[str, str]:
    return dict(list_headers(delivered(raw, facts)))


def without_ours(left: bytes) -> bytes:
    """Take out the three lines that every message gets in front, when it had none of them."""
    for name in (b"Message-ID: ", b"Date: ", b"Feedback-ID: "):
        line, _, left = left.partition(b"\r\n")
        assert line.startswith(name)
    return left


def test_who_else_receives_the_mail_and_what_was_meant_for_the_server_is_removed() -> None:
    raw = (
        b"From: a@b.example\r\n"
        b"Bcc: eve@example.net,\r\n\tmallory@example.net\r\nBCC : x@y.example\r\nTo: c@d.example\r\n"
        b"X-SES-CONFIGURATION-SET: s\r\n"
        b"x-ses-message-tags: a=1\r\nX-Pillarbox-Route: r\r\nReturn-Path: <q@b.example>\r\n"
        b"X-Session: kept\r\n\r\nBcc: in the body\r\n"
    )
    assert without_ours(delivered(raw, facts())) == (
        b"From: a@b.example\r\nTo: c@d.example\r\nX-Session: kept\r\n\r\nBcc: in the body\r\n"
    )


def test_a_private_first_header_is_removed_too() -> None:
    assert without_ours(delivered(b"Bcc: x@y.example\r\n\r\nx", facts())) == b"\r\nx"


@pytest.mark.parametrize(
    ("region", "host"), [("us-east-1", "email.mail.example.org"), ("eu-west-1", "eu-west-1.mail.example.org")]
)
def test_the_message_id_names_the_region_as_ses_does(region: str, host: str) -> None:
    assert headers_of(b"\r\n", facts(region))["Message-ID"] == f"<{MESSAGE_ID}@{host}>"


@pytest.mark.parametrize(
    ("raw", "changed"),
    [
        (b"A: 1\r\nDate: old\r\n folded\r\nB: 2\r\n\r\nx", b"A: 1\r\n%sB: 2\r\n\r\nx"),
        (b"date : old\r\nB: 2\r\n\r\nx", b"%sB: 2\r\n\r\nx"),
        (b"A: 1\r\nDate: one\r\nB: 2\r\nDate: two\r\n\r\nx", b"A: 1\r\n%sB: 2\r\n\r\nx"),
        (b"A: 1\r\n\r\nx", b"%sA: 1\r\n\r\nx"),
        (b"\r\nDate: in the body", b"%s\r\nDate: in the body"),
        (b"no header", b"%s\r\nno header"),
        (b"A: 1\r\n", b"%sA: 1\r\n\r\n"),
        (b"Date: old\r\n", b"%s\r\n"),
        (b"", b"%s\r\n"),
    ],
)
def test_the_date_takes_the_place_of_the_old_one(raw: bytes, changed: bytes) -> None:
    result = delivered(raw, facts())
    others = [line for line in result.splitlines(keepends=True) if not line.startswith((b"Message-ID", b"Feedback-ID"))]
    assert b"".join(others) == changed.replace(b"%s", DATE)
    assert delivered(result, facts()) == result


@pytest.mark.parametrize("at", [0, 951_782_400_000, 1_700_000_000_999, 4_102_444_800_000])
def test_dates_are_those_of_rfc_5322(at: int) -> None:
    assert date_of(at) == email.utils.formatdate(at // 1000, usegmt=False)[:-5] + "+0000"


def test_the_feedback_id_tells_senders_apart_and_is_the_same_every_time() -> None:
    one = headers_of(b"\r\n", facts(ses_from_domain="a.example"))["Feedback-ID"]
    assert one == headers_of(b"\r\n", facts(ses_from_domain="A.example"))["Feedback-ID"]
    assert one != headers_of(b"\r\n", facts(ses_from_domain="b.example"))["Feedback-ID"]
    assert one.startswith("1.us-east-1.")
    assert one.endswith("=:Pillarbox")


def test_the_feedback_id_carries_the_labels_of_the_sender() -> None:
    both = headers_of(b"\r\n", facts(ses_feedback_id_a="spring", ses_feedback_id_b="x"))["Feedback-ID"]
    second = headers_of(b"\r\n", facts(ses_feedback_id_b="x"))["Feedback-ID"]
    assert both.startswith("spring:x:1.us-east-1.")
    assert second.startswith(":x:1.us-east-1.")


def test_the_trace_stands_on_top_and_tells_no_client() -> None:
    assert with_trace(b"Received: before\r\n\r\nx", facts()) == (
        b"Received: by mta.mail.example.org (Pillarbox)\r\n id " + MESSAGE_ID.encode() + b";\r\n"
        b" Fri, 14 Oct 2016 05:02:16 +0000\r\nReceived: before\r\n\r\nx"
    )


def test_a_message_that_goes_round_in_circles_ends_here() -> None:
    hop = b"Received: by somebody.example; Fri, 14 Oct 2016 05:02:16 +0000\r\n"
    with_trace(hop * MOST_HOPS + b"\r\n" + hop, facts())
    with pytest.raises(Undeliverable) as raised:
        with_trace(hop * (MOST_HOPS + 1) + b"\r\n", facts())
    assert raised.value.reply.startswith("554 5.4.6 ")
