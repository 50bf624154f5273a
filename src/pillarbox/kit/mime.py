"""The parts of a MIME message: found without changing a byte, decoded, and encoded.

Pure, bounded in depth and number of parts. Used by the reading of raw mail,
the composer and the scanner (RFC 2045, 2046).
"""

import binascii
import re
from collections.abc import Iterator
from io import IncrementalNewlineDecoder
from typing import NamedTuple

from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import LONGEST_LINE, Field, Head, decode_text, read_parameters, split, value_of

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_PARTS = 500
DEEPEST = 32

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_QP_UNSAFE = bytes(byte for byte in range(256) if not (33 <= byte <= 126 or byte in b" \t\r\n") or byte == 61)
_NOT_BASE64 = bytes(
    byte for byte in range(256) if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)


class TooManyParts(Invalid):
    """The message has more parts, or parts within parts, than SES takes."""


class Part(NamedTuple):
    """One part: where its body stands in the message, and what its header says of it.

    `content_type` and `encoding` are in lower case; a part without a
    Content-Type is `text/plain`, as RFC 2045 has it.
    """

    fields: list[Field]
    content_type: str
    parameters: dict[str, str]
    encoding: str
    start: int
    end: int

    @property
    def has_parts(self) -> bool:
        """Whether the body is made of further parts, which are walked on their own."""
        return self.content_type.startswith("multipart/") or self.content_type == "message/rfc822"


def walk(raw: bytes, head: Head | None = None) -> Iterator[Part]:
    """Yield the message itself and every part in it, in order; raise TooManyParts beyond the limits.

    `head` is that of the message, from those who have found it already.
    """
    count = 0
    waiting = [(0, len(raw), 0)]
    while waiting:
        start, end, depth = waiting.pop()
        count += 1
        if count > MOST_PARTS:
            raise TooManyParts(f"Message contains more than {MOST_PARTS} MIME parts.")
        if depth > DEEPEST:
            raise TooManyParts(f"Message contains MIME parts nested deeper than {DEEPEST} levels.")
        part = _read_part(raw, end, split(raw, start, end) if head is None or count > 1 else head)
        yield part
        if part.has_parts:
            found = list(_inner(raw, part, MOST_PARTS - count))
            waiting.extend((*place, depth + 1) for place in reversed(found))


def _read_part(raw: bytes, end: int, head: Head) -> Part:
    content_type, encoding = "text/plain", "7bit"
    parameters: dict[str, str] = {}
    for field in reversed(head.fields):  # the first one of a name counts
        if field.name == "content-type":
            content_type, parameters = read_parameters(value_of(raw, field))
        elif field.name == "content-transfer-encoding":
            encoding = value_of(raw, field).lower()
    return Part(head.fields, content_type, parameters, encoding, head.body, end)


def _inner(raw: bytes, part: Part, most: int) -> Iterator[tuple[int, int]]:
    """Yield where the parts of a part stand, and at most one more than `most` of them."""
    if part.content_type == "message/rfc822":
        if part.encoding in ("7bit", "8bit", "binary"):  # no other is allowed; then the body is no message
            yield part.start, part.end
        return
    boundary = part.parameters.get("boundary", "").rstrip()
    if not 0 < len(boundary) <= LONGEST_LINE:
        return
    places = _between(raw, part.start, part.end, b"--" + boundary.encode("utf-8"))
    for _, place in zip(range(most + 1), places, strict=False):
        yield place


def _between(raw: bytes, start: int, end: int, delimiter: bytes) -> Iterator[tuple[int, int]]:
    at, begun = start, -1
    while (found := raw.find(delimiter, at, end)) >= 0:
        at = found + len(delimiter)
        if found > start and raw[found - 1] != 10:
            continue
        closes = raw.startswith(b"--", at, end)
        line_end = raw.find(b"\n", at, end)
        line_end = end if line_end < 0 else line_end + 1
        if raw[at + 2 * closes : line_end].strip():  # a longer word that begins like the boundary
            at = line_end
            continue
        if begun >= 0:
            yield begun, max(begun, _before_line_break(raw, found))
        if closes:
            return
        at = begun = line_end
    if begun >= 0:
        yield begun, end


