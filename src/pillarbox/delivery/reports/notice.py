"""A mail to the return path, taken apart into what a report can be read from.

Pure, and bounded: only the first bytes are looked at, since what a report says
stands before the message that it returns. Called by read.py.
https://www.rfc-editor.org/rfc/rfc6522
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape

from pillarbox.kit.clock import Millis
from pillarbox.kit.headers import codec_for, decode_text, split, value_of
from pillarbox.kit.mime import Part, TooManyParts, decoded, walk

_LONGEST = 256 * 1024
_LONGEST_TEXT = 32 * 1024
_MOST_FIELDS = 200
_LONGEST_VALUE = 2_000
_RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})
_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
# An address as this server sends to them: https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%*+/?^_`{}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAG = re.compile(r"<[^<>@]*>")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/h\d|/li)\b[^<>]*>", re.I)

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Notice:
    """`fields` are its headers, by lower-case name; `returned` those of the message that it returns, if it does.

    `text` is what it tells people; `statuses` and `feedback` are what it tells programs.
    """

    fields: Fields
    content_type: str
    report_type: str
    text: str
    statuses: tuple[bytes, ...]
    feedback: bytes | None
    returned: Fields

    def first(self, name: str) -> str:
        """Return the first header of a name, or an empty text."""
        return first(self.fields, name)


def take_apart(raw: bytes) -> Notice:
    """Return the notice; what is beyond all measure in it is left out."""
    raw = raw[:_LONGEST]
    texts: list[str] = []
    statuses: list[bytes] = []
    feedback: bytes | None = None
    returned: Fields = ()
    whole: Part | None = None
    for part in _own_parts(raw):
        whole = whole or part
        if part.content_type in _STATUS:
            statuses.append(decoded(raw, part))
        elif part.content_type == "message/feedback-report":
            feedback = feedback or decoded(raw, part)
        elif part.content_type in _RETURNED:
            returned = returned or read_fields(decoded(raw, part))
        elif part.content_type.startswith("text/") and sum(map(len, texts)) < _LONGEST_TEXT:
            texts.append(_text_of(raw, part))
    content_type = whole.content_type if whole else ""
    report_type = whole.parameters.get("report-type", "").lower() if whole else ""
    text = "\n".join(texts)[:_LONGEST_TEXT]
    return Notice(read_fields(raw), content_type, report_type, text, tuple(statuses), feedback, returned)


def read_fields(raw: bytes) -> Fields:
    """Return header fields by lower-case name, their values unfolded and decoded."""
    raw = raw.lstrip(b"\r\n")
    found = split(raw).fields[:_MOST_FIELDS]
    return [(field.name, decode_text(value_of(raw, field)[:_LONGEST_VALUE])) for field in found]


def first(fields: Fields, name: str) -> str:
    return next((value for other, value in fields if other == name), "")


def all_of(fields: Fields, name: str) -> Iterator[str]:
    return (value for other, value in fields if other == name)


def addresses_in(text: str, most: int = 20) -> tuple[str, ...]:
    """Return what looks like an address, in order, each once."""
    found = (match[0].strip(".") for match, _ in zip(_ADDRESS.finditer(text), range(most), strict=False))
    return tuple(dict.fromkeys(found))


def read_time(text: str) -> Millis | None:
    """Read a date of a header, or return None: a time that cannot be read is nobody's."""
    try:
        moment = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # https://www.rfc-editor.org/rfc/rfc5322#section-3.3 "-0000" is UTC told by one who does not know its own zone.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _own_parts(raw: bytes) -> Iterator[Part]:
    """Yield the parts of the notice itself, without those of the message that it returns."""
    inside = 0
    try:
        for part in walk(raw):
            if part.start >= inside:
                yield part
            if part.content_type == "message/rfc822":
                inside = max(inside, part.end)
    except TooManyParts:
        return


def _text_of(raw: bytes, part: Part) -> str:
    content = decoded(raw, part)[: 2 * _LONGEST_TEXT]
    codec = codec_for(part.parameters.get("charset", "utf-8")) or "utf-8"
    try:
        text = content.decode(codec, "replace")
    except (UnicodeError, LookupError):
        text = content.decode("latin-1")
    if part.content_type == "text/html":
        text = unescape(_TAG.sub(" ", _BREAK.sub("\n", text)))
    return text.replace("\r\n", "\n")
