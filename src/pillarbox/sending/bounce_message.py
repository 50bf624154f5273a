"""A bounce that an account writes itself: a delivery status notification about a message (RFC 3464).

Pure but for `original_of`, which reads the store: the same request makes the
same bytes. Called by api/ses/bounces.py. A report goes to whom the message came
from, with the null return path: nothing answers it.
https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

import msgspec

from pillarbox.events.types import MailFacts
from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.clock import DAY, SECOND, Millis
from pillarbox.kit.headers import encode, split, write_field
from pillarbox.kit.ids import Scope
from pillarbox.kit.mime import encode_text_body, with_crlf
from pillarbox.sending.policy import InvalidMessage, MessageRejected
from pillarbox.store import messages
from pillarbox.store.engine import Store

# https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html
ANSWERED_FOR: Millis = DAY
_SUBJECT = "Delivery Status Notification (Failure)"
# https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-bounce.html
_STATUS_FOR = {
    "DoesNotExist": ("5.1.1", "550 5.1.1 mailbox does not exist"),
    "MessageTooLarge": ("5.3.4", "552 5.3.4 message too large"),
    "ExceededQuota": ("5.2.2", "552 5.2.2 mailbox full"),
    "ContentRejected": ("5.6.1", "550 5.6.1 message content rejected"),
    "Undefined": ("5.0.0", "554 5.0.0 unknown failure"),
    "TemporaryFailure": ("4.0.0", "450 4.0.0 temporary failure"),
}
_EXTENSION_NAME = re.compile(r"[A-Za-z0-9-]{1,50}")
_LONGEST_VALUE = 2048
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_MTA = re.compile(r"[A-Za-z0-9-]+ *; *[!-~]+")

_read_mail = msgspec.json.Decoder(MailFacts).decode

Fields = tuple[tuple[str, str], ...]


class Failed(NamedTuple):
    """One recipient who did not get the message.

    Either `bounce_type` says why, or `action` and `status` do; `final_recipient` is where it went in the end.
    """

    recipient: str
    bounce_type: str | None = None
    final_recipient: str | None = None
    action: str | None = None
    status: str | None = None
    remote_mta: str | None = None
    diagnostic_code: str | None = None
    last_attempt_at: Millis | None = None
    extensions: Fields = ()


class Bounce(NamedTuple):
    """What the caller wants to be told. Without a text of its own, one is made of the recipients."""

    sender: str
    failed: tuple[Failed, ...]
    explanation: str | None = None
    reporting_mta: str | None = None
    arrived_at: Millis | None = None
    extensions: Fields = ()


class Original(NamedTuple):
    """The message that the bounce is about, and where bounces of it go (empty: nowhere)."""

    accepted_at: Millis
    recipients: tuple[str, ...]
    return_path: str
    raw: bytes


async def original_of(store: Store, scope: Scope, message_id: str) -> Original | None:
    """Return a message of the account, or None when there is none of that id (any more)."""
    row = await store.read(messages.get, message_id)
    if row is None or row.scope != scope:
        return None
    mail = _read_mail(row.mail)
    bodies = await store.bodies((row.body,))
    return Original(row.accepted_at, tuple(mail.recipients), mail.return_path, bodies.get(row.body, b""))


def check_original(original: Original | None, message_id: str, failed: Sequence[Failed], now: Millis) -> Original:
    """Return the original when a bounce can be about it, or raise MessageRejected."""
    if original is None or now - original.accepted_at > ANSWERED_FOR:
        raise MessageRejected(f"Message {message_id} was not received in the last 24 hours.")
    if not original.return_path:
        raise MessageRejected(f"Message {message_id} is a notification itself: it is not answered with another one.")
    known = {address.lower() for address in original.recipients}
    for one in failed:
        named = {text.lower() for text in (one.recipient, one.final_recipient) if text}
        if known.isdisjoint(named):
            raise MessageRejected(f"{one.recipient} is not a recipient of message {message_id}.")
    return original


def compose_bounce(bounce: Bounce, original: Original, our_mta: str) -> bytes:
    """Make the report, or raise InvalidMessage, InvalidText or InvalidAddress with the reason not to."""
    if not bounce.failed:
        raise InvalidMessage("At least one bounced recipient must be specified.")
    parse_mailbox(bounce.sender)
    blocks = [_message_fields(bounce, our_mta), *(_recipient_fields(one) for one in bounce.failed)]
    parts = (
        _text_part(bounce.explanation or _explanation(bounce.failed)),
        _section(("Content-Type", "message/delivery-status")) + b"\r\n" + b"\r\n".join(blocks),
        _section(("Content-Type", "text/rfc822-headers")) + b"\r\n" + _headers_of(original.raw),
    )
    boundary = f"----=_Report_{hashlib.sha256(b''.join(parts)).hexdigest()[:32]}"
    head = _section(
        ("From", bounce.sender),
        ("To", original.return_path),
        ("Subject", _SUBJECT),
        # https://www.rfc-editor.org/rfc/rfc3834#section-5
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
    )
    opening = f"--{boundary}\r\n".encode()
    return head + b"\r\n" + b"".join(opening + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def _message_fields(bounce: Bounce, our_mta: str) -> bytes:
    mta = bounce.reporting_mta or f"dns; {our_mta}"
    if not _MTA.fullmatch(mta):
        raise InvalidMessage(f"Invalid value for ReportingMta: {mta} is not of the form 'dns; name'.")
    fields = [("Reporting-MTA", mta)]
    if bounce.arrived_at is not None:
        fields.append(("Arrival-Date", _date(bounce.arrived_at)))
    return _section(*fields, *_checked(bounce.extensions))


def _recipient_fields(one: Failed) -> bytes:
    status, diagnostic = _why(one)
    fields = [
        ("Final-Recipient", f"rfc822; {parse_mailbox(one.final_recipient or one.recipient).address}"),
        ("Action", one.action or "failed"),
        ("Status", status),
    ]
    if one.final_recipient and one.final_recipient != one.recipient:
        fields.insert(0, ("Original-Recipient", f"rfc822; {parse_mailbox(one.recipient).address}"))
    if one.remote_mta:
        fields.append(("Remote-MTA", f"dns; {one.remote_mta.partition(';')[2].strip() or one.remote_mta}"))
    if diagnostic:
        fields.append(("Diagnostic-Code", diagnostic if ";" in diagnostic else f"smtp; {diagnostic}"))
    if one.last_attempt_at is not None:
        fields.append(("Last-Attempt-Date", _date(one.last_attempt_at)))
    return _section(*fields, *_checked(one.extensions))


def _why(one: Failed) -> tuple[str, str | None]:
    if one.status is not None:
        if not _STATUS.fullmatch(one.status):
            raise InvalidMessage(f"Invalid value for Status: {one.status} is not of the form '5.1.1'.")
        return one.status, one.diagnostic_code
    if one.bounce_type is None:
        raise InvalidMessage(f"Either BounceType or RecipientDsnFields must be specified for {one.recipient}.")
    return _STATUS_FOR[one.bounce_type]


def _explanation(failed: Sequence[Failed]) -> str:
    lines = [f"{one.recipient}: {_why(one)[1] or _why(one)[0]}" for one in failed]
    return "\n".join(("Your message could not be delivered to these recipients:", "", *lines, ""))


def _text_part(text: str) -> bytes:
    charset = "us-ascii" if text.isascii() else "UTF-8"
    encoding, body = encode_text_body(encode(with_crlf(text), charset, "Explanation"))
    fields = (("Content-Type", f"text/plain; charset={charset}"), ("Content-Transfer-Encoding", encoding))
    return _section(*fields) + b"\r\n" + body


def _headers_of(raw: bytes) -> bytes:
    head = split(raw)
    return with_crlf(raw[: head.fields[-1].end].decode("latin-1")).encode("latin-1") if head.fields else b""


def _checked(extensions: Fields) -> Fields:
    for name, value in extensions:
        if not _EXTENSION_NAME.fullmatch(name) or len(value) > _LONGEST_VALUE:
            raise InvalidMessage(f"Invalid extension field '{name[:50]}'.")
    return extensions


def _section(*fields: tuple[str, str]) -> bytes:
    for name, value in fields:
        if not value.isascii():
            raise InvalidMessage(f"Field '{name}' contains characters outside of 7-bit ASCII.")
    return "".join(write_field(name, value) for name, value in fields).encode("ascii")


def _date(at: Millis) -> str:
    return format_datetime(datetime.fromtimestamp(at // SECOND, UTC))
