"""What a message says, read for showing."""

import base64

from pillarbox.dashboard.content import read_content

PIXEL = base64.b64encode(b"\x89PNG\r\n").decode()


def mime(*parts: str) -> bytes:
    inside = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return (
        f"Subject: =?UTF-8?Q?caf=C3=A9?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{inside}--b--\r\n".encode()
    )


def test_text_html_and_attachments_are_told_apart() -> None:
    content = read_content(
        mime(
            "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9",
            "Content-Type: text/html\r\n\r\n<b>hi</b>",
            'Content-Type: text/plain; name="notes.txt"\r\nContent-Disposition: attachment\r\n\r\nnotes',
        )
    )
    assert ("Subject", "café") in content.headers
    assert content.text == "café"
    assert content.html == "<b>hi</b>"
    assert [(one.name, one.content_type, one.size) for one in content.attachments] == [("notes.txt", "text/plain", 5)]


def test_images_of_the_message_are_put_into_its_html() -> None:
    content = read_content(
        mime(
            'Content-Type: text/html\r\n\r\n<img src="cid:a@example"><img src="cid:other"><img src="https://example.com/x">',
            f"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <a@example>\r\n\r\n{PIXEL}",
        )
    )
    assert content.html is not None
    assert f'<img src="data:image/png;base64,{PIXEL}">' in content.html
    assert '<img src="cid:other">' in content.html


def test_an_image_type_that_could_carry_script_stays_out() -> None:
    content = read_content(
        mime(
            'Content-Type: text/html\r\n\r\n<img src="cid:x">',
            "Content-Type: image/svg+xml\r\nContent-ID: <x>\r\n\r\n<svg/>",
        )
    )
    assert content.html == '<img src="cid:x">'


def test_small_html_cannot_be_blown_up_by_a_large_image() -> None:
    image = base64.encodebytes(b"x" * 2_000_000).decode()
    content = read_content(
        mime(
            "Content-Type: text/html\r\n\r\n" + '<img src="cid:x">' * 1_000,
            f"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <x>\r\n\r\n{image}",
        )
    )
    assert content.html is not None and len(content.html) < 20_000_000


def test_a_message_that_is_no_mime_is_text() -> None:
    content = read_content(b"Subject: hi\r\n\r\n\xff\xfe plain\r\n")
    assert content.text is not None and content.text.endswith(" plain\n")
    assert content.html is None and content.problem is None


def test_parts_beyond_the_limits_are_left_out_and_told() -> None:
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(60))
    content = read_content(("Subject: deep\r\n" + deep).encode())
    assert content.problem is not None and "nested" in content.problem
    assert ("Subject", "deep") in content.headers


def test_nonsense_is_shown_as_far_as_it_goes() -> None:
    for raw in (b"", b"\r\n", b":::\r\n", b"Content-Type: text/html; charset=nonsense\r\n\r\n<p>", b"\x00" * 100):
        read_content(raw)
