"""The one way from a draft to a promise.

`accept` is pure and says what is promised; `keep_promises` is the plan that
puts a group of promises on disk in one transaction, with a verdict for each;
`Sender` joins the two for the doors. Nothing else creates messages.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from pillarbox.events.record import record
from pillarbox.events.types import Event, MailFacts
from pillarbox.kit import metrics
from pillarbox.kit.clock import Millis
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.disk import Room
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.kit.simulated import is_simulated
from pillarbox.resources import contacts
from pillarbox.resources.contacts import Addressed
from pillarbox.sending import idempotency, split
from pillarbox.sending.admission import Asked, ShutAccounts, refused
from pillarbox.sending.draft import Draft, weight
from pillarbox.sending.envelope import Envelope, read_envelope
from pillarbox.sending.idempotency import Once, once_of
from pillarbox.sending.list_management import addressed
from pillarbox.sending.policy import (
    CHECKS,
    CHECKS_OF_THE_SENDER,
    MOST_RECIPIENTS,
    RateExceeded,
    Standing,
)
from pillarbox.sending.rows import Route, belongings_of
from pillarbox.sending.standing import Standings
from pillarbox.store import elsewhere, large_sends, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.large_sends import LargeSendRow
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Keep, Plan, PutAway

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


@dataclass(slots=True, frozen=True)
class Promise:
    """What is put on disk when its conditions hold; after that it is never lost.

    Three conditions only the store can judge: `daily_limit` and `rate` say how many recipients the account may
    address in 24 hours and in a second (None: unlimited), and `once` by what the message would be known if it were
    there already.
    `everybody` is the list of all recipients, where only the first has a message yet; else it is empty. It and the
    body may be put away already, where the store does not keep such things itself.
    """

    message: MessageRow
    body: bytes | PutAway
    recipients: tuple[RecipientRow, ...]
    outgoing: tuple[OutgoingRow, ...]
    events: tuple[Event, ...]
    addressed: int
    quota_recipients: int
    daily_limit: int | None
    rate: float | None
    once: Once | None
    everybody: bytes | PutAway
    contacts: Sequence[Addressed] = ()


def accept(draft: Draft, envelope: Envelope, standing: Standing, route: Route, now: Millis) -> Promise:
    """Say what is promised for `draft`, or raise the first reason not to."""
    for check in CHECKS:
        if reason := check(envelope.prepared, standing):
            raise reason
    everybody = envelope.prepared.recipients
    listed = b""
    if standing.splits:
        listed = split.list_of(envelope) if len(everybody) > 1 else b""
        envelope = split.for_one_each(draft, envelope)
    addresses = envelope.prepared.recipients
    message = _message(draft, envelope, standing, now, is_part=bool(listed))
    belongings = belongings_of(message, addresses, envelope.failure, route, now, standing.pool)
    return Promise(
        message=message,
        body=envelope.prepared.raw,
        recipients=belongings.recipients,
        outgoing=belongings.outgoing,
        events=belongings.events,
        addressed=len(everybody),
        quota_recipients=sum(not is_simulated(address) for address in everybody),
        daily_limit=standing.daily_limit,
        rate=standing.rate,
        once=once_of(draft, envelope.key),
        everybody=listed,
        contacts=addressed([(message, addresses)]) if envelope.prepared.list_management else (),
    )


def _message(draft: Draft, envelope: Envelope, standing: Standing, now: Millis, *, is_part: bool) -> MessageRow:
    scope, addresses = draft.scope, envelope.prepared.recipients
    message_id = new_message_id(scope, now)
    listed = envelope.prepared.list_management
    mail = MailFacts(
        sender=envelope.sender,
        sender_address=envelope.sender_address,
        source_identity=envelope.identity_among(standing.verified),
        source_arn=envelope.on_behalf_of,
        source_ip=draft.source_ip,
        caller_identity=draft.caller_identity,
        recipients=list(addresses),
        headers=list(envelope.headers),
        headers_truncated=envelope.headers_truncated,
        tags=_tags(draft, envelope),
        return_path=envelope.return_path,
        templated=envelope.templated,
        template=envelope.template,
        only_to=envelope.only_to,
        tenant=envelope.prepared.tenant,
        pool=standing.pool,
        contact_list=listed.contact_list if listed else "",
        topic=listed.topic if listed else "",
        opens=draft.tracked.opens,
        clicks=draft.tracked.clicks,
    )
    return MessageRow(
        message_id,
        scope.account,
        scope.region,
        draft.send_id or (new_message_id(scope, now) if is_part else message_id),
        now,
        draft.operation,
        envelope.prepared.configuration_set or "",
        envelope.sender,
        envelope.subject,
        len(envelope.prepared.raw),
        len(addresses),
        _write_mail(mail).decode(),
        "",
    )


def _tags(draft: Draft, envelope: Envelope) -> dict[str, list[str]]:
    tags = {"ses:operation": [draft.operation]}
    if envelope.prepared.configuration_set:
        tags["ses:configuration-set"] = [envelope.prepared.configuration_set]
    if envelope.prepared.tenant:
        tags["ses:tenant-name"] = [envelope.prepared.tenant]
    tags["ses:source-ip"] = [draft.source_ip]
    if envelope.from_domain:
        tags["ses:from-domain"] = [envelope.from_domain]
    tags["ses:caller-identity"] = [draft.caller_identity]
    for name, value in envelope.prepared.tags:
        tags[name] = [value]
    return tags


def keep_promises(promises: Sequence[Promise]) -> Plan[list[Refusal | str | None]]:
    """Put promises on disk together.

    The verdict of each is None, or why it was not kept, or the MessageId of the same message that was
    promised earlier.
    """
    verdicts = yield from _verdicts(promises)
    kept = [promise for promise, verdict in zip(promises, verdicts, strict=True) if verdict is None]
    if kept:
        first = kept[0].message
        large = [promise for promise in kept if promise.everybody]
        bodies = [*(promise.body for promise in kept), *(promise.everybody for promise in large)]
        references = yield Keep(bodies, [promise.message.account for promise in (*kept, *large)], first.accepted_at)
        yield from messages.add(
            [promise.message._replace(body=at) for promise, at in zip(kept, references, strict=False)],
            [recipient for promise in kept for recipient in promise.recipients],
        )
        yield from outgoing.add([row for promise in kept for row in promise.outgoing])
        yield from large_sends.add(
            [_large_send(promise, at) for promise, at in zip(large, references[len(kept) :], strict=True)]
        )
        yield from record([event for promise in kept for event in promise.events])
        yield from messages.use_quota(_quota_uses(kept))
        if listed := [contact for promise in kept for contact in promise.contacts]:
            yield from contacts.add_unknown(listed, first.accepted_at)
    return verdicts


def _large_send(promise: Promise, listed_at: str) -> LargeSendRow:
    message = promise.message
    at = message.accepted_at
    return LargeSendRow(
        message.message_id, *message.scope, message.send_id, at, listed_at, promise.addressed, 1, at, ""
    )


def _verdicts(promises: Sequence[Promise]) -> Plan[list[Refusal | str | None]]:
    """Judge each; what is there already is asked first, since it counts against no quota."""
    known = [(promise.once, promise.message.message_id) for promise in promises if promise.once]
    verdicts: dict[str, Refusal | str] = {}
    if known:
        verdicts |= yield from idempotency.remember(known, promises[0].message.accepted_at)
    new = [promise for promise in promises if promise.message.message_id not in verdicts]
    refusals = yield from refused([_asked(promise) for promise in new])
    if refusals:
        # Whoever came with the same message in the same moment is told the same.
        verdicts = {one: refusals.get(str(answer), answer) for one, answer in verdicts.items()}
        verdicts.update(refusals)
        yield from idempotency.forget([one.once for one in new if one.once and one.message.message_id in refusals])
    return [verdicts.get(promise.message.message_id) for promise in promises]


def _asked(promise: Promise) -> Asked:
    message = promise.message
    return Asked(
        message.scope,
        message.message_id,
        promise.addressed,
        promise.quota_recipients,
        promise.daily_limit,
        promise.rate,
        message.accepted_at,
    )


def _quota_uses(promises: Sequence[Promise]) -> list[tuple[str, str, Millis, int]]:
    # In one order for everybody, so that two processes that count at the same time never wait for each other.
    return sorted(
        (*promise.message.scope, promise.message.accepted_at, promise.quota_recipients)
        for promise in promises
        if promise.quota_recipients
    )


class Sender:
    """Answers a door only after the promise is on disk; raises what stood against it.

    With a `room`, NoRoom is raised when the disk has too little of it left, before anything is promised.
    """

    def __init__(
        self,
        store: Store,
        standings: Standings,
        route: Route,
        room: Room | None = None,
        courtesy: Courtesy | None = None,
    ) -> None:
        self._store = store
        self._standings = standings
        self._route = route
        self._room = room
        self._courtesy = courtesy or Courtesy()
        self._shut = ShutAccounts()

    async def send(self, draft: Draft, now: Millis) -> str:
        """Return the MessageId of what was promised, now or when the same was asked before."""
        (made,) = await self._promises((draft,), now)
        if isinstance(made, Promise):
            with self._courtesy.waiting():
                (away,) = await self._put_away((made,))
                verdict = await self._store.commit(keep_promises, away)
            made = self._verdict(draft, verdict, now) or made
        outcome = _told(draft, made)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def send_together(self, drafts: Sequence[Draft], now: Millis) -> list[str | Exception]:
        """Return what became of each, in order: its MessageId, or what stood against it.

        What stands against one is no matter of the others. Those promised share one transaction: when that
        cannot be written, its exception is raised and nothing is promised.
        """
        # From the first to the last: so many are waiting for an answer, though there is one caller.
        with self._courtesy.waiting(len(drafts)):
            made = await self._promises(drafts, now)
            away = await self._put_away([one for one in made if isinstance(one, Promise)])
            verdicts = iter((await self._store.write(keep_promises, away)) if away else ())
        kept = [
            self._verdict(draft, next(verdicts), now) or one if isinstance(one, Promise) else one
            for draft, one in zip(drafts, made, strict=True)
        ]
        return [_told(draft, one) for draft, one in zip(drafts, kept, strict=True)]

    async def most_recipients(self, scope: Scope) -> int:
        """Return how many recipients a message of this account may have, in one configuration set or another."""
        return await self._standings.most_recipients(scope)

    async def check(self, draft: Draft) -> None:
        """Raise what stands against a draft, whoever its recipients are to be if it has none; nothing is promised."""
        (envelope,) = await _read_each((draft,))
        against = envelope if isinstance(envelope, Exception) else await self._reason_against(draft, envelope)
        if against is not None:
            _told(draft, against)
            raise against

    async def _reason_against(self, draft: Draft, envelope: Envelope) -> Refusal | None:
        envelope, standing = await self._standings.of(draft.scope, envelope)
        checks = CHECKS if envelope.prepared.recipients else CHECKS_OF_THE_SENDER
        reasons = (check(envelope.prepared, standing) for check in checks)
        return next((reason for reason in reasons if reason), None)

    async def _promises(self, drafts: Sequence[Draft], now: Millis) -> list[Promise | str | Exception]:
        if self._room:
            self._room.check()
        envelopes = await _read_each(drafts)
        answered = await self._answered(drafts, envelopes, now)
        made: list[Promise | str | Exception] = []
        for place, (draft, envelope) in enumerate(zip(drafts, envelopes, strict=True)):
            try:
                if place in answered:
                    made.append(answered[place])
                elif isinstance(envelope, Exception):
                    made.append(envelope)
                else:
                    made.append(await self._promise(draft, envelope, now))
            except Exception as reason:
                made.append(reason)
        return made

    async def _answered(
        self, drafts: Sequence[Draft], envelopes: Sequence[Envelope | Exception], now: Millis
    ) -> dict[int, str | Refusal]:
        """Return the answers of those that were asked before, before anything could stand against them by now."""
        asked = {
            place: once
            for place, (draft, envelope) in enumerate(zip(drafts, envelopes, strict=True))
            if isinstance(envelope, Envelope)
            and (envelope.key is not None or (draft.invocation is not None and draft.invocation.is_again))
            and (once := once_of(draft, envelope.key))
        }
        if not asked:
            return {}
        there = await self._store.read(idempotency.earlier, list(asked.values()), now)
        return {place: idempotency.answer(once, there[once.at]) for place, once in asked.items() if once.at in there}

    async def _promise(self, draft: Draft, envelope: Envelope, now: Millis) -> Promise:
        envelope, standing = await self._standings.of(draft.scope, envelope)
        asked = (draft, envelope, standing, self._route, now)
        if len(envelope.prepared.recipients) > MOST_RECIPIENTS:
            promise = await asyncio.to_thread(accept, *asked)
        else:
            promise = accept(*asked)
        if promise.rate is not None and self._shut.is_shut(draft.scope, now):
            raise RateExceeded
        return promise

    async def _put_away(self, promises: Sequence[Promise]) -> Sequence[Promise]:
        """Put what one account sent where bodies are kept, if that is not the store, before anything refers to it."""
        if not promises:
            return promises
        first = promises[0].message
        sent = (one for promise in promises for one in (promise.body, promise.everybody))
        bodies = [one for one in sent if isinstance(one, bytes) and one]
        put = await elsewhere.put_away(self._store, bodies, first.account, first.accepted_at)
        if put is None:
            return promises
        places = iter(put)
        return [replace(one, body=next(places), everybody=next(places) if one.everybody else b"") for one in promises]

    def _verdict(self, draft: Draft, verdict: Refusal | str | None, now: Millis) -> Refusal | str | None:
        if isinstance(verdict, RateExceeded):
            self._shut.add(draft.scope, verdict.until, now)
        return verdict


def _told(draft: Draft, made: Promise | str | Exception) -> str | Exception:
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
