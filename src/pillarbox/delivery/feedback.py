"""From what comes back by mail to facts about a message: recorded always, and once.

`judge` is pure; `take` is the plan that records what a report says, in one
transaction with what it does to the suppression list. Called by
edge/return_path.py, which knows from a signed address whose report it is. What
a report says otherwise of the message is not believed: it can speak of the
recipients of that one message and of nobody else.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.delivery.classify import BounceClass, bounce_class, delay_type
from pillarbox.delivery.reports.report import ComplaintReport, DeliveryReport, Fate, Reading
from pillarbox.delivery.retry import expires_at
from pillarbox.delivery.suppression import suppress
from pillarbox.delivery.verp import Returned
from pillarbox.events.record import record_once
from pillarbox.events.types import (
    Bounce,
    BouncedRecipient,
    Complaint,
    DeliveryDelay,
    Event,
    Fact,
    MailFacts,
    kind_of,
    recipients_of,
)
from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import new_message_id
from pillarbox.store import messages
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan

# Clocks of strangers are wrong by minutes; what is wrong by more than this has not been read right.
_WRONG_BY_AT_MOST: Millis = DAY
_WORST_FIRST = ("failed", "delayed", "expanded", "relayed", "delivered")

_read_mail = msgspec.json.Decoder(MailFacts).decode


class NoTime(Exception):
    """The report tells a fact and no time of it that could be true: nobody may make one up."""


class Taken(NamedTuple):
    """What became of a report: `message` is None for one that is no longer kept; `new` were recorded now."""

    message: MessageRow | None
    told: int
    new: tuple[Event, ...]


def take(reading: Reading, returned: Returned, now: Millis) -> Plan[Taken]:
    """Record what the report says of the message; NoTime undoes nothing but itself."""
    message = yield from messages.get(returned.message_id)
    if message is None:
        return Taken(None, 0, ())
    events = judge(reading, message, returned.recipient, now)
    new = []
    for event in events:
        if (yield from record_once(event, event.event_id)):
            new.append(event)
    yield from suppress(new)
    return Taken(message, len(events), tuple(new))


def judge(reading: Reading, message: MessageRow, recipient: int, now: Millis) -> tuple[Event, ...]:
    """Return the events that follow from a report; none from one that tells nothing new, like a success.

    `recipient` is the place of the one that the report is about, or none of the list's when it may be any.
    """
    recipients = _read_mail(message.mail).recipients
    one = recipients[recipient : recipient + 1]
    facts: list[Fact] = []
    if isinstance(reading.report, DeliveryReport):
        facts = _delivery_facts(reading.report, message, recipients, one, now)
    elif isinstance(reading.report, ComplaintReport):
        facts = [_complaint(reading.report, message, one or recipients, now)]
    if not facts:
        return ()
    happened_at = _happened_at(reading.times, message.accepted_at, now)
    return tuple(_event(message, fact, happened_at, now) for fact in facts)


def _happened_at(times: Sequence[Millis], accepted_at: Millis, now: Millis) -> Millis:
    for at in times:
        if accepted_at - _WRONG_BY_AT_MOST <= at <= now + _WRONG_BY_AT_MOST:
            return max(at, accepted_at)  # dates are told in whole seconds, and nothing comes back before it is sent
    raise NoTime


def _delivery_facts(
    report: DeliveryReport, message: MessageRow, recipients: Sequence[str], one: Sequence[str], now: Millis
) -> list[Fact]:
    bounced: dict[BounceClass, list[BouncedRecipient]] = {}
    delayed: dict[tuple[str, Millis], list[BouncedRecipient]] = {}
    for address, fate in _fates(report.fates, recipients, one).items():
        said = " ".join(filter(None, (fate.status, fate.reply))) or None
        diagnostic = f"smtp; {fate.reply}" if fate.reply else None
        if fate.action == "failed":
            told = BouncedRecipient(address, "failed", fate.status, diagnostic)
            bounced.setdefault(bounce_class(said), []).append(told)
        elif fate.action == "delayed":
            until = fate.retried_until or expires_at(message.accepted_at)
            kind = delay_type(said, ours=False)
            delayed.setdefault((kind, until), []).append(BouncedRecipient(address, None, fate.status, diagnostic))
    mta = report.reporting_mta
    facts: list[Fact] = [Bounce(*kind, to, new_message_id(message.scope, now), mta) for kind, to in bounced.items()]
    return facts + [DeliveryDelay(kind, until, to, mta) for (kind, until), to in delayed.items()]


def _fates(fates: Sequence[Fate], recipients: Sequence[str], one: Sequence[str]) -> Mapping[str, Fate]:
    """Return what is said of whom, under the addresses that we wrote to.

    A report about one recipient is about that one whatever it calls them: mail is forwarded, and then the far
    end's name for the mailbox is nobody's business.
    """
    ours = {address.lower(): address for address in recipients}
    named: dict[str, Fate] = {}
    for fate in sorted(fates, key=lambda fate: _WORST_FIRST.index(fate.action)):
        for address in _known(fate.addresses, ours):
            named.setdefault(address, fate)
    alone = one or (recipients if len(recipients) == 1 else ())
    if alone:
        worst = min(fates, key=lambda fate: _WORST_FIRST.index(fate.action))
        return {alone[0]: named.get(alone[0], worst)}
    return named


def _known(addresses: Sequence[str], ours: Mapping[str, str]) -> Iterator[str]:
    return (ours[address.lower()] for address in addresses if address.lower() in ours)


def _complaint(report: ComplaintReport, message: MessageRow, among: Sequence[str], now: Millis) -> Complaint:
    """Tell of a complaint. Providers hide who complained: then it is everybody whom the report can be about.

    https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#complained-recipients
    """
    ours = {address.lower(): address for address in among}
    named = list(dict.fromkeys(_known(report.addresses, ours)))
    return Complaint(
        named or list(among),
        new_message_id(message.scope, now),
        user_agent=report.user_agent,
        feedback_type=report.feedback_type,
        arrived_at=report.arrived_at,
    )


def _event(message: MessageRow, fact: Fact, happened_at: Millis, now: Millis) -> Event:
    """Name the event by what it says, so that the same report, come twice, tells the same event."""
    parts = [kind_of(fact).value, str(happened_at), *sorted(recipients_of(fact) or ())]
    if isinstance(fact, Bounce | DeliveryDelay):
        parts += sorted(f"{one.status} {one.diagnostic_code}" for one in fact.recipients)
    elif isinstance(fact, Complaint):
        parts.append(str(fact.feedback_type))
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
    return Event(f"{message.message_id}/report/{digest}", message.scope, message.message_id, happened_at, now, fact)
