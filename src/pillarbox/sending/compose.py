"""Make an RFC 5322 message of the parts that a caller gave.

Pure but for the random boundaries. Called for every formatted send, so the
message is put together from bytes and not from a tree. Date and Message-ID are
not set here: delivery does that for all mail alike.
"""

import mimetypes
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.headers import check_text, contains_ascii, encode, encode_text, write_field, write_parameter
from pillarbox.kit.mime import (
    MOST_PARTS,
    base64_lines,
    encode_text_body,
    fits_seven_bit,
    quoted_printable_binary,
    with_crlf,
)
from pillarbox.sending.content import check_file_name, check_occurrences
from pillarbox.sending.draft import Attachment, Simple, Text
from pillarbox.sending.policy import InvalidMessage

# https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
_SET_BY_US = """
bcc cc content-disposition content-transfer-encoding content-type date from message-id mime-version reply-to
return-path subject to
"""
_NAMES_SET_BY_US = frozenset(_SET_BY_US.split())
# They tell the server something; here the members of the call do that, and delivery would strip them unread.
_INSTRUCTIONS = ("x-ses-", "x-pillarbox-", "pillarbox-")
_HEADER_NAME = re.compile(r"[!-9;-~]+")
_CONTENT_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+ *(?:;[ -~]*)?")
_CONTENT_ID = re.compile(r"[!-;=?-~]+")
_TYPES = {
    **mimetypes.MimeTypes().types_map[True],  # the table of the standard library, not the one of this machine
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".ics": "text/calendar",
    ".webp": "image/webp",
}
_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(slots=True, frozen=True)
class Composed:
    """A message ready to be promised; `headers` are those of `raw`, unfolded."""

    raw: bytes
    headers: list[tuple[str, str]]


class _Entity(NamedTuple):
    """Something with a Content-Type. `body` ends in a CRLF that is not part of the content."""

    fields: list[tuple[str, str]]
    body: bytes
    part_count: int = 1


def compose(
    simple: Simple, *, sender: str, to: Sequence[str] = (), cc: Sequence[str] = (), reply_to: Sequence[str] = ()
) -> Composed:
    """Make the message, or raise InvalidMessage, InvalidText or InvalidAddress with the reason not to.

    Addresses are written as they were given, once they have been read.
    """
    headers = [("From", _addresses((sender,)))]
    for name, texts in (("To", to), ("Cc", cc), ("Reply-To", reply_to)):
        if texts:
            headers.append((name, _addresses(texts)))
    return compose_unaddressed(simple, headers)


def compose_unaddressed(simple: Simple, first: Sequence[tuple[str, str]]) -> Composed:
    """Make a message whose other headers come first, as they are."""
    headers = [*first]
    headers.append(("Subject", encode_text(simple.subject.data, _charset_of(simple.subject), "Subject").strip()))
    if simple.headers:
        headers += custom_headers(simple.headers)
    content = _content(simple)
    if content.part_count > MOST_PARTS:
        raise InvalidMessage(f"Message contains more than {MOST_PARTS} MIME parts.")
    headers.append(("MIME-Version", "1.0"))
    headers += content.fields
    head = "".join([write_field(name, value) for name, value in headers])
    return Composed(f"{head}\r\n".encode("ascii") + content.body, headers)


def _addresses(texts: Sequence[str]) -> str:
    for text in texts:
        parse_mailbox(text)
    return ", ".join([text.strip() for text in texts])


