"""The suppression list at work: who gets no attempt, and who is put on the list for what an attempt brought.

Plans over resources/suppression.py. `held_back` is asked by the worker for all
that it has claimed at once; `suppress` runs in the transaction that records
what was learned.
"""

from collections.abc import Mapping, Sequence

import msgspec

from pillarbox.delivery.classify import blames_the_address
from pillarbox.delivery.outcome import Refused, Suppressed
from pillarbox.delivery.subscriptions import unwilling
from pillarbox.events.types import (
    ON_ACCOUNT_LIST,
    ON_GLOBAL_LIST,
    ON_TENANT_LIST,
    UNSUBSCRIBED,
    Bounce,
    Complaint,
    Event,
    Fact,
    listed_in,
)
from pillarbox.kit.ids import SERVICE_ACCOUNT
from pillarbox.resources import suppression
from pillarbox.resources.suppression import Feedback, Recipient
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.store import messages
from pillarbox.store.messages import MessageRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Plan

Key = tuple[str, int]  # of an outgoing row
HeldBack = Mapping[str, Suppressed | Refused]

_OURS = frozenset({ON_GLOBAL_LIST, ON_ACCOUNT_LIST, ON_TENANT_LIST, UNSUBSCRIBED})
# Reports in the form of complaints in which nobody has called the mail unwanted.
# https://www.rfc-editor.org/rfc/rfc5965#section-7.3 https://www.rfc-editor.org/rfc/rfc6591
_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure"})


class _ForWhom(msgspec.Struct):
    """The one member of MailFacts that is asked here, for every message that is delivered."""

    tenant: str = ""


_read_tenant = msgspec.json.Decoder(_ForWhom).decode
_read_list = msgspec.json.Decoder(list[str]).decode


def held_back(rows: Sequence[OutgoingRow], known: Mapping[str, MessageRow]) -> Plan[Mapping[Key, HeldBack]]:
    """Return whom these rows must not reach, by message and part; only before their first attempt."""
    places: dict[Recipient, list[Key]] = {}
    for row in rows:
        if row.attempts:  # what has been near the far side once is that attempt's to end
            continue
        message = known[row.message_id]
        tenant = _tenant_of(message)
        for address in _read_list(row.recipients):
            recipient = Recipient(row.scope, message.configuration_set, address, tenant)
            places.setdefault(recipient, []).append((row.message_id, row.part))
    held = yield from suppression.held_back(places.keys())
    found: dict[Key, dict[str, Suppressed | Refused]] = {}
    to_lists = [row for row in rows if not row.attempts and listed_in(known[row.message_id].mail)]
    if to_lists:
        for key, addresses in (yield from unwilling(to_lists, known)).items():
            found[key] = dict.fromkeys(addresses, Refused(subtype=UNSUBSCRIBED))
    for recipient, (reason, of_tenant) in held.items():
        for key in places[recipient]:
            found.setdefault(key, {})[recipient.address] = Suppressed(reason, of_tenant)
    return found


def suppress(events: Sequence[Event]) -> Plan[None]:
    """Put on the list whoever bounced for good or complained by these events.

    The service itself has no list: whoever it writes to has asked for that mail in this moment.
    """
    theirs = [event for event in events if event.scope.account != SERVICE_ACCOUNT]
    against = [(event, *told) for event in theirs if (told := _told(event.fact))]
    if not against:
        return
    known = yield from messages.get_many(sorted({event.message_id for event, *_ in against}))
    feedback = []
    for event, reason, feedback_id, addresses in against:
        message = known.get(event.message_id)
        configuration_set, tenant = (message.configuration_set, _tenant_of(message)) if message else ("", "")
        for address in addresses:
            recipient = Recipient(event.scope, configuration_set, address, tenant)
            feedback.append(Feedback(recipient, reason, event.message_id, feedback_id, event.recorded_at))
    yield from suppression.add(feedback)


def _tenant_of(message: MessageRow) -> str:
    return _read_tenant(message.mail).tenant if '"tenant":' in message.mail else ""


def _told(fact: Fact) -> tuple[Reason, str, list[str]] | None:
    """Return what a fact says against whom, and its id; a refusal by a rule of ours says nothing new."""
    if isinstance(fact, Complaint):
        if fact.subtype in _OURS or fact.feedback_type in _NO_COMPLAINTS:
            return None
        return Reason.COMPLAINT, fact.feedback_id, fact.recipients
    if isinstance(fact, Bounce) and fact.bounce_type == "Permanent" and fact.bounce_subtype not in _OURS:
        gone = [one.address for one in fact.recipients if blames_the_address(one.status)]
        return (Reason.BOUNCE, fact.feedback_id, gone) if gone else None
    return None
