"""The one way from a draft to a promise.

`accept` is pure and says what is promised; `keep_promises` is the plan that
puts a group of promises on disk in one transaction, with a verdict for each.
sending/sender.py joins the two for the doors. Nothing else creates messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.events.record import record
from pillarbox.events.types import Event
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import new_message_id
from pillarbox.kit.simulated import is_simulated
from pillarbox.resources import contacts
from pillarbox.resources.contacts import Addressed
from pillarbox.sending import deferred, idempotency, split, unmade
from pillarbox.sending.admission import Asked, refused
from pillarbox.sending.deferred import Deferred
from pillarbox.sending.draft import Draft
from pillarbox.sending.envelope import Envelope
from pillarbox.sending.idempotency import Once, once_of
from pillarbox.sending.list_management import addressed
from pillarbox.sending.policy import CHECKS, Standing
from pillarbox.sending.rows import Route, SentAs, belongings_of, message_row
from pillarbox.sending.unmade import Unmade
from pillarbox.store import large_sends, messages, outgoing
from pillarbox.store.large_sends import LargeSendRow
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Keep, Plan, PutAway


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

    @property
    def asked(self) -> Asked:
        message = self.message
        return Asked(
            message.scope,
            message.message_id,
            self.addressed,
            self.quota_recipients,
            self.daily_limit,
            self.rate,
            message.accepted_at,
        )


def accept(draft: Draft, envelope: Envelope, standing: Standing, route: Route, now: Millis) -> Promise:
    """Say what is promised for `draft`, or raise the first reason not to."""
    _check(envelope, standing)
    everybody = envelope.prepared.recipients
    listed = b""
    if standing.splits:
        listed = split.list_of(envelope) if len(everybody) > 1 else b""
        envelope = split.for_one_each(draft, envelope)
    addresses = envelope.prepared.recipients
    message_id = new_message_id(draft.scope, now)
    send_id = draft.send_id or (new_message_id(draft.scope, now) if listed else message_id)
    message = message_row(draft, envelope, _sent_as(envelope, standing), message_id, send_id, now)
    belongings = belongings_of(message, addresses, envelope.failure, route, now, standing.pool)
    return Promise(
        message=message,
        body=envelope.prepared.raw,
        recipients=belongings.recipients,
        outgoing=belongings.outgoing,
        events=belongings.events,
        addressed=len(everybody),
        quota_recipients=_quota_recipients(everybody),
        daily_limit=standing.daily_limit,
        rate=standing.rate,
        once=once_of(draft, envelope.key),
        everybody=listed,
        contacts=addressed([(message, addresses)]) if envelope.prepared.list_management else (),
    )


def accept_deferred(
    draft: Draft, envelope: Envelope, standing: Standing, message_id: str, number: int, now: Millis
) -> Deferred:
    """Say what is promised for a draft of a call whose message is made later, or raise the first reason not to."""
    _check(envelope, standing)
    asked, once = _asked(draft, envelope, standing, message_id, now), once_of(draft, envelope.key)
    return deferred.defer(draft, envelope, _sent_as(envelope, standing), asked, once, number)


def accept_unmade(draft: Draft, envelope: Envelope, standing: Standing, message_id: str, now: Millis) -> Unmade:
    """Say what is promised for a single draft whose message is made later, or raise the first reason not to."""
    _check(envelope, standing)
    asked, once = _asked(draft, envelope, standing, message_id, now), once_of(draft, envelope.key)
    return unmade.promise(draft, envelope, _sent_as(envelope, standing), asked, once)


def _asked(draft: Draft, envelope: Envelope, standing: Standing, message_id: str, now: Millis) -> Asked:
    everybody = envelope.prepared.recipients
    limits = (standing.daily_limit, standing.rate)
    return Asked(draft.scope, message_id, len(everybody), _quota_recipients(everybody), *limits, now)


def _check(envelope: Envelope, standing: Standing) -> None:
    for check in CHECKS:
        if reason := check(envelope.prepared, standing):
            raise reason


def _sent_as(envelope: Envelope, standing: Standing) -> SentAs:
    return SentAs(envelope.identity_among(standing.verified), standing.pool)


def _quota_recipients(addresses: Sequence[str]) -> int:
    return sum(not is_simulated(address) for address in addresses)


def keep_promises(
    promises: Sequence[Promise | Deferred | Unmade], listed: bytes | PutAway = b""
) -> Plan[list[Refusal | str | None]]:
    """Put promises on disk together; `listed` is the list of those that are deferred.

    The verdict of each is None, or why it was not kept, or the MessageId of the same message that was
    promised earlier.
    """
    verdicts = yield from _verdicts(promises)
    kept = [promise for promise, verdict in zip(promises, verdicts, strict=True) if verdict is None]
    if kept:
        yield from _keep([promise for promise in kept if isinstance(promise, Promise)])
        yield from _keep_list([promise for promise in kept if isinstance(promise, Deferred)], listed)
        yield from _keep_unmade([promise for promise in kept if isinstance(promise, Unmade)])
        uses = [promise.asked for promise in kept]
        yield from messages.use_quota([(*one.scope, one.now, one.quota_recipients) for one in uses])
    return verdicts


def _keep(kept: Sequence[Promise]) -> Plan[None]:
    if not kept:
        return
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
    if listed := [contact for promise in kept for contact in promise.contacts]:
        yield from contacts.add_unknown(listed, first.accepted_at)


def _keep_list(kept: Sequence[Deferred], listed: bytes | PutAway) -> Plan[None]:
    if kept:
        asked = kept[0].asked
        (listed_at,) = yield Keep([listed], [asked.scope.account], asked.now)
        yield from large_sends.add([deferred.row_of(kept, listed_at)])


def _keep_unmade(kept: Sequence[Unmade]) -> Plan[None]:
    if not kept:
        return
    lists = unmade.together(kept)
    whose = [one[0].asked.scope.account for one in lists]
    references = yield Keep([unmade.list_of(one) for one in lists], whose, kept[0].asked.now)
    yield from large_sends.add([unmade.row_of(one, at) for one, at in zip(lists, references, strict=True)])


def _large_send(promise: Promise, listed_at: str) -> LargeSendRow:
    message = promise.message
    at = message.accepted_at
    return LargeSendRow(
        message.message_id, *message.scope, message.send_id, at, listed_at, promise.addressed, 1, at, ""
    )


def _verdicts(promises: Sequence[Promise | Deferred | Unmade]) -> Plan[list[Refusal | str | None]]:
    """Judge each; what is there already is asked first, since it counts against no quota."""
    asked = [promise.asked for promise in promises]
    known = [(promise.once, one.key) for promise, one in zip(promises, asked, strict=True) if promise.once]
    verdicts: dict[str, Refusal | str] = {}
    if known:
        verdicts |= yield from idempotency.remember(known, asked[0].now)
    refusals = yield from refused([one for one in asked if one.key not in verdicts])
    if refusals:
        # Whoever came with the same message in the same moment is told the same.
        verdicts = {one: refusals.get(str(answer), answer) for one, answer in verdicts.items()}
        verdicts.update(refusals)
        yield from idempotency.forget([once for once, message_id in known if message_id in refusals])
    return [verdicts.get(one.key) for one in asked]
