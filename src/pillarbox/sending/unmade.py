"""Single messages of a burst: promised as they were asked for, and made after the answer.

Pure. While many wait, what can wait is not done for each before its answer:
`accept` promises a message of the usual kind with what it is to be made of, the
messages that are promised together stand in one list, and the expander makes
and writes them. What only the making could tell against one is known before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.resources.sending_authorization import OnBehalf
from pillarbox.sending.admission import Asked
from pillarbox.sending.draft import Draft, Simple, Text, Tracked, weight
from pillarbox.sending.envelope import Envelope, envelope_of_unmade
from pillarbox.sending.foreseen import fits, is_field, leaves_room
from pillarbox.sending.idempotency import Once
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.making import Making, Told
from pillarbox.sending.rows import SentAs
from pillarbox.store.large_sends import UNMADE, LargeSendRow

# A list is read and written in one piece, and some are in memory at once.
_LONGEST = 64 * 1024
_MOST_IN_A_LIST, _MOST_BYTES_IN_A_LIST = 128, 4 * 1024 * 1024
_MOST_BYTES_OF_A_CHARACTER = 4
_CHARSETS = frozenset({None, "UTF-8", "utf-8"})

Pairs = tuple[tuple[str, str], ...]

_write = msgspec.json.Encoder().encode


class Own(msgspec.Struct, frozen=True, array_like=True):
    """What one message is made of; `tags` are without the caller's key."""

    message_id: str
    accepted_at: Millis
    recipient_count: int
    operation: str
    caller_identity: str
    source_ip: str
    size_limit: int
    subject: Text
    text: Text | None
    html: Text | None
    headers: Pairs
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: tuple[str, ...]
    return_path: str | None
    configuration_set: str | None
    tags: Pairs
    on_behalf: OnBehalf
    list_management: ListManagement | None
    tenant: str | None
    tracked: Tracked
    sent_as: SentAs


_read_list = msgspec.json.Decoder(list[Own]).decode


@dataclass(slots=True, frozen=True)
class Unmade:
    """A message that is promised with what it will be made of, as JSON."""

    asked: Asked
    once: Once | None
    own: bytes


def read_unmade(draft: Draft) -> Envelope | None:
    """Return the envelope of a message that can be made later; None for one that must be made to know."""
    content = draft.content
    if not isinstance(content, Simple) or content.attachments or not draft.sender or draft.is_report or draft.send_id:
        return None
    bodies = [text for text in (content.text, content.html) if text]
    length = weight(draft)
    if not bodies or length > _LONGEST or not leaves_room(draft, _MOST_BYTES_OF_A_CHARACTER * length):
        return None
    try:
        if not is_field(content.subject.data) or not fits(draft, content.headers):
            return None
        if not all(map(_is_usual, (content.subject, *bodies))):
            return None
        return envelope_of_unmade(draft)
    except (Refusal, UnicodeError):
        return None  # told as the message is made, which is at once then


def _is_usual(text: Text) -> bool:
    """Say whether it can be written in its charset, or raise UnicodeError."""
    return text.charset in _CHARSETS and (text.data.isascii() or bool(text.data.encode()))


def promise(draft: Draft, envelope: Envelope, sent_as: SentAs, asked: Asked, once: Once | None) -> Unmade:
    """Promise a message whose envelope was read by `read_unmade`."""
    content, prepared = draft.content, envelope.prepared
    assert isinstance(content, Simple)
    assert draft.sender is not None
    own = Own(
        asked.key,
        asked.now,
        asked.recipients,
        draft.operation,
        draft.caller_identity,
        draft.source_ip,
        draft.size_limit,
        content.subject,
        content.text,
        content.html,
        content.headers,
        draft.sender,
        draft.to,
        draft.cc,
        draft.bcc,
        draft.reply_to,
        draft.return_path,
        prepared.configuration_set,
        prepared.tags,
        draft.on_behalf,
        draft.list_management,
        draft.tenant,
        draft.tracked,
        sent_as,
    )
    return Unmade(asked, once, _write(own))


def together(promised: Sequence[Unmade]) -> list[list[Unmade]]:
    """Return what is promised at the same time in lists, each for one account and region and none too long."""
    lists: list[list[Unmade]] = []
    last: dict[Scope, tuple[list[Unmade], int]] = {}
    for one in promised:
        listed, size = last.get(one.asked.scope, ([], 0))
        if not listed or len(listed) == _MOST_IN_A_LIST or size + len(one.own) > _MOST_BYTES_IN_A_LIST:
            listed, size = [], 0
            lists.append(listed)
        listed.append(one)
        last[one.asked.scope] = listed, size + len(one.own)
    return lists


def list_of(promised: Sequence[Unmade]) -> bytes:
    """Return what messages are made of as it is kept until each is made."""
    return b"[%s]" % b",".join([one.own for one in promised])


def row_of(promised: Sequence[Unmade], listed_at: str) -> LargeSendRow:
    """Return the row of messages of one account and region that are promised together."""
    first = promised[0].asked
    at = min([one.asked.now for one in promised])
    count = sum([one.asked.recipients for one in promised])
    ids = json.dumps([one.asked.key for one in promised])
    return LargeSendRow(first.key, *first.scope, "", at, listed_at, count, 0, at, "", ids, table=UNMADE)


def making(row: LargeSendRow, listed: bytes) -> Making[Own]:
    """Return what makes messages that were promised together and are still to be written."""
    scope = row.scope
    return Making(_read_list(listed), lambda own: _told(scope, own))


def _told(scope: Scope, own: Own) -> Told:
    draft = Draft(
        scope=scope,
        operation=own.operation,
        caller_identity=own.caller_identity,
        source_ip=own.source_ip,
        content=Simple(own.subject, own.text, own.html, own.headers),
        size_limit=own.size_limit,
        sender=own.sender,
        to=own.to,
        cc=own.cc,
        bcc=own.bcc,
        reply_to=own.reply_to,
        return_path=own.return_path,
        configuration_set=own.configuration_set,
        tags=own.tags,
        on_behalf=own.on_behalf,
        list_management=own.list_management,
        tenant=own.tenant,
        tracked=own.tracked,
    )
    return Told(draft, own.sent_as, own.message_id, own.message_id, own.accepted_at, own.recipient_count)
