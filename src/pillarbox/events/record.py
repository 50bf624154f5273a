"""The only writer of events.

Plans that run inside the transaction of whoever learned the fact: accept for
Send, the delivery worker when an attempt closes, feedback for what comes
later. A fact is always recorded (once); it moves a recipient's state only if
that state still can be moved.
"""

from collections.abc import Sequence

from pillarbox.events.types import STATE_AFTER, Event, Kind, fact_to_json, recipients_of
from pillarbox.kit.ids import shard_of_message
from pillarbox.store import events as log
from pillarbox.store import messages
from pillarbox.store.plan import Plan


def record(events: Sequence[Event]) -> Plan[None]:
    """Append facts that cannot have been told before, and move what they move."""
    yield from log.append([_row(event) for event in events])
    by_address, by_message = [], []
    for event in events:
        if event.kind is Kind.SEND or event.kind not in STATE_AFTER:
            continue
        state, rank = STATE_AFTER[event.kind]
        addresses = recipients_of(event.fact)
        if addresses is None:
            by_message.append((state, rank, event.happened_at, event.message_id, rank))
        else:
            by_address += [(state, rank, event.happened_at, event.message_id, address, rank) for address in addresses]
    if by_address:
        yield from messages.move_states(by_address)
    if by_message:
        yield from messages.move_whole_messages(by_message)


def record_once(event: Event, fact_key: str) -> Plan[bool]:
    """Record a fact that strangers may tell again; say whether it was new."""
    if not (yield from log.first_seen(event.scope.account, fact_key, event.recorded_at)):
        return False
    yield from record([event])
    return True


def record_new(told: Sequence[tuple[Event, str]]) -> Plan[list[Event]]:
    """Record those facts (each with its key) that are told for the first time, and return them."""
    if not told:
        return []
    keys = {(event.scope.account, fact_key): event for event, fact_key in told}
    new = yield from log.first_seen_among(list(keys), told[0][0].recorded_at)
    events = [event for key, event in keys.items() if key in new]
    yield from record(events)
    return events


def _row(event: Event) -> log.EventRow:
    return log.EventRow(
        event.event_id,
        event.scope.account,
        event.scope.region,
        shard_of_message(event.message_id),
        event.message_id,
        event.kind.value,
        event.happened_at,
        event.recorded_at,
        fact_to_json(event.fact),
    )
