"""The way out of a list is put into mail of every shape, and nothing else of it changes."""

import base64
import quopri
from email import message_from_bytes
from email.policy import default

import pytest

from pillarbox.delivery.transform.list_headers import with_list_headers
from pillarbox.kit.mime import has_long_line

URL = "https://mail.example.org/unsubscribe/" + "Ab_-=9" * 10
HOLDER = b"{{amazonSESUnsubscribeUrl}}"
ADDED = f"List-Unsubscribe: <{URL}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()


def single(encoding: str, body: bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
    return f"Subject: x\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def content_of(raw: bytes) -> str:
    return str(message_from_bytes(raw, policy=default).get_content()).replace("\r\n", "\n")


def test_the_headers_stand_first_and_those_of_the_sender_are_gone() -> None:
    raw = b"List-Unsubscribe: <mailto:a@b>\r\nSubject: x\r\nlist-unsubscribe-post: no\r\n y\r\n\r\nbody\r\n"
    assert with_list_headers(raw, URL) == ADDED + b"Subject: x\r\n\r\nbody\r\n"


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary"])
def test_a_plain_part_changes_in_its_first_two_places(encoding: str) -> None:
    raw = single(encoding, b"a " + HOLDER + b"\r\n" + HOLDER + b" \xc3\xa9 " + HOLDER + b"\r\n")
    expected = raw.replace(HOLDER, URL.encode(), 2)
    assert with_list_headers(raw, URL) == ADDED + expected


@pytest.mark.parametrize(
    "written",
    [
        HOLDER,
        b"{{amazonSES=\r\nUnsubscribeUrl}}",
        b"=7B=7BamazonSESUnsubscribeUrl=7D=7d",
        b"{=\r\n{a= \r\nmazonSESUnsubscribeUrl}=\r\n}",
        b"".join(b"=%02X" % byte for byte in HOLDER),
    ],
)
def test_a_quoted_printable_part_keeps_its_lines_short(written: bytes) -> None:
    before, after = b"K=C3=B6ln" + b"x" * 40 + b" ", b" bye=20\r\n" + b"y" * 60 + b"=\r\n\r\n"
    changed = with_list_headers(single("quoted-printable", before + written + after), URL)
    body = changed.partition(b"\r\n\r\n")[2]
    assert body.startswith(before)
    assert body.endswith(after)
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert quopri.decodestring(body) == quopri.decodestring(before) + URL.encode() + quopri.decodestring(after)


def test_a_base64_part_is_encoded_again() -> None:
    text = ("K\u00f6ln " * 30 + HOLDER.decode()).encode()
    changed = with_list_headers(single("base64", base64.encodebytes(text).replace(b"\n", b"\r\n")), URL)
    assert content_of(changed) == text.decode().replace(HOLDER.decode(), URL)
    assert max(map(len, changed.partition(b"\r\n\r\n")[2].split(b"\r\n"))) == 76


def test_a_line_that_would_become_too_long_is_encoded() -> None:
    raw = single("7bit", b"=" * 950 + HOLDER + b"\r\nend\r\n")
    changed = with_list_headers(raw, URL)
    assert not has_long_line(changed)
    assert content_of(changed) == "=" * 950 + URL + "\nend\n"


def test_a_long_line_of_mail_without_a_mime_header_is_encoded_too() -> None:
    changed = with_list_headers(b"Subject: x\r\n\r\n" + b"=" * 950 + HOLDER + b"\r\n", URL)
    assert not has_long_line(changed)
    assert content_of(changed) == "=" * 950 + URL + "\n"


def test_both_alternatives_have_it_and_attachments_do_not() -> None:
    part = b"--b\r\nContent-Type: %s\r\n%s\r\n" + HOLDER + b"\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    raw += part % (b"text/plain", b"Content-Disposition: attachment\r\n")
    raw += part % (b"text/plain", b"") + part % (b"text/calendar", b"") + part % (b"text/html", b"") + b"--b--\r\n"
    head, _, rest = with_list_headers(raw, URL).partition(b"\r\n\r\n")
    pieces = rest.split(b"--b")
    assert [URL.encode() in piece for piece in pieces[1:5]] == [False, True, False, True]
    assert head.startswith(ADDED.strip())


@pytest.mark.parametrize("kind", [b"multipart/signed", b"multipart/encrypted"])
def test_what_is_signed_or_encrypted_stays_but_for_the_headers(kind: bytes) -> None:
    raw = b"Content-Type: " + kind + b"; boundary=b\r\n\r\n--b\r\n\r\n" + HOLDER + b"\r\n--b--\r\n"
    assert with_list_headers(raw, URL) == ADDED + raw


def test_mail_that_its_sender_signed_stays_as_it_is() -> None:
    raw = b"DKIM-Signature: v=1\r\nSubject: x\r\n\r\n" + HOLDER + b"\r\n"
    assert with_list_headers(raw, URL) == raw


def test_nothing_is_put_where_a_header_may_still_go_on() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nSubject: x\r\n" + HOLDER + b"\r\n--b--\r\n"
    assert with_list_headers(raw, URL) == ADDED + raw
