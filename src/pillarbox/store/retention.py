"""What is kept no longer: old bodies, messages, events and notifications, a piece at a time.

Plans only, each short enough that others who write wait some milliseconds.
On PostgreSQL what no account keeps goes by whole parts (store/partitions.py);
rows go one by one where they lie in none, or others keep theirs for longer.
Called by upkeep/retention.py. Nothing goes that is still owed: a message that
waits for an attempt, an event that a follower has not passed, a notification
that is not delivered.
"""

from collections.abc import Sequence

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import partitions
from pillarbox.store.account_times import Before
from pillarbox.store.partitions import Partition
from pillarbox.store.plan import Drop, Many, Plan, Rows

_NEXT_ACCOUNT = "SELECT account FROM notifications WHERE account > ? ORDER BY account LIMIT 1"


def drop_bodies(account: str, before: Millis, most: int) -> Plan[int]:
    """Drop bodies kept before a time, of an account that keeps its own apart or ("") of all others.

    Those of mail that still waits, and all after them, stay.
    """
    oldest = yield from oldest_waiting(account)
    return int((yield Drop(before if oldest is None else min(before, oldest), most, account)))


def oldest_waiting(account: str) -> Plan[Millis | None]:
    """Return when the oldest mail was accepted that is still to be delivered, of one account or ("") of any."""
    rows = yield Rows(
        "SELECT min(accepted_at) FROM (SELECT min(accepted_at) AS accepted_at FROM outgoing WHERE ? IN ('', account)"
        " UNION ALL SELECT min(accepted_at) FROM large_sends WHERE ? IN ('', account)"
        " UNION ALL SELECT min(accepted_at) FROM bulk_sends WHERE ? IN ('', account)"
        " UNION ALL SELECT min(accepted_at) FROM unmade_sends WHERE ? IN ('', account)) AS waiting",
        (account,) * 4,
    )
    found: Millis | None = rows[0][0]
    return found


def drop_messages(scope: Scope, before: Millis, with_events: bool, most: int) -> Plan[int]:
    """Drop messages accepted before a time, with recipients, captures, conversations and what upstreams call them.

    `with_events` drops what happened to them too, where the log as a whole is kept for longer; those of which a
    follower has not heard everything stay. Without it, those that lie in a part are left to `drop_parts`.
    """
    rows = yield Rows(
        f"SELECT message_id FROM messages{'' if with_events else partitions.REST} m"
        " WHERE account = ? AND region = ? AND accepted_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.message_id = m.message_id)"
        " AND NOT EXISTS (SELECT 1 FROM large_sends l WHERE l.message_id = m.message_id)"
        " ORDER BY accepted_at, message_id LIMIT ?",
        (*scope, before, most),
    )
    ids = [row[0] for row in rows]
    if with_events:
        ids = yield from _without_owed(ids)
        yield from _delete("events", "message_id", ids)
    for table in ("recipients", "captures", "conversations", "upstream_ids", "first_hits", "messages"):
        yield from _delete(table, "message_id", ids)
    return len(ids)


def _without_owed(message_ids: Sequence[str]) -> Plan[list[str]]:
    """Return those messages whose events every follower has passed."""
    passed = yield from _passed()
    marks = ", ".join("?" * len(message_ids))
    rows = []
    if message_ids:
        rows = yield Rows(f"SELECT message_id, shard, tx, seq FROM events WHERE message_id IN ({marks})", message_ids)
    owed = {row[0] for row in rows if (row[2], row[3]) > passed.get(row[1], (0, 0))}
    return [one for one in message_ids if one not in owed]


def _passed() -> Plan[dict[int, tuple[int, int]]]:
    """Return how far every follower has come in each shard of the log."""
    cursors = yield Rows("SELECT shard, tx, seq FROM cursors")
    passed: dict[int, tuple[int, int]] = {}
    for shard, tx, seq in cursors:
        passed[shard] = min(passed.get(shard, (tx, seq)), (tx, seq))
    return passed


def drop_events(before: Millis, most: int) -> Plan[int]:
    """Drop the oldest events, recorded before a time, that every follower has passed."""
    passed = yield from _passed()
    log = f"events{partitions.REST}"
    rows = yield Rows(f"SELECT tx, seq, shard, recorded_at FROM {log} ORDER BY tx, seq LIMIT ?", (most,))
    gone = [(tx, seq) for tx, seq, shard, at in rows if at < before and (tx, seq) <= passed.get(shard, (0, 0))]
    yield Many(f"DELETE FROM {log} WHERE tx = ? AND seq = ?", gone)
    return len(gone)


