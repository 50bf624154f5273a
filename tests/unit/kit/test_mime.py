"""Parts are found where they stand, decoded as far as they go, and encoded so that others read them."""

import binascii
import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.mime import (
    DEEPEST,
    MOST_PARTS,
    TooManyParts,
    base64_lines,
    decoded,
    encode_text_body,
    file_name,
    fits_seven_bit,
    has_long_line,
    in_crlf_lines,
    quoted_printable_binary,
    quoted_printable_text,
    walk,
    with_crlf,
)

NESTED = b"""\
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain

one
--inner
Content-Type: text/html

<p>two</p>

--inner--
epilogue
--outer
Content-Type: application/pdf; name="=?utf-8?q?caf=C3=A9.pdf?="
Content-Transfer-Encoding: BASE64

dHdv
--outer--
"""


def test_parts_are_walked_in_order_with_their_bodies() -> None:
    parts = list(walk(NESTED))
    assert [(part.content_type, decoded(NESTED, part)) for part in parts if not part.has_parts] == [
        ("text/plain", b"one"),
        ("text/html", b"<p>two</p>\n"),
        ("application/pdf", b"two"),
    ]
    assert [part.content_type for part in parts if part.has_parts] == ["multipart/mixed", "multipart/alternative"]
    assert file_name(NESTED, parts[-1]) == "café.pdf"


def test_line_ends_make_no_difference() -> None:
    crlf = NESTED.replace(b"\n", b"\r\n")
    bodies = [decoded(crlf, part) for part in walk(crlf) if not part.has_parts]
    assert bodies == [b"one", b"<p>two</p>\r\n", b"two"]


@pytest.mark.parametrize(
    ("raw", "bodies"),
    [
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bb\ntwo\n--b--\n", [b"one\n--bb\ntwo"]),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none --b\n--b--\n", [b"one --b"]),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b  \n\none\n--b-- \n", [b"one"]),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo", [b"one", b"two"]),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\nthree\n--b--", [b"one"]),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n\n--b--", [b"", b""]),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b--", []),
        (b"Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n", []),
        (b"Content-Type: message/rfc822\n\nContent-Type: text/plain\n\ninner", [b"inner"]),
        (b"no header at all", [b"no header at all"]),
        (b"", [b""]),
    ],
)
def test_odd_structures_are_read_as_far_as_they_go(raw: bytes, bodies: list[bytes]) -> None:
    assert [decoded(raw, part) for part in walk(raw) if not part.has_parts] == bodies


def test_too_many_parts_are_refused() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\n\n"
    assert len(list(walk(head + b"--b\n\nx\n" * (MOST_PARTS - 1)))) == MOST_PARTS
    with pytest.raises(TooManyParts, match="more than 500"):
        list(walk(head + b"--b\n\nx\n" * MOST_PARTS))
    with pytest.raises(TooManyParts, match="more than 500"):
        list(walk(head + b"--b\n" * 200_000))


def test_parts_too_deep_are_refused() -> None:
    def nested(levels: int) -> bytes:
        return b"Content-Type: message/rfc822\n\n" * levels + b"\n"

    assert len(list(walk(nested(DEEPEST)))) == DEEPEST + 1
    with pytest.raises(TooManyParts, match="deeper than 32"):
        list(walk(nested(100_000)))


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", b"dHdv", b"two"),
        ("base64", b"dH\r\n dv!*\n", b"two"),
        ("base64", b"dHdvMQ", b"two1"),
        ("base64", b"dHdvM", b"two"),
        ("base64", b"", b""),
        ("quoted-printable", b"t=77=\r\no=", b"two"),
        ("8bit", b"t\xc3\xa9", b"t\xc3\xa9"),
        ("x-unknown", b"dHdv", b"dHdv"),
    ],
)
def test_damaged_content_is_decoded_as_far_as_it_goes(encoding: str, body: bytes, content: bytes) -> None:
    raw = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    [part] = walk(raw)
    assert decoded(raw, part) == content


def test_a_disposition_names_the_file_before_the_type_does() -> None:
    raw = b'Content-Type: a/b; name="x.txt"\nContent-Disposition: attachment; filename="y.txt"\n\n'
    [part] = walk(raw)
    assert file_name(raw, part) == "y.txt"
    [unnamed] = walk(b"Content-Disposition: inline\n\n")
    assert file_name(b"Content-Disposition: inline\n\n", unnamed) is None


