"""Who failed lately to prove who they are, and who did not, as all processes know it.

Plans only. Called by edge/failures.py, which brings the decision. Rows are few:
the oldest go when there are too many.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, Touch

TOPIC = "credential-failures"
_COLUMNS = "place, key_id, failures, failed_at, held_until, right_at, changed_at"


class FailureRow(NamedTuple):
    """A key at a place, or a place as a whole (without a key); it is held off until `held_until`.

    `right_at` is when the key was right from there, or 0.
    """

    place: str
    key_id: str
    failures: int = 0
    failed_at: Millis = 0
    held_until: Millis = 0
    right_at: Millis = 0
    changed_at: Millis = 0


def hold(place: str, key_id: str) -> Plan[FailureRow]:
    """Return what is known, and let nobody else change it until this is written."""
    rows = yield Rows(
        f"INSERT INTO credential_failures ({_COLUMNS}) VALUES (?, ?, 0, 0, 0, 0, 0)"
        " ON CONFLICT (place, key_id) DO UPDATE SET failures = credential_failures.failures"
        f" RETURNING {_COLUMNS}",
        (place, key_id),
    )
    return FailureRow(*rows[0])


def put(row: FailureRow) -> Plan[None]:
    """Write what is known of one that is held."""
    yield Rows(
        "UPDATE credential_failures SET failures = ?, failed_at = ?, held_until = ?, right_at = ?, changed_at = ?"
        " WHERE place = ? AND key_id = ?",
        (*row[2:], row.place, row.key_id),
    )
    yield Touch(TOPIC)


def changed_since(at: Millis, most: int) -> Plan[list[FailureRow]]:
    """Return the last that changed since then, the oldest first."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM credential_failures WHERE changed_at >= ? ORDER BY changed_at DESC LIMIT ?",
        (at, most),
    )
    return [FailureRow(*row) for row in reversed(rows)]


def forget(before: Millis, most: int) -> Plan[None]:
    """Forget what changed last before then, and all but the last `most` to change."""
    oldest = yield Rows(
        "SELECT changed_at FROM credential_failures ORDER BY changed_at DESC LIMIT 1 OFFSET ?", (most - 1,)
    )
    yield Rows(
        "DELETE FROM credential_failures WHERE (place, key_id) IN (SELECT place, key_id FROM credential_failures"
        " WHERE changed_at < ? /*pg: FOR UPDATE SKIP LOCKED */)",
        (max(before, oldest[0][0]) if oldest else before,),
    )
