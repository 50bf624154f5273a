"""The messages of SQS queues.

Plans only. Called by pubsub/, which decides who may have which message; here a
message becomes visible, is claimed, moved or removed. Every statement goes by
the times of a queue (or of a tenant in it) or by number, so its cost does not
grow with the length of a queue; only `counts` and `in_flight` read as much as
they count.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows, first

WRITTEN = (
    "queue, account, message_id, sent_at, visible_at, receive_count, sender_id, system, attributes, body, message_group"
)
CLAIMED = (
    "number, message_id, sent_at, first_received_at, receive_count, sender_id, system, attributes, body, message_group"
)


class QueueMessageRow(NamedTuple):
    """A message to add. `queue` is the queue's key; `system` and `attributes` are JSON."""

    queue: str
    account: str
    message_id: str
    sent_at: Millis
    visible_at: Millis
    sender_id: str
    system: str
    attributes: str
    body: str
    message_group: str | None = None  # of a FIFO or a fair queue


class ClaimedRow(NamedTuple):
    """A message that a receiver now holds; `receive_count` counts this time."""

    number: int
    message_id: str
    sent_at: Millis
    first_received_at: Millis
    receive_count: int
    sender_id: str
    system: str
    attributes: str
    body: str
    message_group: str | None


class Counts(NamedTuple):
    visible: int
    in_flight: int
    delayed: int


def add(rows: Sequence[QueueMessageRow]) -> Plan[None]:
    yield Many(f"INSERT INTO queue_messages ({WRITTEN}) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)", rows)


def claim(
    queue: str, most: int, now: Millis, until: Millis, besides: Sequence[int] = (), tenant: str | None = None
) -> Plan[list[ClaimedRow]]:
    """Hide up to `most` visible messages `until` then and return them, oldest first; nobody else gets them meanwhile.

    They are those of one tenant, or of none. `besides` are the numbers of messages not to take.
    """
    here, place = _waiting(queue, tenant)
    others = f" AND number NOT IN ({', '.join('?' * len(besides))})" if besides else ""
    rows = yield Rows(
        "WITH due AS MATERIALIZED (SELECT number FROM queue_messages"
        f" WHERE {here} AND visible_at <= ?{others}"
        " ORDER BY visible_at, number LIMIT ? /*pg: FOR UPDATE SKIP LOCKED */)"
        " UPDATE queue_messages SET visible_at = ?, receive_count = receive_count + 1,"
        " first_received_at = coalesce(first_received_at, ?)"
        f" WHERE number IN (SELECT number FROM due) RETURNING {CLAIMED}",
        (*place, now, *besides, most, until, now),
    )
    return [ClaimedRow(*row) for row in sorted(rows)]


def visible(queue: str, most: int, now: Millis, tenant: str | None = None) -> Plan[list[ClaimedRow]]:
    """Return up to `most` visible messages as they are, oldest first, to be taken away in the same transaction."""
    here, place = _waiting(queue, tenant)
    rows = yield Rows(
        f"SELECT {CLAIMED} FROM queue_messages WHERE {here} AND visible_at <= ?"
        " ORDER BY visible_at, number LIMIT ? /*pg: FOR UPDATE SKIP LOCKED */",
        (*place, now, most),
    )
    return [ClaimedRow(*row) for row in rows]


def next_visible_at(queue: str, now: Millis) -> Plan[Millis | None]:
    """Return when the next message that is hidden now and has no group becomes visible."""
    here, place = _waiting(queue, None)
    rows = yield Rows(f"SELECT min(visible_at) FROM queue_messages WHERE {here} AND visible_at > ?", (*place, now))
    found = rows[0][0]
    return None if found is None else int(found)


def show_at(queue: str, number: int, visible_at: Millis, now: Millis, sent_after: Millis = 0) -> Plan[bool]:
    """Change when a hidden message (sent after then) becomes visible, and say whether there was such a message."""
    rows = yield Rows(
        "UPDATE queue_messages SET visible_at = ? WHERE number = ? AND queue = ? AND visible_at > ? AND sent_at > ?"
        " RETURNING number",
        (visible_at, number, queue, now, sent_after),
    )
    return bool(rows)


def receive_count(queue: str, number: int, sent_after: Millis = 0) -> Plan[int | None]:
    """Return how often a message (sent after then) was received, or None when there is none."""
    rows = yield Rows(
        "SELECT receive_count FROM queue_messages WHERE number = ? AND queue = ? AND sent_at > ?",
        (number, queue, sent_after),
    )
    found = first(rows)
    return None if found is None else int(found[0])


