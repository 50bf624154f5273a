"""Who is to be told of a batch of events: event destinations and identity topics.

`targets_of` is a plan that reads, once for a batch, the configuration of its
messages; what comes out answers for each event. Most events are told nobody:
so all is found once for what has the same configuration, and a message is
read as a whole only where somebody is told of it. Called by fanout.py and
forwarding.py.
"""

from collections.abc import Collection, Mapping
from functools import cached_property

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


class _Source(msgspec.Struct, frozen=True):
    """What of MailFacts says who may want to be told."""

    sender_address: str
    source_arn: str = ""
    witnessed: bool = False
    republished: bool = False


_read_source = msgspec.json.Decoder(_Source).decode


class Mail:
    """A message that has events in the batch.

    `owner` is whose identity the sender speaks for: the account's own, or one on whose authority it was sent. Mail
    that others sent is not `told_of` unless that is wanted.
    """

    def __init__(self, row: MessageRow) -> None:
        source = _read_source(row.mail)
        parts = read_arn(source.source_arn) if source.source_arn else None
        self.row = row
        self.scope = row.scope
        self.owner = parts.scope if parts else self.scope
        self.sender_address = source.sender_address
        self.witnessed = source.witnessed
        self.told_of = source.republished or not source.witnessed

    @cached_property
    def facts(self) -> MailFacts:
        return _read_mail(self.row.mail)


class Targets:
    """The configuration that a batch needs."""

    def __init__(
        self,
        sets: Mapping[tuple[Scope, str], list[EventDestination]],
        by_name: Mapping[tuple[Scope, str], Identity],
    ) -> None:
        self._sets = sets
        self._by_name = by_name
        self._wanted: dict[tuple[Scope, str, Kind], list[EventDestination]] = {}
        self._covering: dict[tuple[Scope, str], Identity | None] = {}

    def event_destinations_for(self, kind: Kind, mail: Mail) -> list[EventDestination]:
        """Return the enabled event destinations of the message's configuration set that want this kind."""
        key = (mail.scope, mail.row.configuration_set, kind)
        if (wanted := self._wanted.get(key)) is None:
            there = self._sets.get(key[:2], [])
            wanted = self._wanted[key] = [one for one in there if one.enabled and kind.value in one.event_types]
        return wanted

    def identity_for(self, mail: Mail) -> Identity | None:
        """Return the most specific verified identity of the sender: its settings count, and no other's."""
        # https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html
        key = (mail.owner, mail.sender_address)
        if key not in self._covering:
            found = (self._by_name.get((mail.owner, name)) for name in covering_names(mail.sender_address))
            self._covering[key] = next((identity for identity in found if identity and identity.verified), None)
        return self._covering[key]


def mails_of(events: Collection[Event]) -> Plan[dict[str, Mail]]:
    """Return the messages that the events are about, by id, as far as they are still kept."""
    found = yield from messages.get_many(sorted({event.message_id for event in events}))
    return {message_id: Mail(row) for message_id, row in found.items()}


def targets_of(mails: Collection[Mail], notified: Collection[Mail]) -> Plan[Targets]:
    """Read the configuration of `mails`, and of `notified` also what covers their senders."""
    sets: dict[tuple[Scope, str], list[EventDestination]] = {}
    for key in sorted({(mail.scope, mail.row.configuration_set) for mail in mails if mail.row.configuration_set}):
        sets[key] = yield from event_destinations.of_set(*key)
    names: dict[Scope, set[str]] = {}
    for owner, sender in {(mail.owner, mail.sender_address) for mail in notified}:
        names.setdefault(owner, set()).update(covering_names(sender))
    found: dict[tuple[Scope, str], Identity] = {}
    for scope, wanted in sorted(names.items()):
        of_scope = yield from _identities(scope, sorted(wanted))
        found.update({(scope, name): identity for name, identity in of_scope.items()})
    return Targets(sets, found)


def _identities(scope: Scope, names: list[str]) -> Plan[dict[str, Identity]]:
    found: dict[str, Identity] = {}
    for start in range(0, len(names), identities.MOST_ASKED):
        found |= yield from identities.asked_for(scope, names[start : start + identities.MOST_ASKED])
    return found
