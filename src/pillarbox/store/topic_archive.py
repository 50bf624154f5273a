"""What FIFO topics have told and keep, to tell it again.

Plans only. Called by pubsub/publish_in_order.py, replaying.py and
topic_archives.py. Rows of an archive are in the order of their places, and the
times of that order never go back.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows, first

_COLUMNS = "archive, place, published_at, notification_id, subject, message, attributes"


class ArchivedRow(NamedTuple):
    """A notification as it was told. `attributes` is a JSON document of pubsub/publish.py."""

    archive: str
    place: int
    published_at: Millis
    notification_id: str
    subject: str | None
    message: str
    attributes: str


def keep(rows: Sequence[ArchivedRow]) -> Plan[None]:
    yield Many(f"INSERT INTO topic_archive ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def newest_at(archive: str) -> Plan[Millis]:
    """Return when the last notification was published, 0 when there is none."""
    newest = "SELECT published_at FROM topic_archive WHERE archive = ? ORDER BY published_at DESC LIMIT 1"
    found = first((yield Rows(newest, (archive,))))
    return int(found[0]) if found else 0


def published_since(archive: str, since: Millis, after: int, most: int) -> Plan[list[ArchivedRow]]:
    """Return what was published since then and has its place behind `after`, in order."""
    earliest = (
        "SELECT place FROM topic_archive WHERE archive = ? AND published_at >= ? ORDER BY published_at, place LIMIT 1"
    )
    start = first((yield Rows(earliest, (archive, since))))
    if start is None:
        return []
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM topic_archive WHERE archive = ? AND place >= ? ORDER BY place LIMIT ?",
        (archive, max(int(start[0]), after + 1), most),
    )
    return [ArchivedRow(*row) for row in rows]


def remove_before(archive: str, before: Millis, most: int) -> Plan[int]:
    """Remove some of what was published before then, the oldest first, and return how much."""
    rows = yield Rows(
        "DELETE FROM topic_archive WHERE archive = ? AND place IN (SELECT place FROM topic_archive"
        " WHERE archive = ? AND published_at < ? ORDER BY published_at, place LIMIT ?) RETURNING place",
        (archive, archive, before, most),
    )
    return len(rows)
