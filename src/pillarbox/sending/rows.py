"""The rows that a promised message is made of.

Pure. Called by accept for every message, and by the expander for the parts of a
split send, so that a message is the same wherever it was written.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from pillarbox.events.types import Event, RenderingFailure, Send
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.outgoing import OutgoingRow

# Transports whose next hop takes recipients of all domains at once: to another SES they are one message.
_ALL_DOMAINS = frozenset({"ses"})

_write_list = msgspec.json.Encoder().encode


class Route(Protocol):
    """Tells which transport serves a recipient domain, from which pool of addresses, and in which lane it queues."""

    def __call__(self, scope: Scope, configuration_set: str | None, domain: str, pool: str = "") -> tuple[str, str]: ...


class Belongings(NamedTuple):
    """What belongs to a message row: its recipients, its place in the delivery queue, its first events."""

    recipients: tuple[RecipientRow, ...]
    outgoing: tuple[OutgoingRow, ...]
    events: tuple[Event, ...]


def belongings_of(
    message: MessageRow,
    addresses: Sequence[str],
    failure: RenderingFailure | None,
    route: Route,
    now: Millis,
    pool: str = "",
) -> Belongings:
    """Return them for a message to `addresses`; one that could not be rendered (`failure`) is not delivered."""
    recipients = tuple(
        RecipientRow(message.message_id, number, *message.scope, address, message.accepted_at, "accepted", 0, now)
        for number, address in enumerate(addresses)
    )
    outgoing = () if failure else _outgoing(message, addresses, route, pool)
    return Belongings(recipients, outgoing, _events(message, failure, now))


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
        OutgoingRow(message.message_id, part, *scope, lane, transport, _write_list(group).decode(), at, at, 0, "", "")
        for part, ((transport, lane, _), group) in enumerate(ways.items())
    )


def _events(message: MessageRow, failure: RenderingFailure | None, now: Millis) -> tuple[Event, ...]:
    """The call is accepted in any case; a template that could not be filled is told right after."""
    message_id, scope, at = message.message_id, message.scope, message.accepted_at
    sent = Event(f"{message_id}/send", scope, message_id, at, now, Send())
    if failure is None:
        return (sent,)
    return (sent, Event(f"{message_id}/rendering-failure", scope, message_id, at, now, failure))