def custom_headers(given: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that the caller sets, or raise InvalidMessage for one that is not theirs to set."""
    for name, value in given:
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidMessage(f"Illegal header '{name}'.")
        if lower in _NAMES_SET_BY_US or lower.startswith(_INSTRUCTIONS):
            raise InvalidMessage(f"Header '{name}' cannot be set as a custom header.")
        if not value.isascii():
            raise InvalidMessage(f"Header '{name}' contains characters outside of 7-bit ASCII.")
    check_occurrences(name for name, _ in given)
    return [(name, value.strip()) for name, value in given]


def _content(simple: Simple) -> _Entity:
    """Text before HTML, what the HTML shows with the HTML, and what is attached after all."""
    text = _text("plain", simple.text, "Text body") if simple.text else None
    html = _text("html", simple.html, "HTML body") if simple.html else None
    shown: list[_Entity] = []
    attached: list[_Entity] = []
    for attachment in simple.attachments:
        is_shown = html is not None and attachment.disposition == "INLINE" and attachment.content_id
        (shown if is_shown else attached).append(_attachment(attachment))
    if html and shown:
        html = _multipart('multipart/related;  type="text/html"', [html, *shown])
    bodies = [body for body in (text, html) if body]
    if not bodies:
        raise InvalidMessage("Message has neither a text nor an HTML body.")
    content = bodies[0] if len(bodies) == 1 else _multipart("multipart/alternative", bodies)
    if attached:
        return _multipart("multipart/mixed", [content, *attached])
    if content.part_count == 1 and content.body.endswith(b"\r\n\r\n"):  # it ended in a line break of its own
        return content._replace(body=content.body[:-2])
    return content


def _charset_of(text: Text) -> str | None:
    """Where the caller names none, 7-bit ASCII as documented; what does not fit is sent whole rather than garbled.

    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Content.html
    """
    return text.charset or (None if text.data.isascii() else "UTF-8")


def _text(subtype: str, text: Text, what: str) -> _Entity:
    charset = _charset_of(text)
    data = encode(with_crlf(text.data), charset, what)
    encoding, body = encode_text_body(data) if contains_ascii(charset) else ("base64", base64_lines(data))
    fields = [
        ("Content-Type", f"text/{subtype}; charset={charset or 'us-ascii'}"),
        ("Content-Transfer-Encoding", encoding),
    ]
    return _Entity(fields, body)


def _multipart(kind: str, parts: Sequence[_Entity]) -> _Entity:
    boundary = _boundary()
    while any(boundary.encode() in part.body for part in parts):
        boundary = _boundary()
    pieces: list[bytes] = []
    for part in parts:
        head = "".join([write_field(name, value) for name, value in part.fields])
        pieces += (f"--{boundary}\r\n{head}\r\n".encode("ascii"), part.body)
    pieces.append(f"--{boundary}--\r\n".encode())
    # Two spaces, as SES has it: the line is folded between them.
    fields = [("Content-Type", f'{kind};  boundary="{boundary}"')]
    return _Entity(fields, b"".join(pieces), 1 + sum(part.part_count for part in parts))


def _boundary() -> str:
    """No encoded body can contain this: neither quoted-printable nor base64 has `=_`."""
    digits = f"{int.from_bytes(os.urandom(12), 'big'):029d}"
    return f"----=_Part_{digits[:6]}_{digits[6:16]}.{digits[16:]}"


def _attachment(attachment: Attachment) -> _Entity:
    name = attachment.file_name
    if not name:
        raise InvalidMessage("Attachment has no file name.")
    check_text(name, "Attachment file name")
    encode(name, "UTF-8", "Attachment file name")
    check_file_name(name)
    content_type = attachment.content_type or _TYPES.get("." + name.lower().rpartition(".")[2], _UNKNOWN_TYPE)
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise InvalidMessage(f"Attachment '{name}' has an invalid content type.")
    encoding, body = _encoded_file(attachment)
    fields = [
        ("Content-Type", content_type),
        ("Content-Transfer-Encoding", encoding),
        ("Content-Disposition", "; ".join([attachment.disposition.lower(), *write_parameter("filename", name)])),
    ]
    if attachment.content_id:
        fields.append(("Content-ID", f"<{_content_id(attachment.content_id)}>"))
    if attachment.description:
        fields.append(("Content-Description", encode_text(attachment.description, "UTF-8", "Attachment description")))
    return _Entity(fields, body)


def _content_id(given: str) -> str:
    bare = given[1:-1] if given.startswith("<") and given.endswith(">") else given
    if not _CONTENT_ID.fullmatch(bare):
        raise InvalidMessage("Attachment content ID may only contain printable ASCII without spaces, '<' and '>'.")
    return bare


def _encoded_file(attachment: Attachment) -> tuple[str, bytes]:
    if attachment.transfer_encoding == "QUOTED_PRINTABLE":
        return "quoted-printable", quoted_printable_binary(attachment.content)
    if attachment.transfer_encoding != "SEVEN_BIT":
        return "base64", base64_lines(attachment.content)
    data = with_crlf(attachment.content.decode("latin-1")).encode("latin-1")
    if not fits_seven_bit(data):
        raise InvalidMessage(f"Attachment '{attachment.file_name}' cannot be sent as SEVEN_BIT.")
    return "7bit", data + b"\r\n"
