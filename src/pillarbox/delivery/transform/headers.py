"""The headers that delivery sets and removes; every other byte stays as it was given.

Pure. Called through the list in pipeline.py. What SES does to headers:
https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.headers import list_headers, splice, split
from pillarbox.kit.ids import message_id_header

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PRIVATE = frozenset(("bcc", "return-path"))
_PRIVATE_PREFIXES = ("x-ses-", "x-pillarbox-")
_SENDER_ID = "Pillarbox"


@dataclass(frozen=True, slots=True)
class TransformFacts:
    """What the transforms need to know of a message; `tags` are those of its events."""

    message_id: str
    region: str
    service_domain: str
    accepted_at: Millis
    tags: Mapping[str, list[str]]


def without_private_headers(raw: bytes, _: TransformFacts) -> bytes:
    """Remove what was meant for the server, and who else receives the mail."""
    private = [
        (field.start, field.end, b"")
        for field in split(raw).fields
        if field.name in _PRIVATE or field.name.startswith(_PRIVATE_PREFIXES)
    ]
    return splice(raw, private) if private else raw


def with_message_id(raw: bytes, facts: TransformFacts) -> bytes:
    return _with_header(raw, "Message-ID", message_id_header(facts.message_id, facts.region, facts.service_domain))


def with_date(raw: bytes, facts: TransformFacts) -> bytes:
    return _with_header(raw, "Date", date_of(facts.accepted_at))


def with_feedback_id(raw: bytes, facts: TransformFacts) -> bytes:
    """Tell mailbox providers which stream of mail this is, in the form of SES.

    https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html
    """
    domain = facts.tags.get("ses:from-domain", [""])[0]
    digest = hashlib.sha256(f"{facts.service_domain}/{domain.lower()}".encode()).digest()
    stream = f"1.{facts.region}.{base64.b64encode(digest).decode()}"
    labels = [facts.tags.get(f"ses:feedback-id-{letter}", [""])[0] for letter in "ab"]
    parts = [*labels, stream] if any(labels) else [stream]
    return _with_header(raw, "Feedback-ID", ":".join([*parts, _SENDER_ID]))


def delivered_headers(delivered: bytes) -> list[tuple[str, str]]:
    """Return the headers of a message as it leaves, which Delivery events show."""
    return list_headers(delivered)


def date_of(at: Millis) -> str:
    """Return the time as RFC 5322 writes it, in UTC."""
    moment = time.gmtime(at // SECOND)
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year}"
        f" {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )


def _with_header(raw: bytes, name: str, value: str) -> bytes:
    """Put a header in the place of those of its name, or before all others."""
    line = f"{name}: {value}\r\n".encode("ascii")
    head = split(raw)
    if not head.separated:  # the message has no header at all, or nothing else
        line_end = b"" if raw.endswith(b"\n", 0, head.body) or not head.fields else b"\r\n"
        raw = splice(raw, [(head.body, head.body, line_end + b"\r\n")])
        head = split(raw)
    edits = [(field.start, field.end, b"") for field in head.fields if field.name == name.lower()]
    edits[:1] = [(*edits[0][:2], line)] if edits else [(0, 0, line)]
    return splice(raw, edits)
