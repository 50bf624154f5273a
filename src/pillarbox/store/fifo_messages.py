"""The messages of FIFO queues: their groups, what was sent before, and what was given before.

Plans only. Called by pubsub/, which decides what a group may give. Messages
stand in the table of all queues; a group's row is locked by whoever sends to
it, takes from it or lets go, so that its messages come out in the order of
their numbers. No statement costs more where a queue is longer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows, first
from pillarbox.store.queue_messages import CLAIMED, WRITTEN, ClaimedRow, QueueMessageRow

_IN_GROUP = "queue = ? AND message_group = ?"
# A receiver holds ten messages of a group at most, and no other receiver gets any of them meanwhile.
_MOST_HELD = 10


class Sent(NamedTuple):
    """A message that was sent: its id, and the number by which it is in order."""

    message_id: str
    number: int


class SendKey(NamedTuple):
    """By what a repeated message is known. `message_group` is empty where the whole queue counts."""

    queue: str
    message_group: str
    deduplication_id: str


class Attempt(NamedTuple):
    """What a receiver was given: `numbers` is JSON, empty until something was."""

    received_at: Millis
    shown_at: Millis
    numbers: str


def claim_key(key: SendKey, message_id: str, now: Millis, ends_at: Millis) -> Plan[Sent | None]:
    """Take a key for a new message until then; return the message that has it already instead, if one has."""
    taken = yield Rows(
        "INSERT INTO queue_sent (queue, message_group, deduplication_id, message_id, number, ends_at)"
        " VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (queue, message_group, deduplication_id) DO UPDATE"
        " SET message_id = excluded.message_id, number = 0, ends_at = excluded.ends_at"
        " WHERE queue_sent.ends_at <= ? RETURNING message_id",
        (*key, message_id, ends_at, now),
    )
    if taken:
        return None
    rows = yield Rows(
        "SELECT message_id, number FROM queue_sent WHERE queue = ? AND message_group = ? AND deduplication_id = ?", key
    )
    return Sent(*rows[0])


def number_key(key: SendKey, number: int) -> Plan[None]:
    """Say which number the message of a key got."""
    yield Rows(
        "UPDATE queue_sent SET number = ? WHERE queue = ? AND message_group = ? AND deduplication_id = ?",
        (number, *key),
    )


def add(row: QueueMessageRow) -> Plan[int]:
    """Put a message at the end of its group, and return its number."""
    yield Rows(
        "INSERT INTO queue_groups (queue, message_group, ready_at) VALUES (?, ?, ?)"
        # Locks the row, so that a number given later is also seen later.
        " ON CONFLICT (queue, message_group) DO UPDATE SET ready_at = queue_groups.ready_at",
        (row.queue, row.message_group, row.visible_at),
    )
    rows = yield Rows(
        f"INSERT INTO queue_messages ({WRITTEN}) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?) RETURNING number", row
    )
    return int(rows[0][0])


def ready_groups(queue: str, now: Millis, most: int) -> Plan[list[str]]:
    """Lock some groups that may give now and that nobody else takes from; the longest ready first."""
    rows = yield Rows(
        "SELECT message_group FROM queue_groups WHERE queue = ? AND ready_at <= ?"
        " ORDER BY ready_at, message_group LIMIT ? /*pg: FOR UPDATE SKIP LOCKED */",
        (queue, now, most),
    )
    return [row[0] for row in rows]


def lock_group(queue: str, message_group: str) -> Plan[None]:
    yield Rows(f"SELECT 1 FROM queue_groups WHERE {_IN_GROUP} /*pg: FOR UPDATE */", (queue, message_group))


def next_ready_at(queue: str, now: Millis) -> Plan[Millis | None]:
    """Return when the next group that gives nothing now will."""
    rows = yield Rows("SELECT min(ready_at) FROM queue_groups WHERE queue = ? AND ready_at > ?", (queue, now))
    found = rows[0][0]
    return None if found is None else int(found)


def next_of_group(queue: str, message_group: str, after: int, most: int, now: Millis) -> Plan[list[ClaimedRow]]:
    """Return the messages of a group behind a number that may be given now; one that may not stops those behind it."""
    rows = yield Rows(
        f"SELECT {CLAIMED}, visible_at FROM queue_messages WHERE {_IN_GROUP} AND number > ? ORDER BY number LIMIT ?",
        (queue, message_group, after, most),
    )
    found = []
    for *row, visible_at in rows:
        if visible_at > now:
            break
        found.append(ClaimedRow(*row))
    return found


def hold(numbers: Sequence[int], now: Millis, until: Millis) -> Plan[None]:
    """Hide messages until then, and count that they were received."""
    yield Many(
        "UPDATE queue_messages SET visible_at = ?, receive_count = receive_count + 1,"
        " first_received_at = coalesce(first_received_at, ?) WHERE number = ?",
        [(until, now, number) for number in numbers],
    )


def group_of(queue: str, number: int) -> Plan[str | None]:
    """Return the group of a message, or None when it has none or is gone."""
    found = first(
        (yield Rows("SELECT message_group FROM queue_messages WHERE number = ? AND queue = ?", (number, queue)))
    )
    return found[0] if found else None


def remove_held(number: int, receive_count: int, now: Millis) -> Plan[bool]:
    """Remove a message if the receiver of that time still holds it, and say whether it did."""
    rows = yield Rows(
        "DELETE FROM queue_messages WHERE number = ? AND receive_count = ? AND visible_at > ? RETURNING number",
        (number, receive_count, now),
    )
    return bool(rows)


def show_held_at(number: int, receive_count: int, visible_at: Millis, now: Millis, sent_after: Millis) -> Plan[bool]:
    """Change when a message is shown again, if the receiver of that time still holds it."""
    rows = yield Rows(
        "UPDATE queue_messages SET visible_at = ? WHERE number = ? AND receive_count = ? AND visible_at > ?"
        " AND sent_at > ? RETURNING number",
        (visible_at, number, receive_count, now, sent_after),
    )
    return bool(rows)


def settle(queue: str, message_group: str) -> Plan[None]:
    """Say anew from when a group may give: when nobody holds a message of it; forget a group that has none."""
    rows = yield Rows(
        f"SELECT visible_at, receive_count FROM queue_messages WHERE {_IN_GROUP} ORDER BY number LIMIT {_MOST_HELD}",
        (queue, message_group),
    )
    if not rows:
        yield Rows(f"DELETE FROM queue_groups WHERE {_IN_GROUP}", (queue, message_group))
        return
    received = [visible_at for visible_at, receive_count in rows if receive_count > 0]
    ready_at = max(received) if received else rows[0][0]
    yield Rows(f"UPDATE queue_groups SET ready_at = ? WHERE {_IN_GROUP}", (ready_at, queue, message_group))


def delay_anew(queue: str, delay_ms: int) -> Plan[None]:
    """Give every message that was never received another delay."""
    yield Rows(
        "UPDATE queue_messages SET visible_at = sent_at + ? WHERE queue = ? AND receive_count = 0", (delay_ms, queue)
    )
    head = (
        "(SELECT {} FROM queue_messages WHERE queue = queue_groups.queue"
        " AND message_group = queue_groups.message_group ORDER BY number LIMIT 1)"
    )
    yield Rows(
        f"UPDATE queue_groups SET ready_at = coalesce({head.format('visible_at')}, ready_at)"
        f" WHERE queue = ? AND {head.format('receive_count')} = 0",
        (queue,),
    )


def attempt(queue: str, attempt_id: str, now: Millis, ends_at: Millis) -> Plan[Attempt]:
    """Return what an attempt was given, or a new one that has nothing yet; nobody else comes between."""
    rows = yield Rows(
        "INSERT INTO queue_attempts (queue, attempt_id, received_at, shown_at, numbers, ends_at)"
        " VALUES (?, ?, ?, 0, '', ?) ON CONFLICT (queue, attempt_id) DO UPDATE SET"
        " received_at = CASE WHEN queue_attempts.ends_at <= ? THEN excluded.received_at"
        " ELSE queue_attempts.received_at END,"
        " numbers = CASE WHEN queue_attempts.ends_at <= ? THEN '' ELSE queue_attempts.numbers END,"
        " ends_at = CASE WHEN queue_attempts.ends_at <= ? THEN excluded.ends_at ELSE queue_attempts.ends_at END"
        " RETURNING received_at, shown_at, numbers",
        (queue, attempt_id, now, ends_at, now, now, now),
    )
    return Attempt(*rows[0])


def keep_attempt(queue: str, attempt_id: str, given: Attempt) -> Plan[None]:
    yield Rows(
        "UPDATE queue_attempts SET received_at = ?, shown_at = ?, numbers = ? WHERE queue = ? AND attempt_id = ?",
        (*given, queue, attempt_id),
    )


def still_held(queue: str, number: int, receive_count: int, shown_at: Millis) -> Plan[ClaimedRow | None]:
    """Return a message that nobody has touched since it was given."""
    found = first(
        (
            yield Rows(
                f"SELECT {CLAIMED} FROM queue_messages"
                " WHERE number = ? AND queue = ? AND receive_count = ? AND visible_at = ? /*pg: FOR UPDATE */",
                (number, queue, receive_count, shown_at),
            )
        )
    )
    return ClaimedRow(*found) if found else None


def show_all_at(numbers: Sequence[int], visible_at: Millis) -> Plan[None]:
    yield Many("UPDATE queue_messages SET visible_at = ? WHERE number = ?", [(visible_at, one) for one in numbers])


def forget(now: Millis, most: int) -> Plan[bool]:
    """Forget some of what was sent and given too long ago to matter, and say whether there may be more."""
    sent = yield from _forget("queue_sent", "queue, message_group, deduplication_id", now, most)
    attempts = yield from _forget("queue_attempts", "queue, attempt_id", now, most)
    return most in (sent, attempts)


def _forget(table: str, key: str, now: Millis, most: int) -> Plan[int]:
    rows = yield Rows(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE ends_at <= ? ORDER BY ends_at LIMIT ?)"
        f" AND ends_at <= ? RETURNING queue",
        (now, most, now),
    )
    return len(rows)


def remove_groups(queue: str, most: int) -> Plan[int]:
    """Remove some groups of a queue that is no more, and return how many."""
    rows = yield Rows(
        "DELETE FROM queue_groups WHERE queue = ? AND message_group IN"
        " (SELECT message_group FROM queue_groups WHERE queue = ? LIMIT ?) RETURNING queue",
        (queue, queue, most),
    )
    return len(rows)
