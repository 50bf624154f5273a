"""What is promised and still being written out as messages: split sends, bulk sends, single ones of a burst.

Plans only. Filled by sending/accept.py, worked off by sending/expand.py under a
lease, read by whoever shows what became of a send.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import HOUR, Millis
from pillarbox.kit.ids import Scope, part_message_id, read_message_id
from pillarbox.store.plan import Many, Plan, Rows, Touch

TOPIC = "large-sends"
_COLUMNS = "message_id, account, region, send_id, accepted_at, recipients, recipient_count, written, due_at, lease"
# A split send has no entries. Those that have lie apart, where programs that know none pass them over.
SPLIT, BULK, UNMADE = "large_sends", "bulk_sends", "unmade_sends"
_TABLES = {
    SPLIT: (_COLUMNS, f"{_COLUMNS}, '', tries, '{SPLIT}'"),
    BULK: (f"{_COLUMNS}, entries", f"{_COLUMNS}, entries, tries, '{BULK}'"),
    UNMADE: (f"{_COLUMNS}, entries", f"{_COLUMNS}, entries, tries, '{UNMADE}'"),
}
# A request may wait for so long between the time in its MessageId and the transaction that it shares with others.
_LONGEST_WAIT = HOUR
_OF_SEND = "m.send_id = ? AND m.send_id <> m.message_id"


class LargeSendRow(NamedTuple):
    """`recipients` refers to the list of all, of which `written` have their message.

    Of a split send `message_id` is the first message. Of a bulk send it is what the ids of its messages follow from,
    and `entries` are the numbers of those that were promised, as JSON. Of single sends of a burst it is the id of
    the first, and `entries` are the ids of all. `tries` is how often it was claimed since anything of it was written.
    """

    message_id: str
    account: str
    region: str
    send_id: str
    accepted_at: Millis
    recipients: str
    recipient_count: int
    written: int
    due_at: Millis
    lease: str
    entries: str = ""
    tries: int = 0
    table: str = SPLIT

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class PartRow(NamedTuple):
    """One recipient of a message of a send."""

    message_id: str
    address: str
    state: str
    changed_at: Millis


def add(rows: Sequence[LargeSendRow]) -> Plan[None]:
    for table, (columns, _) in _TABLES.items():
        if own := [row[: columns.count(",") + 1] for row in rows if row.table == table]:
            marks = ", ".join("?" * len(own[0]))
            yield Many(f"INSERT INTO {table} ({columns}) VALUES ({marks})", own)
    if rows:
        yield Touch(TOPIC)


def claim(lease: str, now: Millis, until: Millis, most: int) -> Plan[list[LargeSendRow]]:
    """Lease at most so many due sends of each kind, oldest first."""
    claimed = []
    for table, (_, columns) in _TABLES.items():
        rows = yield Rows(
            f"UPDATE {table} SET due_at = ?, lease = ?, tries = tries + 1 WHERE message_id IN"
            f" (SELECT message_id FROM {table} WHERE due_at <= ? ORDER BY due_at LIMIT ?"
            f" /*pg: FOR UPDATE SKIP LOCKED */) RETURNING {columns}",
            (until, lease, now, most),
        )
        claimed += [LargeSendRow(*row) for row in rows]
    return claimed


def release(lease: str, now: Millis) -> Plan[None]:
    """Make due what is leased under this lease, for whoever takes it over."""
    for table in _TABLES:
        yield Rows(f"UPDATE {table} SET due_at = ?, lease = '' WHERE lease = ?", (now, lease))
    yield Touch(TOPIC)


def put_off(row: LargeSendRow, until: Millis) -> Plan[None]:
    """Give back a send that cannot be written out now; nobody takes it up before."""
    yield Rows(
        f"UPDATE {row.table} SET due_at = ?, lease = '' WHERE message_id = ? AND lease = ?",
        (until, row.message_id, row.lease),
    )


def advance(row: LargeSendRow, count: int, until: Millis) -> Plan[bool]:
    """Count `count` recipients more as written and keep the lease, or end the send with its last.

    False when the lease was lost, or another has written on: then nothing may be written.
    """
    key = (row.message_id, row.lease, row.written)
    if row.written + count >= row.recipient_count:
        rows = yield Rows(
            f"DELETE FROM {row.table} WHERE message_id = ? AND lease = ? AND written = ? RETURNING message_id", key
        )
    else:
        rows = yield Rows(
            f"UPDATE {row.table} SET written = written + ?, due_at = ?, tries = 0"
            " WHERE message_id = ? AND lease = ? AND written = ? RETURNING message_id",
            (count, until, *key),
        )
    return bool(rows)


def to_write(message_id: str) -> Plan[LargeSendRow | None]:
    """Return the send of which this message is promised, and perhaps not written yet."""
    parts = read_message_id(message_id)
    if parts is None:
        return None
    number = int(message_id[-6:])
    of_send = (part_message_id(message_id, 0),)
    for table in (SPLIT, BULK):
        for row in (yield from _where(table, "message_id = ?", of_send)):
            if number in (json.loads(row.entries) if row.entries else range(row.recipient_count)):
                return row
    among = (parts.at - _LONGEST_WAIT, parts.at, f'%"{message_id}"%')
    found = yield from _where(UNMADE, "accepted_at BETWEEN ? AND ? AND entries LIKE ?", among)
    return found[0] if found else None


def _where(table: str, condition: str, args: Sequence[object]) -> Plan[list[LargeSendRow]]:
    rows = yield Rows(f"SELECT {_TABLES[table][1]} FROM {table} WHERE {condition}", args)
    return [LargeSendRow(*row) for row in rows]


def unwritten(send_id: str) -> Plan[int]:
    """Return for how many recipients of a send the message is still to be written."""
    count = 0
    for table in _TABLES:
        rows = yield Rows(
            f"SELECT coalesce(sum(recipient_count - written), 0) FROM {table} WHERE send_id = ?", (send_id,)
        )
        count += int(rows[0][0])
    return count


class ToCome(NamedTuple):
    """How many recipients have no message yet, and when the next send is due to be written out, if there is one."""

    recipients: int
    due_at: Millis | None


def to_come() -> Plan[ToCome]:
    every = " UNION ALL ".join(f"SELECT recipient_count - written AS waiting, due_at FROM {table}" for table in _TABLES)
    rows = yield Rows(f"SELECT coalesce(sum(waiting), 0), min(due_at) FROM ({every}) AS each_send")
    return ToCome(int(rows[0][0]), rows[0][1])


def states_of(send_id: str) -> Plan[list[tuple[str, int]]]:
    """Return how many recipients of a send's messages are in which state."""
    rows = yield Rows(
        "SELECT r.state, count(*) FROM messages m JOIN recipients r ON r.message_id = m.message_id"
        f" WHERE {_OF_SEND} GROUP BY r.state ORDER BY r.state",
        (send_id,),
    )
    return [(row[0], row[1]) for row in rows]


def parts_of(send_id: str, after: str, limit: int) -> Plan[list[PartRow]]:
    """Return the recipients of at most `limit` messages of a send, those behind the message `after`."""
    rows = yield Rows(
        "SELECT p.message_id, r.address, r.state, r.changed_at FROM"
        f" (SELECT m.message_id FROM messages m WHERE {_OF_SEND} AND m.message_id > ?"
        " ORDER BY m.message_id LIMIT ?) p JOIN recipients r ON r.message_id = p.message_id"
        " ORDER BY p.message_id, r.number",
        (send_id, after, limit),
    )
    return [PartRow(*row) for row in rows]
