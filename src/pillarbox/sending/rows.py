"""The rows that a promised message is made of.

Pure. Called by accept for every message, and by the expander for the parts of a
split send and the entries of a bulk send, so that a message is the same wherever
it was written.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from pillarbox.events.types import Event, MailFacts, RenderingFailure, Send
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import Draft
from pillarbox.sending.envelope import Envelope
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.outgoing import OutgoingRow

# Transports whose next hop takes recipients of all domains at once: to another SES they are one message.
_ALL_DOMAINS = frozenset({"ses"})

_write = msgspec.json.Encoder().encode


class Route(Protocol):
    """Tells which transport serves a recipient domain, from which pool of addresses, and in which lane it queues."""

    def __call__(self, scope: Scope, configuration_set: str | None, domain: str, pool: str = "") -> tuple[str, str]: ...


class SentAs(NamedTuple):
    """What the account's standing made of a send: which of its identities sends it, from which pool of addresses."""

    identity: str | None
    pool: str


class Belongings(NamedTuple):
    """What belongs to a message row: its recipients, its place in the delivery queue, its first events."""

    recipients: tuple[RecipientRow, ...]
    outgoing: tuple[OutgoingRow, ...]
    events: tuple[Event, ...]


class Written(NamedTuple):
    """A message as it is written out, with its `body` if it has one of its own; else its row refers to one.

    `fault` is why it could not be made as it was promised.
    """

    message: MessageRow
    own: Belongings
    body: bytes | None = None
    fault: str = ""


class Promised(NamedTuple):
    """What is known of a message with its promise."""

    message: MessageRow
    recipients: tuple[RecipientRow, ...]
    events: tuple[Event, ...]


class Made(NamedTuple):
    """A message that is promised as one of several, as it will be written out; with a `failure` it is not delivered."""

    message: MessageRow
    addresses: Sequence[str]
    pool: str = ""
    body: bytes | None = None
    failure: RenderingFailure | None = None
    fault: str = ""

    def written(self, route: Route, now: Millis) -> Written:
        own = belongings_of(self.message, self.addresses, self.failure, route, now, self.pool)
        return Written(self.message, own, self.body, self.fault)

    def promised(self) -> Promised:
        """Return it as it has been since it was promised."""
        message, at = self.message, self.message.accepted_at
        events = _events(message, self.failure, at)
        return Promised(message, _recipients(message, self.addresses, at), events)

    def failed(self, template: str, fault: str) -> "Made":
        """Return it as one that cannot be made for a fault: nothing of its content is kept."""
        message = self.message._replace(size=0, body="")
        return self._replace(message=message, body=None, failure=RenderingFailure(template, fault), fault=fault)


def message_row(
    draft: Draft, envelope: Envelope, sent_as: SentAs, message_id: str, send_id: str, now: Millis
) -> MessageRow:
    """Return the row of a message that was accepted at `now`, without the reference to its body."""
    scope, prepared = draft.scope, envelope.prepared
    addresses, listed = prepared.recipients, prepared.list_management
    mail = MailFacts(
        sender=envelope.sender,
        sender_address=envelope.sender_address,
        source_identity=sent_as.identity,
        source_arn=envelope.on_behalf_of,
        source_ip=draft.source_ip,
        caller_identity=draft.caller_identity,
        recipients=list(addresses),
        headers=list(envelope.headers),
        headers_truncated=envelope.headers_truncated,
        tags=tags_of(draft, prepared.configuration_set, prepared.tenant, envelope.from_domain, prepared.tags),
        return_path=envelope.return_path,
        templated=envelope.templated,
        template=envelope.template,
        only_to=envelope.only_to,
        tenant=prepared.tenant,
        pool=sent_as.pool,
        contact_list=listed.contact_list if listed else "",
        topic=listed.topic if listed else "",
        opens=draft.tracked.opens,
        clicks=draft.tracked.clicks,
    )
    return MessageRow(
        message_id,
        scope.account,
        scope.region,
        send_id,
        now,
        draft.operation,
        prepared.configuration_set or "",
        envelope.sender,
        envelope.subject,
        len(prepared.raw),
        len(addresses),
        _write(mail).decode(),
        "",
    )


def tags_of(
    draft: Draft, configuration_set: str | None, tenant: str, from_domain: str, own: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """Return the tags of a message: those of SES, and its own."""
    tags = {"ses:operation": [draft.operation]}
    if configuration_set:
        tags["ses:configuration-set"] = [configuration_set]
    if tenant:
        tags["ses:tenant-name"] = [tenant]
    tags["ses:source-ip"] = [draft.source_ip]
    if from_domain:
        tags["ses:from-domain"] = [from_domain]
    tags["ses:caller-identity"] = [draft.caller_identity]
    for name, value in own:
        tags[name] = [value]
    return tags


def belongings_of(
    message: MessageRow,
    addresses: Sequence[str],
    failure: RenderingFailure | None,
    route: Route,
    now: Millis,
    pool: str = "",
) -> Belongings:
    """Return them for a message to `addresses`; one that could not be rendered (`failure`) is not delivered."""
    outgoing = () if failure else _outgoing(message, addresses, route, pool)
    return Belongings(_recipients(message, addresses, now), outgoing, _events(message, failure, now))


def _recipients(message: MessageRow, addresses: Sequence[str], now: Millis) -> tuple[RecipientRow, ...]:
    return tuple(
        RecipientRow(message.message_id, number, *message.scope, address, message.accepted_at, "accepted", 0, now)
        for number, address in enumerate(addresses)
    )


def _outgoing(message: MessageRow, addresses: Sequence[str], route: Route, pool: str) -> tuple[OutgoingRow, ...]:
    """One row for each lane and domain: what one transaction with a next hop can carry."""
    scope, at = message.scope, message.accepted_at
    ways: dict[tuple[str, str, str], list[str]] = {}
    for address in addresses:
        domain = address.rpartition("@")[2].lower()
        transport, lane = route(scope, message.configuration_set or None, domain, pool)
        part_of = "" if transport in _ALL_DOMAINS else domain
        ways.setdefault((transport, lane, part_of), []).append(address)
    return tuple(
        OutgoingRow(message.message_id, part, *scope, lane, transport, _write(group).decode(), at, at, 0, "", "")
        for part, ((transport, lane, _), group) in enumerate(ways.items())
    )


def _events(message: MessageRow, failure: RenderingFailure | None, now: Millis) -> tuple[Event, ...]:
    """The call is accepted in any case; a template that could not be filled is told right after."""
    message_id, scope, at = message.message_id, message.scope, message.accepted_at
    sent = Event(f"{message_id}/send", scope, message_id, at, now, Send())
    if failure is None:
        return (sent,)
    return (sent, Event(f"{message_id}/rendering-failure", scope, message_id, at, now, failure))
