"""The headers that delivery sets and removes; every other byte stays as it was given.

Pure. Called through the list in pipeline.py. What SES does to headers:
https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.headers import splice, split
from pillarbox.kit.ids import message_id_header

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SET = frozenset(("message-id", "date", "feedback-id"))
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


def with_delivery_headers(raw: bytes, facts: TransformFacts) -> bytes:
    """Set Message-ID, Date and Feedback-ID; remove what was meant for the server, and who else receives the mail.

    A header that is set takes the place of the first of its name, or stands before all others.
    """
    head = split(raw)
    if not head.separated:  # the message has no header at all, or nothing else
        line_end = b"" if raw.endswith(b"\n", 0, head.body) or not head.fields else b"\r\n"
        raw = splice(raw, [(head.body, head.body, line_end + b"\r\n")])
        head = split(raw)
    lines = {
        "message-id": f"Message-ID: {message_id_header(facts.message_id, facts.region, facts.service_domain)}\r\n",
        "date": f"Date: {date_of(facts.accepted_at)}\r\n",
        "feedback-id": f"Feedback-ID: {feedback_id_of(facts)}\r\n",
    }
    edits = []
    for field in head.fields:
        if field.name in _SET:
            edits.append((field.start, field.end, lines.pop(field.name, "").encode("ascii")))
        elif field.name in _PRIVATE or field.name.startswith(_PRIVATE_PREFIXES):
            edits.append((field.start, field.end, b""))
    return splice(raw, [(0, 0, "".join(lines.values()).encode("ascii")), *edits])


def feedback_id_of(facts: TransformFacts) -> str:
    """Tell mailbox providers which stream of mail this is, in the form of SES.

    https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html
    """
    stream = _stream(facts.service_domain, facts.tags.get("ses:from-domain", [""])[0].lower(), facts.region)
    labels = [facts.tags.get(f"ses:feedback-id-{letter}", [""])[0] for letter in "ab"]
    parts = [*labels, stream] if any(labels) else [stream]
    return ":".join([*parts, _SENDER_ID])


@lru_cache(maxsize=4_096)
def _stream(service_domain: str, from_domain: str, region: str) -> str:
    digest = hashlib.sha256(f"{service_domain}/{from_domain}".encode()).digest()
    return f"1.{region}.{base64.b64encode(digest).decode()}"


def date_of(at: Millis) -> str:
    """Return the time as RFC 5322 writes it, in UTC."""
    moment = time.gmtime(at // SECOND)
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year}"
        f" {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )
