"""Who sends a message that the caller made, to whom, and what the server is told in its headers."""

from typing import Any

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Raw
from pillarbox.sending.envelope import Envelope, read_envelope

RAW = (
    b"From: Shop <shop@example.com>\r\n"
    b"To: jane@example.net\r\n"
    b"Cc: joe@example.net\r\n"
    b"Bcc: eve@example.net, jane@example.net\r\n"
    b"X-SES-CONFIGURATION-SET: from-header\r\n"
    b"X-SES-MESSAGE-TAGS: a=1, b=2\r\n"
    b"\r\nHello\r\n"
)


def envelope_of(raw: bytes = RAW, destinations: tuple[str, ...] | None = None, **given: Any) -> Envelope:
    scope = Scope("123456789012", "us-east-1")
    content = Raw(raw, destinations)
    return read_envelope(Draft(scope, "SendRawEmail", "root", "192.0.2.1", content, V1_SIZE_LIMIT, **given))


def test_without_destinations_the_headers_tell_who_receives_it_each_once() -> None:
    found = envelope_of().prepared.recipients
    assert found == ("jane@example.net", "joe@example.net", "eve@example.net")


def test_destinations_count_and_the_headers_do_not() -> None:
    assert envelope_of(destinations=("Ann <ann@example.org>",)).prepared.recipients == ("ann@example.org",)


def test_the_recipients_of_the_call_count_and_the_headers_do_not() -> None:
    found = envelope_of(to=("a@example.org",), cc=("b@example.org",), bcc=("a@example.org",)).prepared.recipients
    assert found == ("a@example.org", "b@example.org")


def test_a_message_to_nobody_lacks_its_to() -> None:
    with pytest.raises(Invalid, match=r"^Missing required header 'To'\.$"):
        envelope_of(b"From: shop@example.com\r\n\r\nx")
    assert envelope_of(b"From: shop@example.com\r\nTo: undisclosed-recipients:;\r\n\r\nx").prepared.recipients == ()
    assert envelope_of(b"From: shop@example.com\r\nBcc: a@example.net\r\n\r\nx").prepared.recipients != ()


def test_a_message_without_headers_goes_out_when_the_call_says_the_rest() -> None:
    found = envelope_of(b"just text", ("jane@example.net",), sender="shop@example.com")
    assert (found.sender, found.from_domain, found.headers) == ("shop@example.com", "", ())
    with pytest.raises(Invalid, match=r"^Missing required header 'From'\.$"):
        envelope_of(b"just text", ("jane@example.net",))


@pytest.mark.parametrize(
    ("head", "given", "feedback_to"),
    [
        (b"From: Shop <shop@example.com>\r\n", {}, "shop@example.com"),
        (b"From: shop@example.com\r\nReturn-Path: <bounces@example.com>\r\n", {}, "bounces@example.com"),
        (b"From: shop@example.com\r\nReturn-Path: <>\r\n", {}, "shop@example.com"),
        (
            b"From: shop@example.com\r\nReturn-Path: <b@example.com>\r\n",
            {"sender": "S <s@example.com>"},
            "s@example.com",
        ),
        (b"From: shop@example.com\r\n", {"sender": "s@example.com", "return_path": "f@example.com"}, "f@example.com"),
    ],
)
def test_feedback_goes_to_the_source_then_the_return_path_then_the_author(
    head: bytes, given: dict[str, str], feedback_to: str
) -> None:
    assert envelope_of(head + b"To: jane@example.net\r\n\r\nx", **given).return_path == feedback_to


def test_a_report_leaves_with_the_null_return_path() -> None:
    assert envelope_of(is_report=True).return_path == ""


def test_headers_tell_the_server_what_the_call_does_not() -> None:
    found = envelope_of().prepared
    assert (found.configuration_set, found.tags) == ("from-header", (("a", "1"), ("b", "2")))
    found = envelope_of(configuration_set="from-call", tags=(("c", "3"),)).prepared
    assert (found.configuration_set, found.tags) == ("from-call", (("c", "3"),))


def test_a_header_tells_for_whom_it_is_sent_where_the_call_does_not() -> None:
    raw = b"X-SES-TENANT: acme\r\n" + RAW
    assert envelope_of(raw).prepared.tenant == "acme"
    assert envelope_of(raw, tenant="other").prepared.tenant == "other"
    assert envelope_of().prepared.tenant == ""


def test_everyone_who_speaks_in_it_must_be_verified() -> None:
    head = b"From: a@a.example, b@b.example\r\nSender: c@c.example\r\nReturn-Path: <d@d.example>\r\n"
    found = envelope_of(head + b"To: jane@example.net\r\n\r\nx", sender="e@e.example").prepared.must_be_verified
    assert {names[0] for names in found.values()} == {f"{name}@{name}.example" for name in "abcde"}


def test_names_and_domains_beyond_ascii_in_the_call_are_encoded() -> None:
    found = envelope_of(destinations=("Jörg <jo@bücher.example>",), sender="Läden <shop@läden.example>")
    assert found.prepared.recipients == ("jo@xn--bcher-kva.example",)
    assert found.return_path == "shop@xn--lden-loa.example"
    assert found.sender.isascii()
    assert found.prepared.raw == RAW
