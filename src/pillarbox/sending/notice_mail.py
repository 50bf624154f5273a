"""The form of mail that the service writes about other mail: a text, fields for programs, the mail itself.

Pure. Called by destinations/forwarding.py and edge/returns.py, which give the
result to system_mail. The same content gives the same bytes.
https://www.rfc-editor.org/rfc/rfc6522
"""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import encode_text, split, write_field
from pillarbox.kit.mime import base64_lines, encode_text_body, with_crlf
from pillarbox.sending.raw import read_raw

DAEMON = "MAILER-DAEMON"
_MOST_ATTACHED = 1024 * 1024


class Part(NamedTuple):
    """One part: its header fields, and its content as it travels."""

    fields: tuple[tuple[str, str], ...]
    content: bytes


def daemon_address(service_domain: str) -> str:
    """Return the address in whose name reports are written."""
    return f"{DAEMON}@{service_domain}"


def notice_mail(
    sender: str,
    to: str,
    subject: str,
    parts: Sequence[Part],
    *,
    report_type: str = "",
    fields: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Return the whole mail. `subject` may be any text; `report_type` makes it a multipart/report."""
    boundary = "=_" + hashlib.sha256(b"\0".join(part.content for part in parts)).hexdigest()[:32]
    kind = (
        f'report; report-type={report_type}; boundary="{boundary}"' if report_type else f'mixed; boundary="{boundary}"'
    )
    head = [
        ("From", sender),
        ("To", to),
        ("Subject", encode_text(_one_line(subject), "utf-8", "Subject")),
        # https://www.rfc-editor.org/rfc/rfc3834#section-5 Nobody is to answer this automatically.
        ("Auto-Submitted", "auto-replied"),
        *fields,
        ("MIME-Version", "1.0"),
        ("Content-Type", f"multipart/{kind}"),
    ]
    pieces = [_head(head), b"\r\n"]
    for part in parts:
        pieces += (f"--{boundary}\r\n".encode(), _head(part.fields), b"\r\n", _ended(part.content))
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def text_part(text: str) -> Part:
    """Return a part for people."""
    encoding, content = encode_text_body(with_crlf(text).encode())
    return Part((("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", encoding)), content)


def fields_part(content_type: str, groups: Sequence[Sequence[tuple[str, str]]]) -> Part:
    """Return a part for programs: groups of header-like fields with a blank line between them."""
    return Part((("Content-Type", content_type),), b"\r\n".join(_head(group) for group in groups))


def headers_part(headers: Sequence[tuple[str, str]]) -> Part:
    """Return the header section of the mail that this is about."""
    return Part((("Content-Type", "text/rfc822-headers"),), _head(headers))


def attached(raw: bytes) -> Part:
    """Return the mail that this is about as a part; of a very long one the headers alone.

    A mail that could not be sent as it is (with lines too long, or too many parts) is attached as a file.
    """
    if len(raw) > _MOST_ATTACHED:
        raw = raw[: split(raw).body]
    if raw.isascii() and b"\x00" not in raw and _could_be_sent(raw):
        return Part((("Content-Type", "message/rfc822"),), raw)
    disposition = 'attachment; filename="message.eml"'
    fields = ("Content-Type", "application/octet-stream"), ("Content-Disposition", disposition)
    return Part((*fields, ("Content-Transfer-Encoding", "base64")), base64_lines(raw))


def _could_be_sent(raw: bytes) -> bool:
    try:
        read_raw(
            b'Content-Type: multipart/mixed; boundary="="\r\n\r\n--=\r\nContent-Type: message/rfc822\r\n\r\n' + raw
        )
    except Invalid:
        return False
    return True


def _head(fields: Sequence[tuple[str, str]]) -> bytes:
    """Write header fields in ASCII; one that cannot be written at all, since a stranger made it, is left out."""
    lines = []
    for name, value in fields:
        with contextlib.suppress(Invalid):
            lines.append(write_field(name, value.encode("ascii", "replace").decode()).encode())
    return b"".join(lines)


def _ended(content: bytes) -> bytes:
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _one_line(text: str) -> str:
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())[:300]
