"""Who is to be told of a batch of events: event destinations and identity topics.

`targets_of` is a plan that reads, once for a batch, the configuration of its
messages; what comes out answers for each event. Called by fanout.py.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from pillarbox.events.types import Event, Kind, MailFacts
from pillarbox.kit.ids import Scope
from pillarbox.resources import event_destinations, identities
from pillarbox.resources.event_destinations import EventDestination
from pillarbox.resources.identities import Identity
from pillarbox.resources.identity_names import covering_names, read_arn
from pillarbox.store import messages
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan

_read_mail = msgspec.json.Decoder(MailFacts).decode


class Mail(NamedTuple):
    """A message that has events in the batch."""

    row: MessageRow
    facts: MailFacts

    @property
    def owner(self) -> Scope:
        """Whose identity the sender speaks for: the account's own, or one on whose authority it was sent."""
        parts = read_arn(self.facts.source_arn)
        return parts.scope if parts else self.row.scope


class Targets(NamedTuple):
    """The configuration that a batch needs."""

    sets: Mapping[tuple[Scope, str], list[EventDestination]]
    identities: Mapping[tuple[Scope, str], Identity]

    def event_destinations_for(self, kind: Kind, message: MessageRow) -> list[EventDestination]:
        """Return the enabled event destinations of the message's configuration set that want this kind."""
        there = self.sets.get((message.scope, message.configuration_set), [])
        return [one for one in there if one.enabled and kind.value in one.event_types]

    def identity_for(self, mail: Mail) -> Identity | None:
        """Return the most specific verified identity of the sender: its settings count, and no other's."""
        # https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html
        names = covering_names(mail.facts.sender_address)
        found = (self.identities.get((mail.owner, name)) for name in names)
        return next((identity for identity in found if identity and identity.verified), None)


def mails_of(events: Collection[Event]) -> Plan[dict[str, Mail]]:
    """Return the messages that the events are about, by id, as far as they are still kept."""
    found = yield from messages.get_many(sorted({event.message_id for event in events}))
    return {message_id: Mail(row, _read_mail(row.mail)) for message_id, row in found.items()}


def targets_of(mails: Collection[Mail], notified: Collection[Mail]) -> Plan[Targets]:
    """Read the configuration of `mails`, and of `notified` also what covers their senders."""
    sets: dict[tuple[Scope, str], list[EventDestination]] = {}
    for key in sorted({(mail.row.scope, mail.row.configuration_set) for mail in mails if mail.row.configuration_set}):
        sets[key] = yield from event_destinations.of_set(*key)
    names: dict[Scope, set[str]] = {}
    for mail in notified:
        names.setdefault(mail.owner, set()).update(covering_names(mail.facts.sender_address))
    found: dict[tuple[Scope, str], Identity] = {}
    for scope, wanted in names.items():
        of_scope = yield from _identities(scope, sorted(wanted))
        found.update({(scope, name): identity for name, identity in of_scope.items()})
    return Targets(sets, found)


def _identities(scope: Scope, names: list[str]) -> Plan[dict[str, Identity]]:
    found: dict[str, Identity] = {}
    for start in range(0, len(names), identities.MOST_ASKED):
        found |= yield from identities.asked_for(scope, names[start : start + identities.MOST_ASKED])
    return found
