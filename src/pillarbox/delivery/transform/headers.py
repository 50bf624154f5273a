"""The headers that delivery sets and removes; every other byte stays as it was given.

Pure. Called through the list in pipeline.py, with lines that end in CRLF. What
SES does to headers:
https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pillarbox.delivery.tracking import Tracking
from pillarbox.delivery.transform.dkim import SigningKey
from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.headers import Head, splice, split
from pillarbox.kit.ids import message_id_header

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SET = frozenset(("message-id", "date", "feedback-id"))
_PRIVATE = frozenset(("bcc", "return-path"))
_PRIVATE_PREFIXES = ("x-ses-", "x-pillarbox-", "pillarbox-")
_SENDER_ID = "Pillarbox"
# The least that is allowed: https://www.rfc-editor.org/rfc/rfc5321#section-6.3
MOST_HOPS = 100


class Undeliverable(Exception):
    """No next hop should get this message; `reply` says why, as a server would have said it."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class TransformFacts:
    """What the transforms need to know of a message.

    `host` is the name of this server, `tags` are those of the message's events, `keys` sign it.
    `only_to` is the mailbox that a part of a split send names; empty for any other message. `tracking` is how this
    copy is tracked, None for a message that stays as it is. By `unsubscribe_url` its only recipient, a contact of a
    list, can leave it.
    """

    message_id: str
    region: str
    service_domain: str
    host: str
    accepted_at: Millis
    tags: Mapping[str, list[str]]
    keys: tuple[SigningKey, ...]
    only_to: str = ""
    tracking: Tracking | None = None
    unsubscribe_url: str = ""


def with_trace(raw: bytes, facts: TransformFacts) -> bytes:
    """Say first that the message came by here; raise Undeliverable for one that came by too many servers already.

    The address of the client is not told, as SES does not tell it.
    https://www.rfc-editor.org/rfc/rfc5321#section-4.4
    """
    hops = raw[: raw.find(b"\r\n\r\n")].lower().count(b"received")  # at most so many, which is usually few enough
    if hops > MOST_HOPS and (hops := sum(field.name == "received" for field in split(raw).fields)) > MOST_HOPS:
        # https://www.rfc-editor.org/rfc/rfc3463#section-3.5
        raise Undeliverable(f"554 5.4.6 the message has been through {hops} servers: it is going round in circles")
    line = f"Received: by {facts.host} (Pillarbox)\r\n id {facts.message_id};\r\n {date_of(facts.accepted_at)}\r\n"
    return line.encode("ascii") + raw


def with_delivery_headers(raw: bytes, head: Head, facts: TransformFacts) -> bytes:
    """Set Message-ID, Date and Feedback-ID; remove what was meant for the server, and who else receives the mail.

    `head` is that of the message. A header that is set takes the place of the first of its name, or stands before all
    others.
    """
    if not head.separated:  # the message has no header at all, or nothing else
        raw = splice(raw, [(head.body, head.body, b"\r\n")])
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
    return _date_of(at // SECOND)


@lru_cache(maxsize=256)
def _date_of(seconds: int) -> str:
    moment = time.gmtime(seconds)
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year}"
        f" {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )
