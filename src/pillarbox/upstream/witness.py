"""A message that others sent through an upstream, made from what its events tell of it.

Pure. The first event makes the message, whichever kind it is; later ones fill
in what it left out, since no event tells all (identity notifications have no
tags, delays no headers). What is known is never replaced. Called by
upstream/ingest.py.
"""

from collections.abc import Sequence

import msgspec

from pillarbox.consumer import Mail
from pillarbox.events.types import MailFacts, was_witnessed
from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.errors import Refusal
from pillarbox.kit.headers import decode_text
from pillarbox.kit.ids import Scope
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.upstream.facts import millis

_OPERATION = "ses:operation"
_SET = "ses:configuration-set"
_COMMON = (
    ("From", "from"),
    ("Sender", "sender"),
    ("Reply-To", "replyTo"),
    ("To", "to"),
    ("Cc", "cc"),
    ("Date", "date"),
    ("Subject", "subject"),
)


class _Addressed(msgspec.Struct):
    """The one member of MailFacts that is asked for each fact that names recipients."""

    recipients: list[str]


_read_addressed = msgspec.json.Decoder(_Addressed).decode
_write_mail = msgspec.json.Encoder().encode
_read_mail = msgspec.json.Decoder(MailFacts).decode


def witnessed(mail: Mail, named: Sequence[str], scope: Scope, *, republished: bool) -> MessageRow:
    """Return the message that `mail` is about; `named` are recipients that its event names."""
    sender = mail.source
    facts = MailFacts(
        sender=sender,
        sender_address=_address_in(sender),
        source_identity=_identity_in(mail.source_arn),
        source_ip=mail.source_ip or _first(mail, "ses:source-ip"),
        caller_identity=mail.caller_identity or _first(mail, "ses:caller-identity"),
        recipients=_together(mail.destination, named),
        headers=_headers(mail),
        headers_truncated=mail.headers_truncated,
        tags={name: list(values) for name, values in mail.tags.items()},
        return_path="",
        witnessed=True,
        republished=republished,
    )
    return MessageRow(
        mail.message_id,
        *scope,
        mail.message_id,
        millis(mail.timestamp),
        _first(mail, _OPERATION),
        mail.configuration_set or "",
        sender,
        decode_text(_subject(mail)),
        0,
        len(facts.recipients),
        _write_mail(facts).decode(),
        "",
    )


def filled_in(known: MessageRow, told: MessageRow) -> MessageRow:
    """Return a witnessed message with what it lacked and another event tells."""
    old, new = _read_mail(known.mail), _read_mail(told.mail)
    recipients = _together(old.recipients, new.recipients)
    facts = msgspec.structs.replace(
        old,
        sender=_fuller(old.sender, new.sender),
        sender_address=old.sender_address or new.sender_address,
        source_identity=old.source_identity or new.source_identity,
        source_ip=old.source_ip or new.source_ip,
        caller_identity=old.caller_identity or new.caller_identity,
        recipients=recipients,
        headers=max(old.headers, new.headers, key=len),
        headers_truncated=(old if len(old.headers) >= len(new.headers) else new).headers_truncated,
        tags={**new.tags, **old.tags},
        republished=old.republished or new.republished,
    )
    return known._replace(
        operation=known.operation or told.operation,
        configuration_set=known.configuration_set or told.configuration_set,
        sender=facts.sender,
        subject=known.subject or told.subject,
        recipient_count=len(recipients),
        mail=_write_mail(facts).decode(),
    )


def is_witnessed(message: MessageRow) -> bool:
    return was_witnessed(message.mail)


def recipients_of(message: MessageRow) -> list[RecipientRow]:
    """Return a row for each recipient that is known."""
    at = message.accepted_at
    return [
        RecipientRow(message.message_id, number, *message.scope, address, at, "accepted", 0, at)
        for number, address in enumerate(addresses_of(message))
    ]


def addresses_of(message: MessageRow) -> list[str]:
    return _read_addressed(message.mail).recipients


def _together(some: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return both without repetitions; an address is the same however it is capitalised."""
    found: dict[str, str] = {}
    for address in (*some, *more):
        found.setdefault(address.lower(), address)
    return list(found.values())


def _headers(mail: Mail) -> list[tuple[str, str]]:
    if mail.headers:
        return list(mail.headers)
    headers = []
    for name, member in _COMMON:
        value = mail.common_headers.get(member)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if value:
            headers.append((name, str(value)))
    return headers


def _subject(mail: Mail) -> str:
    return mail.subject or next((value for name, value in mail.headers if name.lower() == "subject"), "")


def _first(mail: Mail, tag: str) -> str:
    return next(iter(mail.tags.get(tag, ())), "")


def _address_in(sender: str) -> str:
    try:
        return parse_mailbox(sender).address
    except Refusal:
        return sender


def _identity_in(arn: str | None) -> str | None:
    _, found, identity = (arn or "").partition(":identity/")
    return identity if found else None


def _fuller(known: str, told: str) -> str:
    """An event may tell the display name where a notification tells the address alone."""
    return told if known in told else known
