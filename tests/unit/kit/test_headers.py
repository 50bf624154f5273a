"""Header fields are found byte by byte, and what we write is what others read."""

import email.header
import email.message
import email.parser
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.headers import (
    InvalidText,
    codec_for,
    contains_ascii,
    decode_text,
    encode_text,
    event_headers,
    list_headers,
    read_parameters,
    splice,
    split,
    write_field,
    write_parameter,
)

TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=120)


@pytest.mark.parametrize(
    ("raw", "headers", "body"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody", [("A", "1"), ("B", "2")], b"body"),
        (b"A: 1\nB: 2\n\nbody", [("A", "1"), ("B", "2")], b"body"),
        (b"A: 1\r\n  two\r\n\tthree\r\n\r\nbody", [("A", "1  two\tthree")], b"body"),
        (b"A:\r\n one\r\n\r\n", [("A", "one")], b""),
        (b"a-B : 1\r\n\r\n", [("a-B", "1")], b""),
        (b"A: 1", [("A", "1")], b""),
        (b"A: 1\r\n", [("A", "1")], b""),
        (b"\r\nA: 1\r\n", [], b"A: 1\r\n"),
        (b"no header here\r\n", [], b"no header here\r\n"),
        (b"A: 1\r\nno header here\r\n\r\n", [("A", "1")], b"no header here\r\n\r\n"),
        (b"", [], b""),
        (b"A: \xc3\xa9\r\nB: \xe9\r\n\r\n", [("A", "é"), ("B", "é")], b""),
        (b" A: 1\r\n\r\n", [], b" A: 1\r\n\r\n"),
    ],
)
def test_the_header_section_is_found(raw: bytes, headers: list[tuple[str, str]], body: bytes) -> None:
    assert list_headers(raw) == headers
    assert raw[split(raw).body :] == body


def test_fields_cover_the_header_section_without_a_gap() -> None:
    raw = b"A: 1\r\n x\r\nB : 2\nC:3\r\n\r\nD: 4\r\n"
    fields = split(raw).fields
    assert [raw[field.start : field.end] for field in fields] == [b"A: 1\r\n x\r\n", b"B : 2\n", b"C:3\r\n"]
    assert [field.name for field in fields] == ["a", "b", "c"]


def test_only_the_stretches_named_are_replaced() -> None:
    assert splice(b"0123456789", [(0, 0, b"<"), (2, 4, b""), (9, 10, b"!")]) == b"<0145678!"


@given(TEXTS)
def test_encoded_text_is_decoded_by_us_and_by_the_standard_library(text: str) -> None:
    encoded = encode_text(text, "UTF-8", "Subject")
    assert encoded.isascii()
    if not text.isascii():
        assert decode_text(encoded) == text
        assert str(email.header.make_header(email.header.decode_header(encoded))) == text


@given(TEXTS.filter(lambda text: not text.isascii()))
def test_encoded_words_stand_on_lines_of_76_characters(text: str) -> None:
    written = write_field("Content-Description", encode_text(text, "UTF-8", "Description"))
    assert max(map(len, written.split("\r\n"))) <= 76


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300).map(str.strip))
def test_folding_loses_nothing(value: str) -> None:
    written = write_field("X-Value", value).encode()
    assert list_headers(written) == [("X-Value", value)]
    parsed = email.message_from_bytes(written + b"\r\n", policy=email.policy.compat32)
    assert parsed["X-Value"].replace("\r\n", "") == value


def test_a_charset_without_our_letters_is_encoded_character_by_character() -> None:
    text = "日本語の件名" * 6
    encoded = encode_text(text, "ISO-2022-JP", "Subject")
    assert str(email.header.make_header(email.header.decode_header(encoded))) == text


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@y", "a\nb", "a\rb", "a\x00b", "é\r\nBcc: x@y", "a\x7f"])
def test_a_line_break_is_never_written(bad: str) -> None:
    with pytest.raises(InvalidText, match="line break"):
        encode_text(bad, "UTF-8", "Subject")
    with pytest.raises(InvalidText, match="line break"):
        write_field("Subject", bad)


def test_a_word_longer_than_a_line_is_refused() -> None:
    assert write_field("A", "x" * 995) == f"A: {'x' * 995}\r\n"
    with pytest.raises(InvalidText, match="more than 998"):
        write_field("A", "x" * 996)