def move(to_queue: str, moves: Sequence[tuple[int, str]], visible_at: Millis) -> Plan[None]:
    """Put messages (number, new `system`) into another queue, visible from then on and never received there."""
    yield Many(
        "UPDATE queue_messages SET queue = ?, system = ?, visible_at = ?, receive_count = 0, first_received_at = NULL"
        " WHERE number = ?",
        [(to_queue, system, visible_at, number) for number, system in moves],
    )


def remove(messages: Sequence[tuple[str, int]]) -> Plan[None]:
    """Remove messages by (queue, number); those that are gone already do not matter."""
    yield Many("DELETE FROM queue_messages WHERE queue = ? AND number = ?", messages)


def take_away(numbers: Sequence[int]) -> Plan[None]:
    """Remove messages by their numbers, from whatever queue."""
    yield Many("DELETE FROM queue_messages WHERE number = ?", [(number,) for number in numbers])


def remove_some(queue: str, limit: int) -> Plan[int]:
    """Remove up to `limit` messages of a queue and return how many."""
    rows = yield Rows(
        "DELETE FROM queue_messages WHERE number IN (SELECT number FROM"
        " (SELECT number FROM queue_messages WHERE queue = ? AND message_group IS NULL UNION ALL"
        " SELECT number FROM queue_messages WHERE queue = ? AND message_group IS NOT NULL) AS here LIMIT ?)"
        " RETURNING number",
        (queue, queue, limit),
    )
    return len(rows)


def remove_expired(queue: str, tenant: str | None, sent_until: Millis, now: Millis, limit: int) -> Plan[int]:
    """Look at the first `limit` visible messages of a tenant (or of none), remove the expired and return how many."""
    here, place = _waiting(queue, tenant)
    rows = yield Rows(
        "WITH due AS MATERIALIZED (SELECT number, sent_at FROM queue_messages"
        f" WHERE {here} AND visible_at <= ? ORDER BY visible_at, number LIMIT ?)"
        " DELETE FROM queue_messages WHERE number IN (SELECT number FROM due WHERE sent_at <= ?) RETURNING number",
        (*place, now, limit, sent_until),
    )
    return len(rows)


def remove_oldest(sent_until: Millis, limit: int) -> Plan[int]:
    """Look at the oldest `limit` messages of all queues, remove those sent until then, and return how many."""
    rows = yield Rows(
        "WITH oldest AS MATERIALIZED (SELECT number, sent_at FROM queue_messages ORDER BY number LIMIT ?)"
        " DELETE FROM queue_messages WHERE number IN (SELECT number FROM oldest WHERE sent_at <= ?) RETURNING number",
        (limit, sent_until),
    )
    return len(rows)


def counts(queue: str, sent_after: Millis, now: Millis) -> Plan[Counts]:
    """Count the messages sent after then: visible, received and hidden, hidden since they were sent."""
    rows = yield Rows(
        "SELECT coalesce(sum(CASE WHEN visible_at <= ? THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN visible_at > ? AND receive_count > 0 THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN visible_at > ? AND receive_count = 0 THEN 1 ELSE 0 END), 0)"
        " FROM (SELECT visible_at, receive_count, sent_at FROM queue_messages"
        " WHERE queue = ? AND message_group IS NULL UNION ALL"
        " SELECT visible_at, receive_count, sent_at FROM queue_messages"
        " WHERE queue = ? AND message_group IS NOT NULL) AS here WHERE sent_at > ?",
        (now, now, now, queue, queue, sent_after),
    )
    return Counts(*(int(number) for number in rows[0]))


def in_flight(queue: str, now: Millis) -> Plan[int]:
    """Return how many messages receivers hold."""
    held = "m.visible_at > ? AND m.receive_count > 0"
    rows = yield Rows(
        f"SELECT (SELECT count(*) FROM queue_messages m WHERE m.queue = ? AND m.message_group IS NULL AND {held})"
        " + (SELECT count(*) FROM queue_groups g JOIN queue_messages m"
        f" ON m.queue = g.queue AND m.message_group = g.message_group AND {held} WHERE g.queue = ?)",
        (queue, now, now, queue),
    )
    return int(rows[0][0])


def _waiting(queue: str, tenant: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the condition for the messages of a tenant, or of none, as its index has it, and its arguments."""
    if tenant is None:
        return "queue = ? AND message_group IS NULL", (queue,)
    return "queue = ? AND message_group = ?", (queue, tenant)
