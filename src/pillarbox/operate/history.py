"""What has become of one message: its facts, recipients, events and what still waits.

Touches the store (reads). Called by the dashboard, `pillarbox history` and
`pillarbox demo`.
"""

import msgspec

from pillarbox.events.tail import event_of
from pillarbox.events.types import Event, MailFacts, recipients_of
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import NotFound
from pillarbox.kit.ids import Scope
from pillarbox.operate import sends
from pillarbox.operate.messages import Summary, summary_of
from pillarbox.operate.queue import why_lane_closed
from pillarbox.operate.sends import Send
from pillarbox.operate.story import span, tell
from pillarbox.sending import promised
from pillarbox.sending.rows import Promised
from pillarbox.store import conversations, events, messages, outgoing, upstream_ids
from pillarbox.store.conversations import ConversationRow
from pillarbox.store.engine import Store
from pillarbox.store.outgoing import CaptureRow, OutgoingRow
from pillarbox.store.plan import Plan

_WHO = {">": "us", "<": "them", "*": "note"}
_read_list = msgspec.json.Decoder(list[str]).decode
_read_mail = msgspec.json.Decoder(MailFacts).decode


class Moment(msgspec.Struct, frozen=True):
    """One event: when it happened, to whom, why (`story`), and what the far side `said`.

    `recipients` is None when the event is about the whole message.
    """

    event_id: str
    kind: str
    happened_at: Millis
    recorded_at: Millis
    recipients: list[str] | None
    story: str
    said: str | None


class Waiting(msgspec.Struct, frozen=True):
    """Recipients that are still in the delivery queue; `why` says what they wait for and until when."""

    recipients: list[str]
    transport: str
    attempts: int
    due_at: Millis
    why: str


class Captured(msgspec.Struct, frozen=True):
    """Mail that was kept instead of being sent, as it would have left."""

    recipients: list[str]
    captured_at: Millis
    sender: str
    body: str


class Spoken(msgspec.Struct, frozen=True):
    """One line of a conversation: `after_ms` since the attempt began; `who` is `us`, `them`, or `note` for a remark."""

    after_ms: Millis
    who: str
    words: str


class Conversation(msgspec.Struct, frozen=True):
    """What was said to one next hop in an attempt for these recipients."""

    attempt: int
    began_at: Millis
    peer: str
    recipients: list[str]
    lines: list[Spoken]


class HandedOn(msgspec.Struct, frozen=True):
    """That another SES has the message, under an id of its own: what becomes of it is told by that side."""

    upstream: str
    their_id: str
    at: Millis


class History(msgspec.Struct, frozen=True):
    """All that is known of one message. `body` refers to the bytes as they were promised.

    `send` is what became of the whole send, when the message is part of one; `tenant` is for whom it was sent.
    """

    message: Summary
    source_ip: str
    caller: str
    return_path: str
    tags: dict[str, list[str]]
    moments: list[Moment]
    waiting: list[Waiting]
    captured: list[Captured]
    body: str
    send: Send | None = None
    handed_on: list[HandedOn] = []
    conversations: list[Conversation] = msgspec.field(default_factory=list)
    tenant: str = ""


async def of(store: Store, message_id: str, now: Millis, account: str = "") -> History:
    """Return the history of a message (of `account`, if one is given), or raise NotFound."""
    unwritten = await promised.find(store, message_id)
    history = await store.read(_history, message_id, now, unwritten)
    if history is None or account not in ("", history.message.account):
        raise NotFound(f"there is no message {message_id}")
    return history


async def of_tenant(store: Store, message_id: str, now: Millis, scope: Scope, tenant: str) -> History:
    """Return the history of a message of one tenant as its customer may see it, or raise NotFound.

    Who asked for it and from where is the account's own matter.
    """
    history = await of(store, message_id, now, scope.account)
    if (history.message.region, history.tenant) != (scope.region, tenant):
        raise NotFound(f"there is no message {message_id}")
    hidden = {"ses:caller-identity", "ses:source-ip"}
    tags = {name: values for name, values in history.tags.items() if name not in hidden}
    return msgspec.structs.replace(history, caller="", source_ip="", tags=tags)


