"""What became of one message for each of its recipients, as GetMessageInsights tells it.

Plans that only read the event log. Called by api/sesv2/insights.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetMessageInsights.html
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pillarbox.events.tail import event_of
from pillarbox.events.types import (
    Bounce,
    Click,
    Complaint,
    Event,
    MailFacts,
    Open,
    recipients_of,
)
from pillarbox.kit.clock import Millis
from pillarbox.kit.headers import decode_text
from pillarbox.kit.ids import Scope
from pillarbox.stats.providers import isp_name, providers_of
from pillarbox.store import events, messages
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan


class Bounced(NamedTuple):
    bounce_type: str
    subtype: str
    diagnostic_code: str | None


class Complained(NamedTuple):
    subtype: str | None
    feedback_type: str | None


class Happened(NamedTuple):
    """One event of one recipient; `kind` is a Kind of event."""

    at: Millis
    kind: str
    details: Bounced | Complained | None = None


class Recipient(NamedTuple):
    address: str
    isp: str
    events: list[Happened]


class Insights(NamedTuple):
    message_id: str
    sender: str
    subject: str
    tags: dict[str, list[str]]
    recipients: list[Recipient]


def insights(
    scope: Scope, message_id: str, unwritten: tuple[MessageRow, Sequence[Event]] | None = None
) -> Plan[Insights | None]:
    """Return what is known of a message of this account and region, or None.

    One that is promised and not written out yet is `unwritten`, with its first events.
    """
    message = yield from messages.get(message_id)
    told = [event_of(row) for row in (yield from events.of_message(message_id))]
    if message is None and unwritten is not None:
        message, told = unwritten[0], list(unwritten[1])
    if message is None or message.scope != scope:
        return None
    facts = msgspec.json.decode(message.mail, type=MailFacts)
    domains = {address: address.rpartition("@")[2].lower() for address in facts.recipients}
    known = yield from providers_of(domains.values())
    recipients = [
        Recipient(address, isp_name(known[domain]), _of_recipient(told, address, len(domains) == 1))
        for address, domain in domains.items()
    ]
    return Insights(message_id, facts.sender, decode_text(message.subject), facts.tags, recipients)


def _of_recipient(told: list[Event], address: str, is_alone: bool) -> list[Happened]:
    """Return the events about an address; an open or click by nobody knows whom is told of a single recipient only."""
    found = []
    for event in told:
        fact, about = event.fact, recipients_of(event.fact)
        if isinstance(fact, Open | Click):
            if (fact.recipient == address) if fact.recipient else is_alone:
                found.append(Happened(event.happened_at, event.kind.value))
        elif about is None or address in about:
            found.append(Happened(event.happened_at, event.kind.value, _details(event, address)))
    return found


def _details(event: Event, address: str) -> Bounced | Complained | None:
    fact = event.fact
    if isinstance(fact, Bounce):
        codes = (one.diagnostic_code for one in fact.recipients if one.address == address)
        return Bounced(fact.bounce_type, fact.bounce_subtype, next(codes, None))
    if isinstance(fact, Complaint):
        return Complained(fact.subtype, fact.feedback_type)
    return None
