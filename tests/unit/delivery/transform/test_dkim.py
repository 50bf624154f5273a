"""Signatures that an implementation of somebody else's verifies, and that every change breaks."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pillarbox.delivery.transform.dkim import SigningKey, signed, simple_body
from pillarbox.kit.headers import split
from pillarbox.kit.mime import in_crlf_lines
from tests.support.dkim import verifies as dkimpy_verifies
from tests.support.dkim import zone_of

AT = 1_790_000_000_999
RSA = SigningKey("example.com", "abc", generate_private_key(public_exponent=65537, key_size=2048))
ED25519 = SigningKey("mail.example.com", "sel.2-x", Ed25519PrivateKey.generate())
KEYS = [pytest.param(RSA, id="rsa"), pytest.param(ED25519, id="ed25519")]


ZONE = zone_of(RSA, ED25519)


def verifies(mail: bytes, place: int = 0) -> bool:
    return dkimpy_verifies(mail, ZONE, place)


MAIL = (
    b"Received: by mta.example.org\r\n"
    b"From: =?utf-8?q?J=C3=BCrgen?= <a@example.com>\r\n"
    b"To: b@example.net,\r\n\tc@example.net\r\n"
    b"Subject:  spaced \t out  \r\n"
    b"List-Unsubscribe: <https://example.com/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"List-Id: <list.example.com>\r\n"
    b"Feedback-ID: 1.us-east-1.x=:Pillarbox\r\n"
    b"X-Other: x\r\n"
    b"\r\n"
    b"Hello \t there. \r\n\r\n  \r\nBye.\r\n\r\n\r\n"
)


@pytest.mark.parametrize("key", KEYS)
def test_a_signature_verifies_and_stands_first(key: SigningKey) -> None:
    mail = signed(MAIL, [key], AT)

    assert verifies(mail)
    assert mail.endswith(MAIL)
    assert mail.startswith(f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/simple; q=dns/txt;\r\n".encode())
    assert f"\r\n d={key.domain};\r\n s={key.selector}; t=1790000000;\r\n".encode() in mail


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a@example.com", b"x@example.com"),
        (b"\tc@example.net", b"\td@example.net"),
        (b"spaced", b"spaces"),
        (b"One-Click", b"Two-Clicks"),
        (b"list.example.com", b"list.example.net"),
        (b"x=:Pillarbox", b"y=:Pillarbox"),
        (b"Hello", b"hello"),
        (b"Hello \t there. \r\n", b"Hello there.\r\n"),
        (b"Bye.", b"Bye. Bye."),
        (b"t=1790000000", b"t=1790000001"),
    ],
)
def test_a_change_breaks_it(key: SigningKey, before: bytes, after: bytes) -> None:
    assert not verifies(signed(MAIL, [key], AT).replace(before, after))


@pytest.mark.parametrize(
    "added",
    [
        b"From: <ceo@example.com>",
        b"Subject: Win!",
        b"To: all@example.net",
        b"Cc: x@example.net",
        b"Reply-To: x@y.example",
        b"Date: now",
        b"Content-Type: text/html; boundary=x",
        b"List-Unsubscribe: <https://evil.example/>",
        b"List-Id: <other.example>",
        b"Feedback-ID: other",
    ],
)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_header_that_is_added_breaks_it(added: bytes, at_the_end: bool) -> None:
    mail = signed(MAIL, [ED25519], AT)
    head, _, body = mail.partition(b"\r\n\r\n")
    lines = [head, added] if at_the_end else [added, head]
    assert not verifies(b"\r\n".join(lines) + b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"X-Other: x", b"X-Other: y"),
        (b"Subject:  spaced \t out  ", b"SUBJECT:spaced\r\n out"),
        (b"\r\n\r\n\r\n", b"\r\n"),
    ],
)
def test_what_servers_on_the_way_change_does_not(before: bytes, after: bytes) -> None:
    mail = signed(MAIL, [ED25519], AT)
    assert before in mail
    assert verifies(b"Received: by mx.example.net\r\n" + mail.replace(before, after))


def test_two_keys_make_two_signatures_that_do_not_cover_each_other() -> None:
    mail = signed(MAIL, [RSA, ED25519], AT)

    assert verifies(mail, 0) and verifies(mail, 1)
    assert mail == signed(MAIL, [RSA], AT).removesuffix(MAIL) + signed(MAIL, [ED25519], AT)


def test_without_keys_a_message_stays_as_it_is() -> None:
    assert signed(MAIL, [], AT) == MAIL


@pytest.mark.parametrize("key", KEYS)
def test_the_same_message_has_the_same_signature_each_time(key: SigningKey) -> None:
    assert signed(MAIL, [key], AT) == signed(MAIL, [key], AT)


def test_its_lines_are_short_however_much_is_signed() -> None:
    many = b"References: <a@example.com>\r\n" * 300 + MAIL
    longest = max(map(len, signed(many, [RSA], AT).split(b"\r\n\r\n")[0].split(b"\r\n")))
    assert longest <= 90
    assert verifies(signed(many, [RSA], AT))


@pytest.mark.parametrize(
    ("domain", "selector"),
    [
        ("example.com\r\nX: y", "abc"),
        ("example.com; x=1", "abc"),
        ("example.com", "a b"),
        ("example.com", "a;d=evil.example"),
        ("example.com", "abc\n"),
        ("", "abc"),
        ("example.com", ""),
        ("ex\N{LATIN SMALL LETTER A WITH DIAERESIS}mple.com", "abc"),
    ],
)
def test_a_name_cannot_write_a_header(domain: str, selector: str) -> None:
    with pytest.raises(ValueError, match="no place for a DKIM key"):
        SigningKey(domain, selector, ED25519.private)


NAMES = st.sampled_from(
    b"From FROM To to Subject sUbJeCt Date Reply-To MIME-Version Content-Type List-Unsubscribe List-Id X-Whatever"
    b" DKIM-Signature-X References Received".split()
)
TEXTS = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b"  ", b"\r\n ", b"\r\n\t", b":", b";", b"=", b"\xc3\xa4", b"b=x"])
)
HEADERS = st.lists(st.tuples(NAMES, TEXTS.map(b"".join)), max_size=12)
BODIES = st.lists(
    st.sampled_from(
        [b"a", b".", b" ", b"\t", b"   ", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\xff", b"\x00", b"--x", b"From "]
    )
    | st.binary(max_size=5),
    max_size=30,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(HEADERS, BODIES)
@example([], b"")
@example([(b"From", b"")], b"\r\n\r\n")
@example([(b"Subject", b" \r\n ")], b" \r\n\t\r\n")
def test_whatever_the_message_is_like(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    head = b"".join(name + b":" + value + b"\r\n" for name, value in [(b"From", b" a@example.com"), *headers])
    mail = in_crlf_lines(head + b"\r\n" + body)
    assert split(mail).separated

    assert verifies(signed(mail, [ED25519], AT)), mail


@settings(max_examples=300, deadline=None)
@given(BODIES)
def test_a_body_is_read_as_the_rules_say(body: bytes) -> None:
    text = in_crlf_lines(body)
    lines = text.split(b"\r\n")
    while lines and not lines[-1]:
        lines.pop()
    assert simple_body(text) == (b"".join(line + b"\r\n" for line in lines) or b"\r\n")


def test_a_long_row_of_line_ends_or_spaces_is_read_at_once() -> None:
    assert simple_body(b"a" + b"\r\n" * 5_000_000) == b"a\r\n"
    long = MAIL.replace(b"spaced", b"spaced" + b" \t" * 5_000_000)
    signature = signed(MAIL, [ED25519], AT).removesuffix(MAIL)
    assert signed(long, [ED25519], AT).startswith(signature)
