"""A link without its signature leads only where the mail itself links to."""

import base64

import pytest

from pillarbox.edge.lost_links import among

TARGET = "https://shop.example/?a=1&b=2"


def mail(html: str, encoding: str = "8bit") -> bytes:
    content = {"8bit": html, "base64": base64.encodebytes(html.encode()).decode()}[encoding]
    return (
        "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\nSee https://text.example/\r\n"
        f"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{content}\r\n"
        "--b--\r\n"
    ).encode()


@pytest.mark.parametrize("encoding", ["8bit", "base64"])
@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://shop.example/?a=1&amp;b=2">x</a>',
        "<A class=x HREF = 'https://shop.example/?a=1&b=2'>x</A>",
        "<a href=https://shop.example/?a=1&b=2>x</a>",
        '<a href="\nhttps://shop.example/?a=1&#38;b=2 ">x</a>',
    ],
)
def test_a_link_of_the_mail_is_found(html: str, encoding: str) -> None:
    assert among(["https://shop.example/", TARGET], mail(html, encoding)) == TARGET


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://shop.example/">x</a>',
        '<a href="https://shop.example/?a=1&amp;b=2&amp;c=3">x</a>',
        "<p>https://shop.example/?a=1&amp;b=2</p>",
        "",
    ],
)
def test_what_the_mail_does_not_link_to_is_not(html: str) -> None:
    assert among([TARGET, "https://text.example/"], mail(html)) is None


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"Content-Type: text/html\r\n\r\n<a href="])
def test_bytes_that_are_no_mail_have_no_links(raw: bytes) -> None:
    assert among([TARGET], raw) is None
