"""Links and pixel are set where they belong, and nothing else of a message changes."""

import base64
import email
import quopri
import re
from dataclasses import replace
from email.message import Message
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery.tracking import UNMARKED, Marks, Tracking
from pillarbox.delivery.transform.documents import MOST_LINKS
from pillarbox.delivery.transform.tracking import look_at, with_tracking
from pillarbox.kit.headers import split
from pillarbox.kit.mime import decoded, has_long_line, in_crlf_lines, walk
from pillarbox.kit.tracking_links import Link, Pixel, TrackingLinks
from tests.support import marked_mail
from tests.support.html_tokens import Token, anchors, tokens
from tests.support.marked_mail import Target

ID = "010001816026a82e-ed8bf730-9218-4bda-b6f6-f4cee9b40211-000111"
LINKS = TrackingLinks({56: b"k" * 32})
BASE = "https://t.example.org"
BOTH = Tracking(LINKS, 2, True, True, BASE, BASE, BASE)
CLICKS = Tracking(LINKS, 2, False, True, BASE, BASE, BASE)
OPENS = Tracking(LINKS, 2, True, False, BASE, BASE, BASE)
PIXEL = re.compile(
    r'<img alt="" src="https://t\.example\.org(/CI0/[^"]+)" style="display: none; width: 1px; height: 1px;">'
)
LINK = re.compile(r"https://t\.example\.org(/CL0/[A-Za-z0-9._~:@!$()*,;=%/-]+)")


ROW = b'<p>K=C3=B6ln</p>\r\n.<a ses:tags="k:v;" href="https://a.example/?a=1&amp;b=2">A line with a link</a>  \r\n'


def mail(document: bytes, kind: str = "text/html; charset=x-any") -> bytes:
    """Return a message whose only part is the document; the line break in front of a boundary is not part of it."""
    head = "From: a@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b0\n\n--b0\n"
    part = f"Content-Type: {kind}\nContent-Transfer-Encoding: 8bit\n\n"
    return in_crlf_lines(head.encode() + part.encode() + document + b"\n--b0--\n")


