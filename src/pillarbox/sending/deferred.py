"""Messages of a bulk call that are made after its answer.

Pure. What only the making of a message could tell against it is known before, or
the message is made at once: so `accept` promises the others with a list of what
they are made of, and the expander makes and writes them from that list. A
template is kept as it was at the call. One that cannot be made all the same,
perhaps by a program of another release, ends as a Rendering Failure.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope, part_message_id
from pillarbox.resources.sending_authorization import OnBehalf
from pillarbox.sending.admission import Asked
from pillarbox.sending.draft import Draft, Templated, Tracked
from pillarbox.sending.envelope import Envelope, addressed_as, envelope_of_unmade
from pillarbox.sending.foreseen import fits, is_field, leaves_room
from pillarbox.sending.idempotency import Once
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.making import Making, Told
from pillarbox.sending.render import Foresight, TemplateParts
from pillarbox.sending.rows import SentAs
from pillarbox.store.large_sends import BULK, LargeSendRow

# For fewer a list would cost more than it spares.
FEWEST = 8
# What is rendered to more than this is made at once: the expander has many in memory.
_LONGEST_RENDERED = 1024 * 1024

Pairs = tuple[tuple[str, str], ...]

_write = msgspec.json.Encoder().encode


class Own(msgspec.Struct, frozen=True, array_like=True):
    """What one message is made of besides what all have in common; `number` is its place in the call."""

    number: int
    recipient_count: int
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    data: str
    headers: Pairs
    tags: Pairs | None
    configuration_set: str | None
    sent_as: SentAs


class Listed(msgspec.Struct, frozen=True):
    """What the messages of one call are made of."""

    operation: str
    caller_identity: str
    source_ip: str
    size_limit: int
    template: tuple[str, str, str | None, str | None]
    sender: str | None
    reply_to: tuple[str, ...]
    return_path: str | None
    on_behalf: OnBehalf
    list_management: ListManagement | None
    tenant: str | None
    tracked: Tracked
    own: list[Own]


read_listed = msgspec.json.Decoder(Listed).decode


@dataclass(slots=True, frozen=True)
class Deferred:
    """A message that is promised with what it will be made of, as part of the list of its call."""

    asked: Asked
    once: Once | None
    send_id: str
    own: Own


def defer(draft: Draft, envelope: Envelope, sent_as: SentAs, asked: Asked, once: Once | None, number: int) -> Deferred:
    content = draft.content
    assert isinstance(content, Templated)
    own = Own(
        number,
        asked.recipients,
        draft.to,
        draft.cc,
        draft.bcc,
        content.data,
        content.headers,
        draft.tags,
        envelope.prepared.configuration_set,
        sent_as,
    )
    return Deferred(asked, once, draft.send_id or asked.key, own)


def list_of(shared: Draft, deferred: Sequence[Deferred]) -> bytes:
    """Return what the messages are made of as it is kept until each is made; `shared` is the draft of any of them."""
    content = shared.content
    assert isinstance(content, Templated)
    listed = Listed(
        operation=shared.operation,
        caller_identity=shared.caller_identity,
        source_ip=shared.source_ip,
        size_limit=shared.size_limit,
        template=(content.name, content.subject, content.text, content.html),
        sender=shared.sender,
        reply_to=shared.reply_to,
        return_path=shared.return_path,
        on_behalf=shared.on_behalf,
        list_management=shared.list_management,
        tenant=shared.tenant,
        tracked=shared.tracked,
        own=[one.own for one in deferred],
    )
    return _write(listed)


def row_of(promised: Sequence[Deferred], listed_at: str) -> LargeSendRow:
    """Return the row of the promised messages of a call; the list may name others, which were refused."""
    first = promised[0]
    scope, at = first.asked.scope, first.asked.now
    return LargeSendRow(
        part_message_id(first.asked.key, 0),
        *scope,
        first.send_id,
        at,
        listed_at,
        sum(one.asked.recipients for one in promised),
        0,
        at,
        "",
        json.dumps([one.own.number for one in promised]),
        table=BULK,
    )


def read_unmade(drafts: Sequence[Draft]) -> list[Envelope | None]:
    """Read the drafts of one call without making their messages; None for one that must be made to know."""
    reading = _Unmade(drafts[0])
    return [reading.read(draft) for draft in drafts]


class _Unmade:
    """Reads the drafts of one call that can wait: whose messages, when they are made, cannot be refused."""

    def __init__(self, shared: Draft) -> None:
        self._longest = _LONGEST_RENDERED
        self._foresight: Foresight | None = None
        content = shared.content
        if not isinstance(content, Templated):
            return
        parts = TemplateParts(content.name, content.subject, content.text, content.html)
        try:
            if not _leaves_room(shared, content):
                return
            # What data do not fill is kept as it was written.
            self._longest -= sum(len(part.encode()) for part in (parts.subject, parts.text, parts.html) if part)
            self._shared = envelope_of_unmade(replace(shared, to=(), cc=(), bcc=(), tags=()))
            self._foresight = Foresight(parts)
        except (Refusal, UnicodeError):
            pass  # told when the message is made

    def read(self, draft: Draft) -> Envelope | None:
        """Return the envelope of a message that can wait; None for one that must be made to know."""
        content = draft.content
        if self._foresight is None or not isinstance(content, Templated):
            return None
        try:
            foreseen = self._foresight.of(content.data)
            if foreseen is None or foreseen.longest > self._longest or not is_field(foreseen.subject):
                return None
            content.data.encode()
            if not fits(draft, content.headers):
                return None
            return addressed_as(draft, self._shared)
        except (Refusal, UnicodeError):
            return None


def _leaves_room(shared: Draft, content: Templated) -> bool:
    """Say whether all that the messages have in common fits beside the longest text that is made later."""
    if content.attachments or not is_field(" ".join(content.subject.split())):
        return False
    return leaves_room(shared, _LONGEST_RENDERED)


def making(row: LargeSendRow, listed: bytes) -> Making[Own]:
    """Return what makes the messages of one call that are still to be written."""
    shared = read_listed(listed)
    promised = frozenset(json.loads(row.entries))

    def told(own: Own) -> Told:
        draft, message_id = _draft(row.scope, shared, own), part_message_id(row.message_id, own.number)
        return Told(draft, own.sent_as, message_id, row.send_id, row.accepted_at, own.recipient_count)

    return Making([one for one in shared.own if one.number in promised], told)


def _draft(scope: Scope, listed: Listed, own: Own) -> Draft:
    return Draft(
        scope=scope,
        operation=listed.operation,
        caller_identity=listed.caller_identity,
        source_ip=listed.source_ip,
        content=Templated(*listed.template, own.data, own.headers),
        size_limit=listed.size_limit,
        sender=listed.sender,
        to=own.to,
        cc=own.cc,
        bcc=own.bcc,
        reply_to=listed.reply_to,
        return_path=listed.return_path,
        configuration_set=own.configuration_set,
        tags=own.tags,
        on_behalf=listed.on_behalf,
        list_management=listed.list_management,
        tenant=listed.tenant,
        tracked=listed.tracked,
    )
