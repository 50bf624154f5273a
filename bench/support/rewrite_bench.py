"""What it costs to rewrite a mail of 30 KB with 20 links, beside only reading it.

- rewrite: the whole step as delivery does it, links and pixel signed, for a document that was not seen before.
- again: the same for a document that was seen lately, as when one campaign goes to many.
- parse: the same message walked, decoded and scanned by the same code, nothing made of it.
- stdlib: the message parsed by `email`, and its HTML by `html.parser`, nothing made of it either.

All take turns, a mail each, so that neighbours on the machine disturb all alike. Times are of the processor.
"""

import base64
from collections.abc import Callable
from email import message_from_bytes
from html.parser import HTMLParser
from statistics import median
from time import process_time_ns

from pillarbox.delivery.tracking import Tracking
from pillarbox.delivery.transform.tracking import look_at, with_tracking
from pillarbox.kit.headers import split
from pillarbox.kit.html_links import scan
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.kit.mime import base64_lines, decoded, quoted_printable_text, walk
from pillarbox.kit.tracking_links import TrackingLinks

LINKS = 20
SIZE = 30_000
MAILS = 400
BASE = "https://click.example.com"
_ROW = """<tr><td align="center" style="padding:10px 0;font-family:Arial,sans-serif;font-size:14px;color:#333333">
<!--[if mso]><table role="presentation" border="0" cellpadding="0" cellspacing="0" width="600"><tr><td><![endif]-->
<img src="https://img.example.com/{n}.png" width="560" alt="Item {n}" style="display:block;border:0">
<p style="margin:0 0 16px">{filling}</p>
<a href="https://www.example.com/products/{n}?utm_source=news&amp;utm_medium=email&amp;utm_campaign=spring&amp;u={mail}"
 target="_blank" style="background:#0a7;color:#ffffff;text-decoration:none;padding:8px 16px">See item {n}</a>
<!--[if mso]></td></tr></table><![endif]--></td></tr>
"""
_WORDS = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore. "


def message(number: int, encoding: str) -> bytes:
    """Return a mail that is like no other: text and HTML, the HTML of SIZE bytes with LINKS links."""
    filling = "".join(_WORDS for _ in range(SIZE // LINKS // len(_WORDS) - 8))
    rows = "".join(_ROW.format(n=n, mail=number, filling=filling) for n in range(LINKS))
    head = (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><style>a{color:#0a7}</style><title>News</title></head><body>'
    )
    html = f"{head}<table>{rows}</table></body></html>".replace("\n", "\r\n").encode()
    html += b"<!-- a line of padding -->\r\n" * ((SIZE - len(html)) // 28)
    writer = {"7bit": lambda data: data + b"\r\n", "quoted-printable": quoted_printable_text, "base64": base64_lines}
    text = base64.b64encode(b"Our news of this spring.") + b"\r\n"
    return b"".join(
        [
            b"From: News <news@example.com>\r\nTo: Ann <ann@example.net>\r\nSubject: News\r\nMIME-Version: 1.0\r\n"
            b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n'
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            text,
            b"\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: ",
            encoding.encode(),
            b"\r\n\r\n",
            writer[encoding](html),
            b"--b--\r\n",
        ]
    )


class _Reading(HTMLParser):
    """Looks at links and does nothing with them."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            dict(attrs).get("href")


def rewrite(raw: bytes, message_id: str, tracking: Tracking) -> bytes:
    return with_tracking(look_at(raw, split(raw), tracking), message_id, tracking)[0]


def parse(raw: bytes) -> int:
    return sum(len(scan(decoded(raw, part)).anchors) for part in walk(raw) if part.content_type == "text/html")


def parse_by_stdlib(raw: bytes) -> None:
    for part in message_from_bytes(raw).walk():
        if part.get_content_type() == "text/html":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            _Reading().feed(content.decode())


def _html(raw: bytes) -> bytes:
    return b"".join(decoded(raw, part) for part in walk(raw) if part.content_type == "text/html")


def _spent(work: Callable[..., object], *given: object) -> float:
    began = process_time_ns()
    work(*given)
    return (process_time_ns() - began) / 1_000


def measure(encoding: str) -> dict[str, float]:
    """Return microseconds of the processor for one mail, by what was done with it."""
    tracking = Tracking(TrackingLinks({1: b"k" * 32}), 0, True, True, BASE, BASE, BASE)
    spent: dict[str, list[float]] = {"rewrite": [], "again": [], "parse": [], "stdlib": []}
    for number in range(MAILS):
        raw = message(number, encoding)
        message_id = new_message_id(Scope("123456789012", "us-east-1"), 1_800_000_000_000)
        spent["rewrite"].append(_spent(rewrite, raw, message_id, tracking))
        rewrite(raw, message_id, tracking)  # how it is encoded is found with the second copy
        spent["again"].append(_spent(rewrite, raw, message_id, tracking))
        spent["parse"].append(_spent(parse, raw))
        spent["stdlib"].append(_spent(parse_by_stdlib, raw))
        assert _html(rewrite(raw, message_id, tracking)).count(b"/CL0/") == LINKS
    return {name: median(times) for name, times in spent.items()}


def main() -> None:
    for encoding in ("7bit", "quoted-printable", "base64"):
        us = measure(encoding)
        size = len(message(0, encoding)) / 1_000
        print(
            f"ratio rewrite/parse {us['rewrite'] / us['parse']:.2f}   ({encoding}, {size:.0f} KB, {LINKS} links:"
            f" {us['rewrite']:.0f} µs to rewrite, {us['again']:.0f} when the document is known,"
            f" {us['parse']:.0f} to parse alone, {us['stdlib']:.0f} by the standard library)",
            flush=True,
        )
