"""The one way from a draft to a promise.

`accept` is pure and says what is promised; `keep_promises` is the plan that
puts a group of promises on disk in one transaction, with a verdict for each;
`Sender` joins the two for the doors. Nothing else creates messages.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from pillarbox.events.record import record
from pillarbox.events.types import Event, MailFacts, Send
from pillarbox.kit import metrics
from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.kit.simulated import is_simulated
from pillarbox.sending.draft import Draft, weight
from pillarbox.sending.envelope import Envelope, read_envelope
from pillarbox.sending.policy import CHECKS, CHECKS_OF_THE_SENDER, DailyQuotaExceeded, RateExceeded, Standing
from pillarbox.sending.standing import Standings
from pillarbox.store import messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Keep, Plan

# Reading or making a message of this size takes about a millisecond: beyond it, off the loop.
_LARGE = 128 * 1024

ACCEPTED = metrics.counter(
    "messages_accepted_total",
    labels=("operation",),
    doc="Messages promised. Compare with delivery_outcomes_total to see whether delivery keeps up.",
)
REFUSED = metrics.counter(
    "messages_refused_total",
    labels=("operation", "reason"),
    doc="Sends refused before anything was promised, by the rule that refused them.",
)

_write_mail = msgspec.json.Encoder().encode
_write_list = msgspec.json.Encoder().encode


class Route(Protocol):
    """Tells which transport serves a recipient domain, and in which lane it queues."""

    def __call__(self, scope: Scope, configuration_set: str | None, domain: str) -> tuple[str, str]: ...


class Admission(Protocol):
    """Says whether the account may address so many recipients more in this second."""

    def admits(self, scope: Scope, recipients: int, now: Millis) -> bool: ...


@dataclass(slots=True, frozen=True)
class Promise:
    """What is put on disk when its condition holds; after that it is never lost.

    `daily_limit` is the condition that only the store can judge: how many
    recipients the account may address in 24 hours (None: unlimited).
    """

    message: MessageRow
    body: bytes
    recipients: tuple[RecipientRow, ...]
    outgoing: tuple[OutgoingRow, ...]
    events: tuple[Event, ...]
    quota_recipients: int
    daily_limit: int | None


def accept(
    draft: Draft, envelope: Envelope, standing: Standing, route: Route, daily_limit: int | None, now: Millis
) -> Promise:
    """Say what is promised for `draft`, or raise the first reason not to."""
    for check in CHECKS:
        if reason := check(envelope.prepared, standing):
            raise reason
    scope = draft.scope
    message_id = new_message_id(scope, now)
    configuration_set = envelope.prepared.configuration_set
    addresses = envelope.prepared.recipients
    mail = MailFacts(
        sender=envelope.sender,
        sender_address=envelope.sender_address,
        source_identity=envelope.identity_among(standing.verified),
        source_ip=draft.source_ip,
        caller_identity=draft.caller_identity,
        recipients=list(addresses),
        headers=list(envelope.headers),
        headers_truncated=envelope.headers_truncated,
        tags=_tags(draft, envelope),
        return_path=envelope.return_path,
        templated=envelope.templated,
    )
    message = MessageRow(
        message_id,
        scope.account,
        scope.region,
        draft.send_id or message_id,
        now,
        draft.operation,
        configuration_set or "",
        envelope.sender,
        envelope.subject,
        len(envelope.prepared.raw),
        len(addresses),
        _write_mail(mail).decode(),
        "",
    )
    recipients = tuple(
        RecipientRow(message_id, number, *scope, address, now, "accepted", 0, now)
        for number, address in enumerate(addresses)
    )
    return Promise(
        message=message,
        body=envelope.prepared.raw,
        recipients=recipients,
        outgoing=() if envelope.failure else _outgoing(message_id, scope, configuration_set, addresses, route, now),
        events=_events(message_id, scope, envelope, now),
        quota_recipients=sum(not is_simulated(address) for address in addresses),
        daily_limit=daily_limit,
    )


def _events(message_id: str, scope: Scope, envelope: Envelope, now: Millis) -> tuple[Event, ...]:
    """The call is accepted in any case; a template that could not be filled is told right after."""
    sent = Event(f"{message_id}/send", scope, message_id, now, now, Send())
    if envelope.failure is None:
        return (sent,)
    return (sent, Event(f"{message_id}/rendering-failure", scope, message_id, now, now, envelope.failure))


def _tags(draft: Draft, envelope: Envelope) -> dict[str, list[str]]:
    tags = {"ses:operation": [draft.operation]}
    if envelope.prepared.configuration_set:
        tags["ses:configuration-set"] = [envelope.prepared.configuration_set]
    tags["ses:source-ip"] = [draft.source_ip]
    if envelope.from_domain:
        tags["ses:from-domain"] = [envelope.from_domain]
    tags["ses:caller-identity"] = [draft.caller_identity]
    for name, value in envelope.prepared.tags:
        tags[name] = [value]
    return tags


def _outgoing(
    message_id: str, scope: Scope, configuration_set: str | None, addresses: Sequence[str], route: Route, now: Millis
) -> tuple[OutgoingRow, ...]:
    """One row for each lane and domain: what one transaction with a next hop can carry."""
    ways: dict[tuple[str, str, str], list[str]] = {}
    for address in addresses:
        domain = address.rpartition("@")[2].lower()
        transport, lane = route(scope, configuration_set, domain)
        ways.setdefault((transport, lane, domain), []).append(address)
    return tuple(
        OutgoingRow(message_id, part, *scope, lane, transport, _write_list(group).decode(), now, now, 0, "", "")
        for part, ((transport, lane, _), group) in enumerate(ways.items())
    )


def keep_promises(promises: Sequence[Promise]) -> Plan[list[Refusal | None]]:
    """Put promises on disk together; the verdict of each is None, or why it was not kept."""
    verdicts = yield from _verdicts(promises)
    kept = [promise for promise, verdict in zip(promises, verdicts, strict=True) if verdict is None]
    if kept:
        first = kept[0].message
        references = yield Keep([promise.body for promise in kept], first.account, first.accepted_at)
        yield from messages.add(
            [promise.message._replace(body=at) for promise, at in zip(kept, references, strict=True)],
            [recipient for promise in kept for recipient in promise.recipients],
        )
        yield from outgoing.add([row for promise in kept for row in promise.outgoing])
        yield from record([event for promise in kept for event in promise.events])
        yield from messages.use_quota(_quota_uses(kept))
    return verdicts


def _verdicts(promises: Sequence[Promise]) -> Plan[list[Refusal | None]]:
    left: dict[Scope, int] = {}
    verdicts: list[Refusal | None] = []
    for promise in promises:
        limit, scope = promise.daily_limit, promise.message.scope
        if limit is None:
            verdicts.append(None)
            continue
        if scope not in left:
            used = yield from messages.recipients_since(scope, promise.message.accepted_at - DAY)
            left[scope] = limit - used
        if promise.quota_recipients and left[scope] < promise.quota_recipients:
            verdicts.append(DailyQuotaExceeded("Daily message quota exceeded."))
            continue
        left[scope] -= promise.quota_recipients
        verdicts.append(None)
    return verdicts


def _quota_uses(promises: Sequence[Promise]) -> list[tuple[str, str, Millis, int]]:
    return [
        (*promise.message.scope, promise.message.accepted_at, promise.quota_recipients)
        for promise in promises
        if promise.quota_recipients
    ]


class Sender:
    """Answers a door only after the promise is on disk; raises what stood against it."""

    def __init__(
        self,
        store: Store,
        standings: Standings,
        route: Route,
        admission: Admission,
        daily_limit: Callable[[Scope], int | None],
    ) -> None:
        self._store = store
        self._standings = standings
        self._route = route
        self._admission = admission
        self._daily_limit = daily_limit

    async def send(self, draft: Draft, now: Millis) -> str:
        """Return the MessageId of what was promised."""
        (made,) = await self._promises((draft,), now)
        if isinstance(made, Promise):
            made = await self._store.commit(keep_promises, made) or made
        outcome = _told(draft, made)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def send_together(self, drafts: Sequence[Draft], now: Millis) -> list[str | Exception]:
        """Return what became of each, in order: its MessageId, or what stood against it.

        What stands against one is no matter of the others. Those promised share one transaction: when that
        cannot be written, its exception is raised and nothing is promised.
        """
        made = await self._promises(drafts, now)
        promises = [one for one in made if isinstance(one, Promise)]
        verdicts = iter(await self._store.write(keep_promises, promises))
        kept = [next(verdicts) or one if isinstance(one, Promise) else one for one in made]
        return [_told(draft, one) for draft, one in zip(drafts, kept, strict=True)]

    async def check(self, draft: Draft) -> None:
        """Raise what stands against a draft whoever its recipients are; nothing is promised."""
        (envelope,) = await _read_each((draft,))
        against = envelope if isinstance(envelope, Exception) else await self._reason_against_sender(draft, envelope)
        if against is not None:
            _told(draft, against)
            raise against

    async def _reason_against_sender(self, draft: Draft, envelope: Envelope) -> Refusal | None:
        envelope, standing = await self._standings.of(draft.scope, envelope)
        reasons = (check(envelope.prepared, standing) for check in CHECKS_OF_THE_SENDER)
        return next((reason for reason in reasons if reason), None)

    async def _promises(self, drafts: Sequence[Draft], now: Millis) -> list[Promise | Exception]:
        made: list[Promise | Exception] = []
        for draft, envelope in zip(drafts, await _read_each(drafts), strict=True):
            try:
                made.append(envelope if isinstance(envelope, Exception) else await self._promise(draft, envelope, now))
            except Exception as reason:
                made.append(reason)
        return made

    async def _promise(self, draft: Draft, envelope: Envelope, now: Millis) -> Promise:
        envelope, standing = await self._standings.of(draft.scope, envelope)
        promise = accept(draft, envelope, standing, self._route, self._daily_limit(draft.scope), now)
        if not self._admission.admits(draft.scope, len(promise.recipients), now):
            raise RateExceeded("Maximum sending rate exceeded.")
        return promise


def _told(draft: Draft, made: Promise | Exception) -> str | Exception:
    """Count what became of a draft and return it as the doors tell it."""
    if isinstance(made, Promise):
        ACCEPTED.labels(draft.operation).inc()
        return made.message.message_id
    if isinstance(made, Refusal):
        REFUSED.labels(draft.operation, type(made).__name__).inc()
    return made


async def _read_each(drafts: Sequence[Draft]) -> list[Envelope | Exception]:
    if sum(map(weight, drafts)) > _LARGE:
        return await asyncio.to_thread(_read, drafts)
    return _read(drafts)


def _read(drafts: Sequence[Draft]) -> list[Envelope | Exception]:
    """Read drafts; what is wrong with one is its own affair."""
    envelopes: list[Envelope | Exception] = []
    for draft in drafts:
        try:
            envelopes.append(read_envelope(draft))
        except Exception as reason:
            envelopes.append(reason)
    return envelopes