def in_lines(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def body_of(message: bytes) -> bytes:
    part = email.message_from_bytes(message).get_payload(0)
    assert isinstance(part, Message)
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


def rewritten(raw: bytes, tracking: Tracking) -> tuple[bytes, Marks]:
    return with_tracking(look_at(raw, split(raw), tracking), ID, tracking)


def tracked(document: str, tracking: Tracking = BOTH) -> str:
    return body_of(rewritten(mail(document.encode()), tracking)[0]).decode()


def marks(text: str) -> str:
    """Return a text with marks for links and pixels in place of them."""
    return LINK.sub("LINK", PIXEL.sub("PIXEL", text))


def links_of(text: str) -> list[Link]:
    found = [LINKS.read(path.encode()) for path in LINK.findall(PIXEL.sub("", text))]
    assert all(isinstance(link, Link) and (link.message_id, link.recipient) == (ID, 2) for link in found)
    return [link for link in found if isinstance(link, Link)]


@pytest.mark.parametrize("path", marked_mail.DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_keeps_every_byte_that_is_no_link(path: Path) -> None:
    marked = path.read_bytes()

    left = body_of(rewritten(mail(marked_mail.given(marked)), BOTH)[0]).decode("latin-1")

    assert marks(left) == in_lines(marked_mail.expected(marked, b"LINK", b"PIXEL")).decode("latin-1")
    assert [Target(link.url, link.tags) for link in links_of(left)] == marked_mail.targets(marked)
    assert [LINKS.read(pixel.encode()) for pixel in PIXEL.findall(left)] == [Pixel(ID, 2)]


@pytest.mark.parametrize("path", marked_mail.MESSAGES, ids=lambda path: path.stem)
def test_a_message_keeps_all_that_is_no_link(path: Path) -> None:
    marked = path.read_bytes()
    sent = marked_mail.encoded(marked_mail.given(marked))

    left, carried = rewritten(sent, BOTH)

    if b"@[" not in marked and b"@!" not in marked:
        assert (left, carried) == (sent, UNMARKED)
        return
    shown = seen(left)
    wanted = seen(marked_mail.encoded(marked_mail.expected(marked, b"LINK", b"PIXEL")))
    assert [tuple(map(marks, part)) for part in shown] == wanted
    found = [Target(link.url, link.tags) for part in shown for link in links_of(part[-1])]
    assert found == marked_mail.targets(marked)
    assert carried == Marks(any(PIXEL.search(part[-1]) for part in shown), bool(found))
    assert not has_long_line(left)


def seen(raw: bytes) -> list[tuple[str, ...]]:
    """Return what a reader sees of each part: its headers but for the encoding, what is around it, and its content."""
    return [_seen(part) for part in email.message_from_bytes(raw).walk()]


def _seen(part: Message) -> tuple[str, ...]:
    headers = [f"{name}: {value}" for name, value in part.items() if name != "Content-Transfer-Encoding"]
    content = part.get_payload(decode=True)
    charset = "utf-16" if part.get_content_charset() == "utf-16" else "latin-1"
    text = content.decode(charset) if isinstance(content, bytes) else ""
    return *headers, part.preamble or "", part.epilogue or "", text


def test_a_line_that_grows_too_long_changes_the_encoding_of_its_part() -> None:
    document = "".join(f'<a href="https://www.example.com/{number}">x</a>' for number in range(20))

    left, _ = rewritten(mail(document.encode(), "text/html"), BOTH)

    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in left
    assert left.count(b"Content-Transfer-Encoding") == 1
    assert not has_long_line(left)
    assert len(links_of(body_of(left).decode())) == 20


@pytest.mark.parametrize("head", [b"Content-Type: text/html\r\n", b"Content-Type: text/html\r\n<p>no header\r\n"])
def test_nothing_is_put_where_a_header_may_still_go_on(head: bytes) -> None:
    assert rewritten(head, BOTH) == (head, UNMARKED)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize(
    "filling", [b'<a href="http://a.example/">x</a>\r\n', b"{{ses:openTracker}}\r\n", b"<a =3D\r\n", b"=\r\n"]
)
def test_a_message_made_to_cost_much_costs_little(filling: bytes, encoding: str) -> None:
    document = filling * (800_000 // len(filling))
    body = base64.encodebytes(document).replace(b"\n", b"\r\n") if encoding == "base64" else document
    raw = b"Content-Type: text/html\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (encoding.encode(), body)
    began = process_time()
    rewritten(raw, BOTH)

    assert process_time() - began < 4


@pytest.mark.parametrize(
    "document, tracking, carried",
    [
        ('<a href="https://a.example/">x</a>', BOTH, Marks(pixel=True, links=True)),
        ('<a href="https://a.example/">x</a>', CLICKS, Marks(links=True)),
        ('<a href="https://a.example/">x</a>', OPENS, Marks(pixel=True)),
        ('<a href="mailto:a@b.example">x</a>', BOTH, Marks(pixel=True)),
        ("<p ses:tags='a:b;'>nothing to follow", CLICKS, UNMARKED),
        # What is taken out of a link goes with all that is in it.
        ('<a href="https://a.example/" ses:tags="{{ses:openTracker}}">x</a>', BOTH, Marks(links=True)),
    ],
)
def test_it_is_said_what_a_copy_carries(document: str, tracking: Tracking, carried: Marks) -> None:
    left, said = rewritten(mail(document.encode()), tracking)

    assert said == carried
    text = body_of(left).decode()
    assert (bool(PIXEL.search(text)), bool(links_of(text))) == carried


def test_links_are_counted_for_each_target() -> None:
    left = tracked('<a href="http://a.example/"><a href="http://b.example/"><a href="http://a.example/">')

    assert [(link.url, link.number) for link in links_of(left)] == [
        ("http://a.example/", 1),
        ("http://b.example/", 1),
        ("http://a.example/", 2),
    ]


def test_so_many_links_of_a_message_are_tracked_and_no_more() -> None:
    document = "".join(f'<a href="http://a.example/{number}">x</a>\r\n' for number in range(MOST_LINKS + 3))
    left = tracked(document)

    assert [link.url for link in links_of(left)] == [f"http://a.example/{number}" for number in range(MOST_LINKS)]
    assert [href for href, _, _ in anchors(left)][MOST_LINKS:] == [
        f"http://a.example/{MOST_LINKS + n}" for n in range(3)
    ]


def test_a_target_that_is_too_long_to_be_followed_stays() -> None:
    long = "http://a.example/" + "%41" * 2_700

    assert marks(tracked(f'<a href="{long}">1</a><a href="http://b.example/">2</a>')) == (
        f'<a href="{long}">1</a><a href="LINK">2</a>PIXEL'
    )


def test_without_clicks_links_stay_and_what_is_not_for_recipients_goes() -> None:
    document = '<a ses:no-track href="http://a.example/"><a ses:tags="a:b;" href="http://b.example/">'

    assert marks(tracked(document, OPENS)) == '<a href="http://a.example/"><a href="http://b.example/">PIXEL'


def test_without_opens_there_is_no_pixel_and_no_place_for_one() -> None:
    document = '{{ses:openTracker}}<a href="http://a.example/">'

    assert marks(tracked(document, CLICKS)) == '<a href="LINK">'


def test_links_keep_the_scheme_of_what_they_stand_for_where_that_is_wanted() -> None:
    tracking = Tracking(LINKS, 2, True, True, "http://p.example", "http://l.example", "https://l.example")
    left = tracked('<a href="http://a.example/"><a href="HTTPS://b.example/">', tracking)

    assert [href.partition("/CL0/")[0] for href, _, _ in anchors(left)] == ["http://l.example", "https://l.example"]
    assert 'src="http://p.example/CI0/' in left


def test_the_same_message_is_rewritten_in_the_same_way_again() -> None:
    raw = mail(b'<a href="http://a.example/">x</a>')

    assert rewritten(raw, BOTH) == rewritten(raw, BOTH)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("row", [ROW, ROW.replace(b"\r\n", b" "), ROW.replace(b"\r\n", b"\n")])
def test_a_part_that_was_seen_before_is_encoded_as_one_that_was_not(encoding: str, row: bytes) -> None:
    content = row * 30
    body = {"7bit": content, "quoted-printable": quopri.encodestring(content), "base64": base64.encodebytes(content)}
    head = f"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n"
    raw = in_crlf_lines(head.encode() + body[encoding])

    first, *others = [rewritten(raw, BOTH)[0] for _ in range(3)]

    assert others == [first, first]
    assert len(links_of(email.message_from_bytes(first).get_payload(decode=True).decode())) == 30  # type: ignore[union-attr]


def test_a_document_that_was_seen_before_gets_links_of_the_copy() -> None:
    raw = mail(b'<p>One</p>\n<a href="https://a.example/">1</a> <a href="https://a.example/" ses:tags="k:v;">2</a>')
    first = rewritten(raw, BOTH)[0]
    shown = look_at(raw, split(raw), BOTH)

    second, carried = with_tracking(shown, ID.replace("010001", "010002"), replace(BOTH, recipient=7))

    assert shown.known is not None
    assert carried == Marks(pixel=True, links=True)
    assert marks(second.decode()) == marks(first.decode())
    found = [LINKS.read(path.encode()) for path in LINK.findall(PIXEL.sub("", second.decode()))]
    tags = [("010002", 7, 1, ""), ("010002", 7, 2, "k:v;")]
    assert [(one.message_id[:6], one.recipient, one.number, one.tags) for one in found if isinstance(one, Link)] == tags


def test_an_attribute_stays_where_another_would_get_its_value() -> None:
    document = '<a download ses:no-track="y" ="x" href="http://a.example/">x</a>'

    assert tracked(document, CLICKS) == document


def test_a_placeholder_in_a_tag_that_is_removed_goes_with_it() -> None:
    left = tracked('<a ses:tags="{{ses:openTracker}}" href="http://a.example/">x</a>')

    assert marks(left) == '<a href="LINK">x</a>'


pieces = st.sampled_from(
    (
        *("<a ", "<a href=", 'href="', "href='", '"', "'", ">", "<", "/", "<!--", "-->", "<p ", "</a>", " ", "=", "\t"),
        *(
            "http://x.example/",
            "https://y.example/?a=1&amp;b",
            "&copy=1",
            "mailto:x@y",
            "x",
            "ses:no-track ",
            "<title>",
        ),
        *('ses:tags="k:v;" ', "</title>", "<script>", "</script>", "<style>", "</style>", "</body>", "é", "<!x", "<?"),
        *('<a href="http://z.example/">', "<area href=http://w.example/>", "<textarea>", "</textarea>"),
    )
)


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=25).map("".join))
def test_a_browser_sees_the_same_document_with_other_targets(document: str) -> None:
    left = tracked(document, CLICKS)

    assert [_without_targets(token) for token in tokens(left)] == [
        _without_targets(token) for token in tokens(document)
    ]
    for (before, is_tracked, _), (after, _, _) in zip(
        (one for one in anchors(document) if one[0]), (one for one in anchors(left) if one[0]), strict=True
    ):
        link = LINKS.read(after.removeprefix(BASE).encode())
        assert after == before or (is_tracked and isinstance(link, Link) and link.url == before)


def _without_targets(token: Token) -> Token:
    kind, name, pairs = token
    return kind, name, tuple(pair for pair in pairs if pair[0] not in ("href", "ses:no-track", "ses:tags"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            (
                *(
                    b"Content-Type: text/html\n",
                    b"Content-Type: multipart/mixed; boundary=b\n",
                    b"\n",
                    b"--b\n",
                    b"--b--\n",
                ),
                *(b"Content-Type: text/html; charset=utf-16\n", b"Content-Type: text/html; charset=iso-2022-jp\n"),
                *(b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n"),
                *(b"PGEgaHJlZj0iaHR0cDovL2EuYi8iPg==\n", b'<a href=3D"http://a.example/">=\n', b"=0A", b"\xff\xfe"),
                *(b'<a href="http://a.example/">\n', b"{{ses:openTracker}}", b"Content-Disposition: attachment\n"),
            )
        )
        | st.binary(max_size=10),
        max_size=20,
    ).map(b"".join)
)
def test_no_message_is_too_odd(raw: bytes) -> None:
    raw = in_crlf_lines(raw)

    left, _ = rewritten(raw, BOTH)

    assert not has_long_line(left)
    assert [part[0] for part in parts_of(left)] == [part[0] for part in parts_of(raw)]
    assert [part for part in parts_of(left) if part[0] != "text/html"] == [
        part for part in parts_of(raw) if part[0] != "text/html"
    ]


def parts_of(raw: bytes) -> list[tuple[str, bytes]]:
    """Return the type of each part and the content of those without parts."""
    return [(part.content_type, b"" if part.has_parts else decoded(raw, part)) for part in walk(raw)]