def drop_upstream_ids(before: Millis, most: int) -> Plan[int]:
    """Drop what upstreams call the messages of parts that ended before a time."""
    for part in (yield from partitions.listed()):
        if part.table == "messages" and part.over_at <= before:
            rows = yield Rows(
                "DELETE FROM upstream_ids WHERE (upstream, their_id) IN (SELECT upstream, their_id FROM upstream_ids"
                " WHERE message_id >= ? AND message_id < ? LIMIT ?) RETURNING their_id",
                (*part.bounds, most),
            )
            if rows:
                return len(rows)
    return 0


def drop_parts(before: Millis, _most: int) -> Plan[int]:
    """Drop one part that ended before a time, with all that is in it, unless something in it is still owed."""
    for part in (yield from partitions.listed()):
        if part.over_at <= before and not (yield from _is_owed(part)):
            yield from partitions.drop(part)
            return 1
    return 0


def _is_owed(part: Partition) -> Plan[bool]:
    """Say whether a message of a part waits for an attempt, or an event for a follower."""
    if part.table == partitions.TERMS:
        return False
    if part.table == partitions.EVENTS:
        passed = yield from _passed()
        behind = f"SELECT 1 FROM {part.name} WHERE (tx, seq) > (?, ?) LIMIT 1"
        return bool((yield Rows(behind, min(passed.values(), default=(0, 0)))))
    for table in ("outgoing", "large_sends", "bulk_sends", "unmade_sends", "upstream_ids"):
        within = f"SELECT 1 FROM {table} WHERE message_id >= ? AND message_id < ? LIMIT 1"
        if (yield Rows(within, part.bounds)):
            return True
    return False


def drop_notifications(before: Before, most: int) -> Plan[int]:
    """Drop notifications published before their account's time, dead letters too, once no delivery of theirs is due."""
    account, ids = "", list[str]()
    while len(ids) < most:
        following = yield Rows(_NEXT_ACCOUNT, (account,))
        if not following:
            break
        (account,) = following[0]
        rows = yield Rows(
            "SELECT notification_id FROM notifications n WHERE account = ? AND published_at < ? AND NOT EXISTS"
            " (SELECT 1 FROM notification_deliveries d WHERE d.notification_id = n.notification_id AND d.state = 'due')"
            " ORDER BY published_at LIMIT ?",
            (account, before.of(account), most - len(ids)),
        )
        ids += [row[0] for row in rows]
    for table in ("notification_deliveries", "notifications"):
        yield from _delete(table, "notification_id", ids)
    return len(ids)


def drop_seen(before: Millis, most: int) -> Plan[int]:
    """Forget the keys of facts that were told before a time."""
    rows = yield Rows(
        "SELECT account, fact_key FROM seen WHERE recorded_at < ? ORDER BY recorded_at LIMIT ?", (before, most)
    )
    yield Many("DELETE FROM seen WHERE account = ? AND fact_key = ?", rows)
    return len(rows)


def drop_quarantine(before: Millis, most: int) -> Plan[int]:
    """Drop what came before a time and that nobody could read since."""
    rows = yield Rows(
        "SELECT upstream, post_id FROM quarantine WHERE arrived_at < ? ORDER BY arrived_at LIMIT ?", (before, most)
    )
    yield Many("DELETE FROM quarantine WHERE upstream = ? AND post_id = ?", rows)
    return len(rows)


def drop_quota_use(scope: Scope, before: Millis, most: int) -> Plan[int]:
    """Forget how many recipients were addressed before a time that no quota looks back to."""
    rows = yield Rows(
        "SELECT account, region, bucket_at FROM quota_use WHERE account = ? AND region = ? AND bucket_at < ?"
        " ORDER BY bucket_at LIMIT ?",
        (*scope, before, most),
    )
    yield Many("DELETE FROM quota_use WHERE account = ? AND region = ? AND bucket_at = ?", rows)
    return len(rows)


def _delete(table: str, key: str, values: Sequence[object]) -> Plan[None]:
    if values:
        yield Rows(f"DELETE FROM {table} WHERE {key} IN ({', '.join('?' * len(values))})", tuple(values))