def _before_line_break(raw: bytes, at: int) -> int:
    """The line break in front of a delimiter belongs to the delimiter (RFC 2046 section 5.1.1)."""
    if raw[at - 2 : at] == b"\r\n":
        return at - 2
    return at - 1


def file_name(raw: bytes, part: Part) -> str | None:
    """Return the name that a part gives its content, or None."""
    for field in part.fields:
        if field.name == "content-disposition":
            _, parameters = read_parameters(value_of(raw, field))
            if "filename" in parameters:
                return decode_text(parameters["filename"])
    name = part.parameters.get("name")
    return None if name is None else decode_text(name)


def decoded(raw: bytes, part: Part) -> bytes:
    """Return the content of a part; what is damaged is decoded as far as it goes."""
    return decode_body(raw[part.start : part.end], part.encoding)


def decode_body(body: bytes, encoding: str) -> bytes:
    """Return what a body in a transfer encoding stands for, as far as that goes."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        letters = body.translate(None, _NOT_BASE64)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    return body


def with_crlf(text: str) -> str:
    """Return the text with every line break as CRLF."""
    if "\n" not in text and "\r" not in text:
        return text
    return _LINE_BREAK.sub("\r\n", text) if "\r" in text else text.replace("\n", "\r\n")


def in_crlf_lines(data: bytes) -> bytes:
    """Return a message whose every line, the last one too, ends in CRLF: a lone CR or LF is taken for a line end.

    https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
    """
    if not _has_only_crlf(data):
        data = _LONE.sub(b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def _has_only_crlf(data: bytes) -> bool:
    seen = IncrementalNewlineDecoder(None, translate=False)  # notes the kinds of line ends that it meets, in one pass
    seen.decode(data.decode("latin-1"), final=True)
    return seen.newlines in (None, "\r\n")


def fits_seven_bit(data: bytes) -> bool:
    """Say whether `data`, in lines that end in CRLF, can travel unencoded."""
    return data.isascii() and b"\x00" not in data and not has_long_line(data)


def has_long_line(data: bytes) -> bool:
    """Say whether a line is longer than RFC 5322 allows, its line break not counted."""
    at, end = 0, len(data)
    while end - at > LONGEST_LINE:
        # The last line break within reach: as long as there is one, no line before it can be too long.
        found = data.rfind(b"\n", at, at + LONGEST_LINE + 2)
        if found < 0:
            return True
        if found - at == LONGEST_LINE + 1 and data[found - 1] != 13 and data.find(b"\n", at, found) < 0:
            return True
        at = found + 1
    return False


def encode_text_body(data: bytes) -> tuple[str, bytes]:
    """Return the transfer encoding for a text in a charset that contains ASCII, and the text in it.

    Its lines end in CRLF; what is returned ends in one more, which is not part of it.
    """
    if fits_seven_bit(data):
        return "7bit", data + b"\r\n"
    unsafe = len(data) - len(data.translate(None, _QP_UNSAFE))
    if 6 * unsafe < len(data):  # each costs two bytes more, base64 a third of all
        return "quoted-printable", quoted_printable_text(data)
    return "base64", base64_lines(data)


def quoted_printable_text(data: bytes) -> bytes:
    """Return a text with lines that end in CRLF as quoted-printable, ending in CRLF."""
    # The line break is added first: the encoder takes its own from the first that it sees.
    return binascii.b2a_qp(data + b"\r\n", istext=True)


def quoted_printable_binary(data: bytes) -> bytes:
    """Return any bytes as quoted-printable in which line breaks are encoded too, ending in CRLF."""
    return binascii.b2a_qp(data, istext=False).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"


def base64_lines(data: bytes) -> bytes:
    """Return any bytes as base64 in lines of 76 characters, ending in CRLF."""
    letters = binascii.b2a_base64(data, newline=False)
    if len(letters) <= 76:
        return letters + b"\r\n"
    return b"\r\n".join([letters[at : at + 76] for at in range(0, len(letters), 76)]) + b"\r\n"