@pytest.mark.parametrize(
    ("data", "is_long"),
    [
        (b"x" * 998, False),
        (b"x" * 999, True),
        (b"x" * 998 + b"\r\n", False),
        (b"x" * 998 + b"\n", False),
        (b"x" * 999 + b"\n", True),
        (b"x" * 999 + b"\r\n", True),
        (b"a\n" + b"x" * 997 + b"\n" + b"y" * 998, False),
        (b"a\n" * 5000 + b"x" * 999, True),
        (b"a\n" * 5000 + b"x" * 999 + b"\nb\n" * 5000, True),
        ((b"x" * 998 + b"\r\n") * 50, False),
        (b"", False),
    ],
)
def test_a_line_may_have_998_characters(data: bytes, is_long: bool) -> None:
    assert has_long_line(data) is is_long


@given(st.lists(st.integers(0, 1010), max_size=6), st.sampled_from([b"\n", b"\r\n"]))
def test_long_lines_are_found_wherever_they_stand(lengths: list[int], line_break: bytes) -> None:
    data = line_break.join(b"x" * length for length in lengths)
    assert has_long_line(data) is (max(lengths, default=0) > 998)


@given(st.text("ab\r\n", max_size=30))
def test_every_line_break_becomes_crlf(text: str) -> None:
    written = with_crlf(text)
    assert written.split("\r\n") == text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


TEXT_BODIES = st.text(st.characters(codec="utf-8"), max_size=400).map(with_crlf).map(str.encode)


@given(TEXT_BODIES)
def test_a_text_is_the_same_after_its_journey(data: bytes) -> None:
    encoding, body = encode_text_body(data)
    assert body.isascii()
    assert not has_long_line(body)
    message = email.message_from_bytes(b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body)
    content = message.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.removesuffix(b"\r\n") == data.removesuffix(b"\r\n") or content.removesuffix(b"\r\n") == data


def test_the_smallest_encoding_is_taken() -> None:
    assert encode_text_body(b"plain\r\ntext")[0] == "7bit"
    assert encode_text_body("viele grüße aus Bonn am Rhein sendet euch die Familie".encode())[0] == "quoted-printable"
    assert encode_text_body("日本語の本文".encode())[0] == "base64"
    assert encode_text_body(b"x" * 999)[0] == "quoted-printable"
    assert encode_text_body(b"a\x00b and more of this kind")[0] == "quoted-printable"


def test_what_fits_in_seven_bits() -> None:
    assert fits_seven_bit(b"a" * 998 + b"\r\nb")
    assert not fits_seven_bit(b"a" * 999)
    assert not fits_seven_bit(b"a\x00")
    assert not fits_seven_bit("é".encode())


@given(st.binary(max_size=400))
def test_any_bytes_are_the_same_after_their_journey(data: bytes) -> None:
    for written, read in (
        (base64_lines(data), binascii.a2b_base64),
        (quoted_printable_binary(data), lambda text: binascii.a2b_qp(text.removesuffix(b"\r\n"))),
    ):
        assert read(written) == data
        assert written.endswith(b"\r\n")
        assert written.count(b"\n") == written.count(b"\r\n") == written.count(b"\r")
        assert max(map(len, written.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("text", [b"a \r\nb\t", b".\r\n.", b"=_x", b"no line break " * 20, b""])
def test_quoted_printable_keeps_what_gateways_change(text: bytes) -> None:
    written = quoted_printable_text(text)
    assert binascii.a2b_qp(written) == text + b"\r\n"
    assert all(len(line) <= 76 and not line.endswith((b" ", b"\t")) for line in written.split(b"\r\n"))
    assert b"\r\n.\r\n" not in b"\r\n" + written
    assert written.count(b"\n") == written.count(b"\r\n")


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (b"a: b\r\n\r\nc\r\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\r\n\r\nc", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\n\nc\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\r\rc\r", b"a: b\r\n\r\nc\r\n"),
        (b"a\r\r\nb\n\r\nc\n\rd\r\n", b"a\r\n\r\nb\r\n\r\nc\r\n\r\nd\r\n"),
        (b"a\r\nb\r\n\n\rc", b"a\r\nb\r\n\r\n\r\nc\r\n"),
        (b"", b"\r\n"),
    ],
)
@pytest.mark.parametrize("before", [b"", b"a: b\r\n" * 30_000])
def test_every_line_of_a_message_ends_in_crlf(before: bytes, given: bytes, lines: bytes) -> None:
    assert in_crlf_lines(before + given) == (before + lines if given else before or lines)
