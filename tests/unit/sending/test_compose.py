"""What we compose is what a mail program reads, and never more than that."""

import email
import email.policy
import re
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import list_headers
from pillarbox.kit.mime import has_long_line
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Attachment, Simple, Text

SUBJECT = Text("Hello")
TEXT = Text("Hello, Jane\n")
HTML = Text("<p>Hello, Jane</p>\n", "UTF-8")
SENDER = "Shop <shop@example.com>"


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert all(not part.defects for part in message.walk())
    return message


def shape(message: EmailMessage) -> object:
    """Return the content types as a tree."""
    if message.is_multipart():
        return {message.get_content_type(): [shape(part) for part in message.iter_parts()]}  # type: ignore[arg-type]
    return message.get_content_type()


def test_headers_stand_in_the_order_of_ses() -> None:
    composed = compose(
        Simple(SUBJECT, TEXT, headers=(("X-Campaign", "spring"),)),
        sender=SENDER,
        to=("jane@example.net", '"Doe, Joe" <joe@example.net>'),
        cc=("ann@example.net",),
        reply_to=("help@example.com",),
    )
    assert composed.headers == [
        ("From", SENDER),
        ("To", 'jane@example.net, "Doe, Joe" <joe@example.net>'),
        ("Cc", "ann@example.net"),
        ("Reply-To", "help@example.com"),
        ("Subject", "Hello"),
        ("X-Campaign", "spring"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=us-ascii"),
        ("Content-Transfer-Encoding", "7bit"),
    ]
    assert composed.raw.endswith(b"\r\n\r\nHello, Jane\r\n")


def test_absent_recipients_make_no_header() -> None:
    names = [name for name, _ in compose(Simple(SUBJECT, TEXT), sender=SENDER).headers]
    assert names == ["From", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]


@pytest.mark.parametrize(
    ("simple", "tree"),
    [
        (Simple(SUBJECT, TEXT), "text/plain"),
        (Simple(SUBJECT, None, HTML), "text/html"),
        (Simple(SUBJECT, TEXT, HTML), {"multipart/alternative": ["text/plain", "text/html"]}),
        (
            Simple(SUBJECT, TEXT, attachments=(Attachment("a.pdf", b"x"),)),
            {"multipart/mixed": ["text/plain", "application/pdf"]},
        ),
        (
            Simple(SUBJECT, TEXT, HTML, attachments=(Attachment("a.pdf", b"x"), Attachment("b.bin", b"y"))),
            {
                "multipart/mixed": [
                    {"multipart/alternative": ["text/plain", "text/html"]},
                    "application/pdf",
                    "application/octet-stream",
                ]
            },
        ),
        (
            Simple(SUBJECT, TEXT, HTML, attachments=(Attachment("a.png", b"x", None, "INLINE", "logo"),)),
            {"multipart/alternative": ["text/plain", {"multipart/related": ["text/html", "image/png"]}]},
        ),
        (
            Simple(SUBJECT, TEXT, attachments=(Attachment("a.png", b"x", None, "INLINE", "logo"),)),
            {"multipart/mixed": ["text/plain", "image/png"]},
        ),
        (
            Simple(
                SUBJECT,
                None,
                HTML,
                attachments=(Attachment("a.png", b"x", None, "INLINE", "logo"), Attachment("c.csv", b"1,2")),
            ),
            {"multipart/mixed": [{"multipart/related": ["text/html", "image/png"]}, "text/csv"]},
        ),
    ],
)
def test_the_parts_are_nested_as_mail_programs_expect(simple: Simple, tree: object) -> None:
    message = read(compose(simple, sender=SENDER).raw)
    assert shape(message) == tree


def test_a_multipart_type_is_spelled_as_ses_does() -> None:
    composed = compose(Simple(SUBJECT, TEXT, HTML), sender=SENDER)
    value = dict(composed.headers)["Content-Type"]
    assert re.fullmatch(r'multipart/alternative;  boundary="----=_Part_\d+_\d+\.\d+"', value)


def test_an_attachment_carries_all_that_was_said_of_it() -> None:
    given_ = Attachment(
        "Übersicht 2024.txt", "größer\n".encode(), 'text/plain; charset="utf-8"', "INLINE", "<id@x>", "Ä"
    )
    message = read(compose(Simple(SUBJECT, TEXT, attachments=(given_,)), sender=SENDER).raw)
    [part] = message.iter_attachments()
    assert part.get_filename() == "Übersicht 2024.txt"
    assert part.get_content_disposition() == "inline"
    assert part["Content-ID"] == "<id@x>"
    assert part["Content-Description"] == "Ä"
    assert part["Content-Transfer-Encoding"] == "base64"
    assert part.get_payload(decode=True) == "größer\n".encode()


@pytest.mark.parametrize("encoding", ["BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT", None])
def test_an_attachment_travels_in_the_encoding_asked_for(encoding: str | None) -> None:
    attachment = Attachment("a.txt", b"one\r\ntwo = 2 \r\n", transfer_encoding=encoding)
    message = read(compose(Simple(SUBJECT, TEXT, attachments=(attachment,)), sender=SENDER).raw)
    [part] = message.iter_attachments()
    assert part["Content-Transfer-Encoding"] == (encoding or "BASE64").lower().replace("_", "-").replace("seven-", "7")
    assert part.get_payload(decode=True) == attachment.content


@pytest.mark.parametrize(
    ("charset", "text", "encoding"),
    [
        (None, "plain", "7bit"),
        ("UTF-8", "grüße und viel anderes, das aus ASCII besteht", "quoted-printable"),
        ("ISO-8859-1", "grüße und mehr", "quoted-printable"),
        ("Shift_JIS", "日本語の本文です", "base64"),
        ("ISO-2022-JP", "日本語の本文です", "7bit"),
        ("UTF-16", "ab\ncd", "base64"),
        ("UTF-16LE", "\u0a0d", "base64"),
        ("windows-1252", "€ 5, nicht mehr als das", "quoted-printable"),
    ],
)
def test_text_is_sent_in_its_charset(charset: str | None, text: str, encoding: str) -> None:
    message = read(compose(Simple(SUBJECT, Text(text, charset)), sender=SENDER).raw)
    assert message["Content-Transfer-Encoding"] == encoding
    assert message.get_content_charset() == (charset or "us-ascii").lower()
    content = message.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode(charset or "ascii").replace("\r\n", "\n").rstrip("\n") == text


@pytest.mark.parametrize(
    "simple",
    [
        Simple(SUBJECT, Text("€", "ISO-8859-1")),
        Simple(SUBJECT, Text("plain", "x-none")),
        Simple(SUBJECT, Text("plain", "base64")),
        Simple(SUBJECT, Text("plain", "utf-8\r\nBcc: x@y")),
        Simple(Text("plain", "x-none"), TEXT),
        Simple(Text("one\r\nBcc: eve@example.org", "UTF-8"), TEXT),
        Simple(Text("é\nBcc: eve@example.org", "UTF-8"), TEXT),
        Simple(Text("one\x00"), TEXT),
        Simple(Text("\ud800", "UTF-8"), TEXT),
        Simple(SUBJECT, Text("\ud800", "UTF-8")),
        Simple(SUBJECT),
        Simple(SUBJECT, TEXT, headers=(("X-A", "1\r\nBcc: eve@example.org"),)),
        Simple(SUBJECT, TEXT, headers=(("X-A\r\nBcc", "eve@example.org"),)),
        Simple(SUBJECT, TEXT, headers=(("X-A: 1\nBcc", "eve@example.org"),)),
        Simple(SUBJECT, TEXT, headers=(("", "1"),)),
        Simple(SUBJECT, TEXT, headers=(("X A", "1"),)),
        Simple(SUBJECT, TEXT, headers=(("X-A", "é"),)),
        Simple(SUBJECT, TEXT, headers=(("X-A", "x" * 999),)),
        Simple(SUBJECT, TEXT, headers=(("In-Reply-To", "<a@b>"), ("in-reply-to", "<c@d>"))),
        *(
            Simple(SUBJECT, TEXT, attachments=(Attachment(name, b"x"),))
            for name in ("", "a\r\nb.txt", "é\nb", "\ud800")
        ),
        *(
            Simple(SUBJECT, TEXT, attachments=(Attachment(name, b"x"),))
            for name in ("a.exe", "a.EXE", "a.ps1xml", "a.js. ")
        ),
        *(
            Simple(SUBJECT, TEXT, attachments=(Attachment("a", b"x", kind),))
            for kind in ("text", "a/b\r\nX: y", "/", "a/b; é")
        ),
        *(
            Simple(SUBJECT, TEXT, attachments=(Attachment("a", b"x", None, "INLINE", id_),))
            for id_ in ("a b", "a\r\nb", "<>")
        ),
        Simple(SUBJECT, TEXT, attachments=(Attachment("a", b"x", description="a\r\nBcc: x@y"),)),
        Simple(SUBJECT, TEXT, attachments=(Attachment("a", "é".encode(), transfer_encoding="SEVEN_BIT"),)),
        Simple(SUBJECT, TEXT, attachments=(Attachment("a", b"x" * 999, transfer_encoding="SEVEN_BIT"),)),
        Simple(SUBJECT, TEXT, attachments=(Attachment("a", b"x"),) * 499),
    ],
)
def test_what_cannot_be_sent_is_refused(simple: Simple) -> None:
    with pytest.raises(Invalid):
        compose(simple, sender=SENDER, to=("jane@example.net",))


def test_five_hundred_parts_are_enough() -> None:
    raw = compose(Simple(SUBJECT, TEXT, attachments=(Attachment("a", b"x"),) * 498), sender=SENDER).raw
    assert len(list(read(raw).walk())) == 500


@pytest.mark.parametrize(
    "name",
    ["From", "to", "CC", "Bcc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
     "Content-Transfer-Encoding", "Return-Path", "X-SES-CONFIGURATION-SET", "x-pillarbox-route"],
)  # fmt: skip
def test_headers_that_the_service_sets_cannot_be_set_by_hand(name: str) -> None:
    with pytest.raises(Invalid, match="cannot be set as a custom header"):
        compose(Simple(SUBJECT, TEXT, headers=((name, "x"),)), sender=SENDER)


BAD = [
    "a@b.example\r\nBcc: eve@example.org",
    "a@b.example, c@d.example",
    "a",
    "é <a@b.example>",
    "\ud800 <a@b.example>",
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", ["sender", "to", "cc", "reply_to"])
def test_an_address_that_is_none_is_refused_wherever_it_stands(place: str, bad: str) -> None:
    places = {"sender": SENDER} | ({place: bad} if place == "sender" else {place: (bad,)})
    with pytest.raises(Invalid):
        compose(Simple(SUBJECT, TEXT), **places)


def test_many_recipients_are_folded_between_addresses() -> None:
    to = tuple(f'"Person, Number {number}" <person-{number}@example.net>' for number in range(50))
    composed = compose(Simple(SUBJECT, TEXT), sender=SENDER, to=to)
    message = read(composed.raw)
    assert [one.addr_spec for one in message["To"].addresses] == [
        f"person-{number}@example.net" for number in range(50)
    ]
    assert max(map(len, composed.raw.split(b"\r\n"))) <= 78


def test_a_boundary_that_the_text_contains_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    throws = iter([bytes(12), bytes([1] * 12)])
    monkeypatch.setattr("os.urandom", lambda _: next(throws))
    body = "--" + "----=_Part_000000_0000000000.0000000000000" + "\r\nX: y\r\n\r\nmore"
    message = read(compose(Simple(SUBJECT, Text(body), HTML), sender=SENDER).raw)
    assert shape(message) == {"multipart/alternative": ["text/plain", "text/html"]}
    [text, _] = message.iter_parts()
    assert text.get_payload(decode=True) == body.encode()


LINES = st.text(st.characters(codec="utf-8"), max_size=200)
TEXTS = st.builds(Text, LINES, st.just("UTF-8"))
NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=80)
FILES = st.builds(
    Attachment,
    NAMES.map(lambda name: name + ".pdf"),
    st.binary(max_size=200),
    transfer_encoding=st.sampled_from([None, "BASE64", "QUOTED_PRINTABLE"]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Simple,
        st.builds(Text, st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=150), st.just("UTF-8")),
        TEXTS,
        TEXTS,
        attachments=st.lists(FILES, max_size=3).map(tuple),
    )
)
def test_whatever_is_composed_is_read_back_the_same(simple: Simple) -> None:
    composed = compose(simple, sender=SENDER, to=("jane@example.net",))
    assert composed.raw.isascii()
    assert composed.raw.count(b"\n") == composed.raw.count(b"\r\n") == composed.raw.count(b"\r")
    assert not has_long_line(composed.raw)
    assert list_headers(composed.raw) == composed.headers
    message = email.message_from_bytes(composed.raw)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    contents = [part.get_payload(decode=True) for part in leaves]
    assert simple.text and simple.html
    wanted = [re.sub("\r\n|\r|\n", "\r\n", one.data).encode() for one in (simple.text, simple.html)]
    assert contents == wanted + [one.content for one in simple.attachments]


def test_letters_beyond_ascii_are_sent_whole_where_no_charset_is_named() -> None:
    composed = compose(Simple(Text("Grüße"), Text("Schöne Grüße")), sender="a@example.com", to=("b@example.net",))

    message = email.message_from_bytes(composed.raw, policy=email.policy.default)
    assert message["Subject"] == "Grüße"
    assert message.get_content_charset() == "utf-8"
    assert message.get_content().strip() == "Schöne Grüße"
