"""Messages of a bulk call that are made after its answer.

Pure. What only the making of a message could tell against it is known before, or
the message is made at once: so `accept` promises the others with a list of what
they are made of, and the expander makes and writes them from that list. A
template is kept as it was at the call. One that cannot be made all the same,
perhaps by a program of another release, ends as a Rendering Failure.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import getaddresses, parseaddr
from itertools import accumulate

import msgspec

from pillarbox.events.types import MailFacts
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.headers import check_text
from pillarbox.kit.ids import Scope, part_message_id
from pillarbox.resources.sending_authorization import OnBehalf
from pillarbox.sending.admission import Asked
from pillarbox.sending.compose import custom_headers
from pillarbox.sending.draft import Draft, Templated, Tracked
from pillarbox.sending.envelope import KEY_TAG, Envelope, addressed_as, envelope_of_unmade, read_envelope
from pillarbox.sending.idempotency import Once
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.policy import MOST_RECIPIENTS
from pillarbox.sending.render import Foresight, TemplateParts
from pillarbox.sending.rows import Made, Route, SentAs, Written, message_row, tags_of
from pillarbox.store.large_sends import LargeSendRow
from pillarbox.store.messages import MessageRow

# For fewer a list would cost more than it spares.
FEWEST = 8
# No text in UTF-8 becomes longer than so many times itself by line ends and transfer encoding.
_ENCODED = 4
# What is rendered to more than this is made at once: the expander has many in memory.
_LONGEST_RENDERED = 1024 * 1024
# Head and frame of a message whose fields are within the limit below.
_LONGEST_HEAD = 1024 * 1024
_LONGEST_FIELDS = 64 * 1024
# A word of a header may have 998 characters with what stands before it on the line (kit/headers.py).
_LONGEST_FIELD = 900

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
            self._shared = envelope_of_unmade(replace(shared, to=(), cc=(), bcc=(), tags=()), content)
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
            if foreseen is None or foreseen.longest > self._longest or not _is_field(foreseen.subject):
                return None
            content.data.encode()
            if not _fit(draft, content.headers):
                return None
            return addressed_as(draft, self._shared)
        except (Refusal, UnicodeError):
            return None


def _leaves_room(shared: Draft, content: Templated) -> bool:
    """Say whether all that the messages have in common fits beside the longest text that is made later."""
    if content.attachments or not _is_field(" ".join(content.subject.split())):
        return False
    addresses = sum(map(len, (shared.sender or "", *shared.reply_to)))
    return addresses <= _LONGEST_FIELDS and shared.size_limit >= _ENCODED * _LONGEST_RENDERED + _LONGEST_HEAD


def _fit(draft: Draft, headers: Pairs) -> bool:
    addresses = (*draft.to, *draft.cc, *draft.bcc)
    if len(addresses) > MOST_RECIPIENTS or max(map(len, addresses), default=0) > _LONGEST_FIELD:
        return False
    if headers:
        if any(name.lower() == "sender" for name, _ in headers):
            return False  # who must be verified too
        lengths = [len(name) + len(value) for name, value in custom_headers(headers)]
        return max(lengths) <= _LONGEST_FIELD and sum(lengths) <= _LONGEST_FIELDS
    return True


def _is_field(text: str) -> bool:
    """Say whether a subject is certain to fit, or raise InvalidText for what no header may have."""
    check_text(text, "Subject")
    return len(text) <= _LONGEST_FIELD


class Making:
    """Makes the messages of one call that are still to be written."""

    def __init__(self, row: LargeSendRow, listed: bytes) -> None:
        self._row = row
        self._listed = read_listed(listed)
        promised = frozenset(json.loads(row.entries))
        own = [one for one in self._listed.own if one.number in promised]
        # Where each begins, counted in recipients, as the row counts what is written.
        self._own = dict(zip(accumulate((one.recipient_count for one in own), initial=0), own, strict=False))

    def following(self, written: int, most: int, route: Route, now: Millis) -> Iterator[Written]:
        """Yield the messages behind those of `written` recipients, at most so many."""
        for _ in range(most):
            if (own := self._own.get(written)) is None:
                return
            yield self._made(own).written(route, now)
            written += own.recipient_count

    def failed(self, written: int, fault: str) -> Made:
        """Return the message behind those of `written` recipients as one that cannot be made."""
        return self._unmade(self._own[written], fault)

    def made(self, number: int) -> Made:
        """Return the message whose id ends with this number."""
        return self._made(next(own for own in self._own.values() if own.number == number))

    def _made(self, own: Own) -> Made:
        draft = self._draft(own)
        try:
            envelope = read_envelope(draft)
        except (Refusal, ValueError) as fault:  # of the content: it would be the same at each try
            return self._unmade(own, str(fault) or repr(fault))
        row = self._row
        message_id = part_message_id(row.message_id, own.number)
        message = message_row(draft, envelope, own.sent_as, message_id, row.send_id, row.accepted_at)
        prepared = envelope.prepared
        return Made(message, prepared.recipients, own.sent_as.pool, prepared.raw, envelope.failure)

    def _unmade(self, own: Own, fault: str) -> Made:
        """Return what is known without reading anything as strictly as it must be read to be sent."""
        row, draft, name = self._row, self._draft(own), self._listed.template[0]
        addresses = list(dict.fromkeys(found for _, found in getaddresses([*own.to, *own.cc, *own.bcc]) if found))
        sender, tenant = draft.sender or "", draft.tenant or ""
        sender_address = parseaddr(sender)[1]
        tags = [tag for tag in own.tags or () if tag[0] != KEY_TAG]
        mail = MailFacts(
            sender=sender,
            sender_address=sender_address,
            source_identity=own.sent_as.identity,
            source_ip=draft.source_ip,
            caller_identity=draft.caller_identity,
            recipients=addresses,
            headers=[],
            headers_truncated=True,
            tags=tags_of(draft, own.configuration_set, tenant, sender_address.rpartition("@")[2], tags),
            return_path=draft.return_path or sender_address,
            templated=True,
            template=name,
            tenant=tenant,
            pool=own.sent_as.pool,
        )
        message = MessageRow(
            part_message_id(row.message_id, own.number),
            *row.scope,
            row.send_id,
            row.accepted_at,
            draft.operation,
            own.configuration_set or "",
            sender,
            "",
            0,
            own.recipient_count,
            _write(mail).decode(),
            "",
        )
        return Made(message, addresses, own.sent_as.pool).failed(name, fault)

    def _draft(self, own: Own) -> Draft:
        listed = self._listed
        return Draft(
            scope=Scope(self._row.account, self._row.region),
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