def moment_of(event: Event) -> Moment:
    story = tell(event)
    return Moment(
        event.event_id,
        event.kind.value,
        event.happened_at,
        event.recorded_at,
        recipients_of(event.fact),
        story.sentence,
        story.said,
    )


def why_waiting(row: OutgoingRow, now: Millis, closed: str = "") -> str:
    """Say what an outgoing row waits for; `closed` says why nothing of its lane goes out."""
    if closed and not row.lease:
        return f"Not going out: {closed}." + (f" Last time: {row.why}." if row.why else "")
    left = max(0, row.due_at - now)
    last = f" Last time: {row.why}." if row.why else ""
    if row.lease:
        return f"Attempt {row.attempts + 1} is being made; it is made again in {span(left)} if no answer comes.{last}"
    if not row.attempts:
        return f"Not tried yet: due in {span(left)}.{last}" if left else f"Not tried yet: it is due now.{last}"
    tries = "once" if row.attempts == 1 else f"{row.attempts} times"
    when = f"in {span(left)}" if left else "now"
    return f"Tried {tries}; the next attempt is due {when}.{last}"


def _history(message_id: str, now: Millis, unwritten: Promised | None) -> Plan[History | None]:
    row = yield from messages.get(message_id)
    if row is None:
        return (yield from _before_written(unwritten)) if unwritten is not None else None
    captures = [_captured(one) for one in (yield from outgoing.captures_of(message_id))]
    kept = frozenset(address for one in captures for address in one.recipients)
    recipients = yield from messages.recipients_of(message_id)
    mail = _read_mail(row.mail)
    waiting = []
    for one in (yield from outgoing.of_message(message_id)):
        closed = yield from why_lane_closed(one.lane, message_id, row.configuration_set, now)
        waiting.append(_waiting(one, now, closed))
    return History(
        message=summary_of(row, recipients, kept),
        source_ip=mail.source_ip,
        caller=mail.caller_identity,
        return_path=mail.return_path,
        tags=mail.tags,
        moments=[moment_of(event_of(one)) for one in (yield from events.of_message(message_id))],
        waiting=waiting,
        captured=captures,
        body=row.body,
        send=(yield from sends.read(row.send_id)) if row.send_id != row.message_id else None,
        handed_on=[
            HandedOn(one.upstream, one.their_id, one.linked_at) for one in (yield from upstream_ids.theirs(message_id))
        ],
        conversations=[_conversation(one) for one in (yield from conversations.of_message(message_id))],
        tenant=mail.tenant,
    )


def _before_written(unwritten: Promised) -> Plan[History]:
    row, mail = unwritten.message, _read_mail(unwritten.message.mail)
    due = Waiting(list(mail.recipients), "", 0, row.accepted_at, "Promised, and about to be written out.")
    return History(
        message=summary_of(row, unwritten.recipients, frozenset()),
        source_ip=mail.source_ip,
        caller=mail.caller_identity,
        return_path=mail.return_path,
        tags=mail.tags,
        moments=[moment_of(event) for event in unwritten.events],
        waiting=[due],
        captured=[],
        body=row.body,
        send=(yield from sends.read(row.send_id)) if row.send_id != row.message_id else None,
        tenant=mail.tenant,
    )


def _waiting(row: OutgoingRow, now: Millis, closed: str) -> Waiting:
    why = why_waiting(row, now, closed)
    return Waiting(_read_list(row.recipients), row.transport, row.attempts, row.due_at, why)


def _conversation(row: ConversationRow) -> Conversation:
    lines = [_spoken(line) for line in row.lines.split("\n")]
    return Conversation(row.attempt, row.began_at, row.peer, _read_list(row.recipients), lines)


def _spoken(line: str) -> Spoken:
    after_ms, who, words = line.split(" ", 2)
    return Spoken(int(after_ms), _WHO[who], words)


def _captured(row: CaptureRow) -> Captured:
    return Captured(_read_list(row.recipients), row.captured_at, row.sender, row.body)
