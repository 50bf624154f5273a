"""What calls are known by when they are made again, and what they were answered.

Plans only. Written by sending/idempotency.py in the transaction of the promise;
pruned by upkeep/retry_keys.py when they have ended.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows

# Few sizes, so that the statements stay prepared.
_AT_ONCE = (64, 16, 4, 1)


class RetryKeyRow(NamedTuple):
    """`content` is what must be the same when `key` and `place` come again."""

    key: bytes
    place: int
    content: bytes
    message_id: str
    expires_at: Millis


def add(rows: Sequence[RetryKeyRow], now: Millis) -> Plan[set[str]]:
    """Write keys that are new or have ended (no two the same); return the message ids of those written."""
    written: set[str] = set()
    at = 0
    for count in _AT_ONCE:
        marks = ", ".join(["(?, ?, ?, ?, ?)"] * count)
        while len(rows) - at >= count:
            found = yield Rows(
                f"INSERT INTO retry_keys (retry_key, place, content, message_id, expires_at) VALUES {marks}"
                " ON CONFLICT (retry_key, place) DO UPDATE SET content = excluded.content,"
                " message_id = excluded.message_id, expires_at = excluded.expires_at"
                " WHERE retry_keys.expires_at <= ? RETURNING message_id",
                (*(value for row in rows[at : at + count] for value in row), now),
            )
            written.update(row[0] for row in found)
            at += count
    return written


def get(places: Sequence[tuple[bytes, int]]) -> Plan[list[RetryKeyRow]]:
    """Return those that are there, ended or not."""
    found: list[RetryKeyRow] = []
    for place in places:
        rows = yield Rows(
            "SELECT retry_key, place, content, message_id, expires_at FROM retry_keys"
            " WHERE retry_key = ? AND place = ?",
            place,
        )
        found += [RetryKeyRow(bytes(row[0]), row[1], bytes(row[2]), *row[3:]) for row in rows]
    return found


def remove(places: Sequence[tuple[bytes, int]]) -> Plan[None]:
    yield Many("DELETE FROM retry_keys WHERE retry_key = ? AND place = ?", places)


def prune(now: Millis, most: int) -> Plan[int]:
    """Forget at most so many that have ended; return how many those were."""
    rows = yield Rows(
        "DELETE FROM retry_keys WHERE (retry_key, place) IN"
        " (SELECT retry_key, place FROM retry_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"
        " RETURNING place",
        (now, most),
    )
    return len(rows)