@pytest.mark.parametrize(
    "charset", ["base64", "rot13", "idna", "punycode", "unicode_escape", "no-such", "", "a;b", "é"]
)
def test_what_is_no_charset_of_mail_is_refused(charset: str) -> None:
    assert codec_for(charset) is None
    with pytest.raises(InvalidText, match="Unknown charset"):
        encode_text("plain", charset, "Subject")


def test_a_character_that_the_charset_lacks_is_refused() -> None:
    with pytest.raises(InvalidText, match="name the charset"):
        encode_text("é", None, "Subject")
    with pytest.raises(InvalidText, match="'ISO-8859-1' does not have"):
        encode_text("€", "ISO-8859-1", "Subject")
    with pytest.raises(InvalidText, match="does not have"):
        encode_text("\ud800", "UTF-8", "Subject")


def test_charsets_that_write_ascii_otherwise_are_known() -> None:
    assert [contains_ascii(name) for name in (None, "UTF-8", "Shift_JIS", "UTF-16", "cp500")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?q?caf=C3=A9_x?=", "café x"),
        ("=?UTF-8?B?Y2Fmw6k=?=", "café"),
        ("=?UTF-8?B?Y2Fmw6k?=", "café"),
        ("=?UTF-8*fr?Q?caf=C3=A9?=", "café"),
        ("=?iso-8859-1?q?=E9?= =?iso-8859-1?q?=E8?= x", "éè x"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?no-such?q?b?=", "=?no-such?q?b?="),
        ("=?utf-8?q?=FF?=", "=?utf-8?q?=FF?="),
        ("=?utf-8?b?abcde?=", "=?utf-8?b?abcde?="),
        ("=?utf-8", "=?utf-8"),
        ("plain", "plain"),
    ],
)
def test_encoded_words_are_decoded_where_they_can_be(value: str, text: str) -> None:
    assert decode_text(value) == text


@pytest.mark.parametrize(
    ("value", "main", "parameters"),
    [
        ("Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('multipart/mixed;  boundary="a;b\\"c"', "multipart/mixed", {"boundary": 'a;b"c'}),
        ('a; x="1"; x=2', "a", {"x": "1"}),
        ("attachment; filename*=UTF-8''caf%C3%A9.txt", "attachment", {"filename": "café.txt"}),
        (
            "attachment; filename*0*=UTF-8''caf%C3; filename*1*=%A9; filename*2=%41",
            "attachment",
            {"filename": "café%41"},
        ),
        ("attachment; filename*1=b; filename*0=a", "attachment", {"filename": "ab"}),
        ("attachment; filename*0=\"a'b'c\"", "attachment", {"filename": "a'b'c"}),
        ("attachment; filename=plain; filename*=iso-8859-1''%E9", "attachment", {"filename": "é"}),
        ('a; x="unclosed; y=1', "a", {"x": "unclosed; y=1"}),
        ("", "", {}),
    ],
)
def test_parameters_are_read(value: str, main: str, parameters: dict[str, str]) -> None:
    assert read_parameters(value) == (main, parameters)


def test_many_unclosed_quotes_are_read_in_linear_time() -> None:
    read_parameters(';a="\\"' * 50_000)
    read_parameters("; a" * 50_000)
    decode_text("=?a?q?" * 30_000)
    decode_text("?= " * 30_000)


@given(TEXTS.filter(bool))
def test_a_parameter_is_read_by_us_and_by_the_standard_library(text: str) -> None:
    written = write_field("Content-Disposition", "; ".join(["attachment", *write_parameter("filename", text)]))
    assert max(map(len, written.split("\r\n"))) <= 78
    [(_, value)] = list_headers(written.encode())
    assert read_parameters(value) == ("attachment", {"filename": text})
    message = email.message_from_string(written + "\r\n")
    if text.isascii() and len(text) > 60:
        return  # the library does not unquote what is in pieces and in ASCII alike
    assert message.get_filename() == text.strip() or message.get_filename() == text


def test_headers_of_an_event_end_at_ten_kilobytes() -> None:
    headers = [("X-A", "a" * 5000), ("X-B", "b" * 5000), ("X-C", "c" * 5000)]
    assert event_headers(headers) == (headers[:2], True)
    assert event_headers(headers[:2]) == (headers[:2], False)
    assert event_headers([("X", "é" * 50)], limit=60) == ([], True)
