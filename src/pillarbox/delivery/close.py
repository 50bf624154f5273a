"""From outcomes to facts: which events an attempt makes, and who is tried again.

`close` is pure; `close_attempts` is the plan that writes a group of closings,
events and rows in one transaction. Called by the worker.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.delivery.classify import BounceClass, bounce_class, delay_type, enhanced_status
from pillarbox.delivery.lanes import lane_of
from pillarbox.delivery.outcome import Accepted, Deferred, Delivered, Outcome, Postponed, Refused, Suppressed
from pillarbox.delivery.retry import GIVE_UP_AFTER, expires_at, next_attempt_at
from pillarbox.delivery.suppression import suppress
from pillarbox.delivery.tracking import UNMARKED, Marks
from pillarbox.events.record import record, record_once
from pillarbox.events.types import (
    ON_ACCOUNT_LIST,
    ON_TENANT_LIST,
    UNSUBSCRIBED,
    Bounce,
    BouncedRecipient,
    Complaint,
    Delivery,
    DeliveryDelay,
    Event,
    Fact,
    Kind,
    Reject,
)
from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import new_message_id
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.store import conversations, outgoing, upstream_ids
from pillarbox.store.conversations import ConversationRow
from pillarbox.store.outgoing import Closing, OutgoingRow
from pillarbox.store.plan import Plan
from pillarbox.store.upstream_ids import UpstreamId

_ON_THE_LIST = (
    "Amazon SES did not send the message to this address because it is on the suppression list for your {owner}."
)
_NOT_WANTED = "Amazon SES did not send the message to this address because the contact has unsubscribed from it."

_NO_ANSWER = Deferred("the transport gave no answer", ours=True)

_recipients = msgspec.json.Decoder(list[str]).decode


class Closed(NamedTuple):
    """What to write when an attempt is over."""

    closing: Closing
    events: tuple[Event, ...]
    links: tuple[UpstreamId, ...] = ()
    conversations: tuple[ConversationRow, ...] = ()


def close(
    row: OutgoingRow,
    outcomes: Mapping[str, Outcome],
    reporting_mta: str,
    now: Millis,
    give_up_after: Millis = GIVE_UP_AFTER,
    marks: Marks = UNMARKED,
) -> Closed:
    """Say what follows from the outcomes of a row's recipients, who are tried for `give_up_after` in all.

    `marks` is what the mail carried that was handed over.

    Recipients without an outcome are deferred: a transport that forgot them
    has not delivered them.
    """
    delivered: dict[tuple[str, str | None], list[str]] = {}
    complained: dict[str, list[str]] = {}
    bounced: dict[tuple[BounceClass, str | None], list[BouncedRecipient]] = {}
    held_back: dict[Suppressed, list[str]] = {}
    again: dict[str, Deferred | Postponed] = {}
    accepted = {outcome for outcome in outcomes.values() if isinstance(outcome, Accepted)}
    recipients = _recipients(row.recipients)
    is_over = all(isinstance(outcomes.get(address), Delivered) for address in recipients)
    due_at = None if is_over else _next_attempt_at(row, now, give_up_after)
    for address in recipients:
        outcome = outcomes.get(address, _NO_ANSWER)
        if isinstance(outcome, Delivered):
            delivered.setdefault((outcome.reply, outcome.remote_ip), []).append(address)
            if outcome.complaint:
                complained.setdefault(outcome.complaint, []).append(address)
        elif isinstance(outcome, Suppressed):
            held_back.setdefault(outcome, []).append(address)
        elif isinstance(outcome, Postponed) or (isinstance(outcome, Deferred) and due_at is not None):
            again[address] = outcome
        elif not isinstance(outcome, Accepted):
            kind = _bounce_class(outcome, give_up_after)
            bounced.setdefault((kind, outcome.remote_ip), []).append(_bounced(address, outcome))
    facts: list[Fact] = [
        Delivery(to, reply, now - row.accepted_at, reporting_mta, ip, row.transport, *marks)
        for (reply, ip), to in delivered.items()
    ]
    facts += [
        Bounce(*kind, to, new_message_id(row.scope, now), f"dsn; {reporting_mta}", ip)
        for (kind, ip), to in bounced.items()
    ]
    facts += [
        Complaint(to, new_message_id(row.scope, now), feedback_type=kind, arrived_at=now)
        for kind, to in complained.items()
    ]
    facts += [_held_back(row, why, to, reporting_mta, now) for why, to in held_back.items()]
    deferred = {address: outcome for address, outcome in again.items() if isinstance(outcome, Deferred)}
    why = _reasons(again)
    if deferred and why != row.why:  # the first deferral, or one for another reason
        facts += _delays(row, deferred, reporting_mta, give_up_after)
    closing = _closing(row, list(again), due_at, why)
    if postponed := [outcome for outcome in again.values() if isinstance(outcome, Postponed)]:
        closing = _postponed(row, closing, postponed[0], now, is_attempt=bool(deferred or facts))
    links = tuple([UpstreamId(one.upstream, one.their_id, row.message_id, now) for one in accepted])
    return Closed(closing, _events(row, facts, now), links)


def reject(row: OutgoingRow, reason: str, now: Millis) -> Closed:
    """The mail is never delivered to anybody, for what it carries."""
    event = Event(f"{row.message_id}/reject", row.scope, row.message_id, now, now, Reject(reason))
    return Closed(_closing(row, [], None, reason), (event,))


def close_attempts(group: Sequence[Closed]) -> Plan[list[bool]]:
    """Write the ends of several attempts; False for one whose lease was lost (its events are not written)."""
    held = []
    for closed in group:
        held.append((yield from outgoing.close(closed.closing)))
    events = [event for closed, mine in zip(group, held, strict=True) if mine for event in closed.events]
    for event in events:
        if event.kind is Kind.REJECT:  # one for the message, however many ways its recipients go
            yield from record_once(event, event.event_id)
    if attempted := [event for event in events if event.kind is not Kind.REJECT]:
        yield from record(attempted)
        yield from suppress(attempted)
    kept = [row for closed, mine in zip(group, held, strict=True) if mine for row in closed.conversations]
    if kept:
        yield from conversations.keep(kept)
    if links := sorted({link for closed in group for link in closed.links}):
        yield from upstream_ids.link(links)
    return held


def _closing(row: OutgoingRow, again: list[str], due_at: Millis | None, why: str) -> Closing:
    left = msgspec.json.encode(again).decode() if again else None
    return Closing(row.message_id, row.part, row.lease, left, due_at or 0, why)


def _postponed(row: OutgoingRow, closing: Closing, outcome: Postponed, now: Millis, *, is_attempt: bool) -> Closing:
    """Wait for the far side to take mail again, or go to another at once.

    It counts as an attempt only beside what does: events of an attempt are known by its number.
    """
    # Behind a closed lane it is due as soon as that opens, which may be earlier than was thought.
    due_at = now if outcome.provider or outcome.closed else now + round(outcome.seconds * SECOND)
    if is_attempt:
        due_at = max(due_at, closing.due_at)
    lane = lane_of(row.scope, row.transport, outcome.provider) if outcome.provider else ""
    return closing._replace(due_at=due_at, lane=lane, tries=int(is_attempt))


def _next_attempt_at(row: OutgoingRow, now: Millis, give_up_after: Millis) -> Millis | None:
    return next_attempt_at(f"{row.message_id}/{row.part}", row.accepted_at, row.attempts + 1, now, give_up_after)


def _bounce_class(outcome: Deferred | Refused, give_up_after: Millis) -> BounceClass:
    if isinstance(outcome, Refused):
        return bounce_class(outcome.reply, outcome.subtype)
    if give_up_after != GIVE_UP_AFTER:
        return BounceClass("Transient", "CustomTimeoutExceeded")
    # Trying ended without a lasting refusal: SES calls that Transient whatever the reply was.
    kind = bounce_class(outcome.reply)
    return BounceClass("Transient", kind.bounce_subtype if outcome.reply else "General")


def _bounced(address: str, outcome: Deferred | Refused) -> BouncedRecipient:
    if outcome.reply is None:
        if isinstance(outcome, Deferred):
            return BouncedRecipient(address, "failed", "4.4.7", f"smtp; {outcome.why}")
        if outcome.subtype == UNSUBSCRIBED:
            return BouncedRecipient(address, "failed", "5.7.1", _NOT_WANTED)
        return BouncedRecipient(
            address,
            "failed",
            "5.1.1",
            "Amazon SES has suppressed sending to this address because it has a recent "
            "history of bouncing as an invalid address.",
        )
    return BouncedRecipient(address, "failed", enhanced_status(outcome.reply), f"smtp; {outcome.reply}")


def _held_back(row: OutgoingRow, why: Suppressed, to: list[str], reporting_mta: str, now: Millis) -> Fact:
    """Tell of recipients on the suppression list as SES does: as of the feedback that brought them there."""
    feedback_id = new_message_id(row.scope, now)
    subtype = ON_TENANT_LIST if why.of_tenant else ON_ACCOUNT_LIST
    if why.reason is Reason.COMPLAINT:
        return Complaint(to, feedback_id, subtype=subtype)
    said = _ON_THE_LIST.format(owner="tenant" if why.of_tenant else "account")
    bounced = [BouncedRecipient(address, "failed", "5.1.1", said) for address in to]
    return Bounce("Permanent", subtype, bounced, feedback_id, f"dsn; {reporting_mta}")


def _delays(row: OutgoingRow, again: Mapping[str, Deferred], reporting_mta: str, give_up_after: Millis) -> list[Fact]:
    until = expires_at(row.accepted_at, give_up_after)
    by_type: dict[str, list[BouncedRecipient]] = {}
    for address, outcome in again.items():
        said = outcome.reply or outcome.why
        status = enhanced_status(outcome.reply) or "4.0.0"
        kind = delay_type(outcome.reply, ours=outcome.ours)
        by_type.setdefault(kind, []).append(BouncedRecipient(address, None, status, f"smtp; {said}"))
    return [DeliveryDelay(kind, until, to, reporting_mta) for kind, to in by_type.items()]


def _reasons(again: Mapping[str, Deferred | Postponed]) -> str:
    reasons = {
        outcome.why
        if isinstance(outcome, Postponed)
        else f"{delay_type(outcome.reply, ours=outcome.ours)}: {outcome.reply or outcome.why}"
        for outcome in again.values()
    }
    return "; ".join(sorted(reasons))


def _events(row: OutgoingRow, facts: Sequence[Fact], now: Millis) -> tuple[Event, ...]:
    return tuple(_event(row, f"{row.attempts + 1}/{place}", fact, now) for place, fact in enumerate(facts))


def _event(row: OutgoingRow, name: str, fact: Fact, now: Millis) -> Event:
    # A crash repeats an attempt, and the repeat has really happened: but only one of the two can close the row.
    return Event(f"{row.message_id}/{row.part}/{name}", row.scope, row.message_id, now, now, fact)
