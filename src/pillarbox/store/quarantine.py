"""What upstreams told and nobody could read or record, kept as it came until a person or a newer release can.

Plans only. Written by upstream/ingest.py and upstream/intake.py; listed and taken again by
operate/quarantine.py.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows

_COLUMNS = "upstream, post_id, account, region, arrived_at, why, content"


class QuarantineRow(NamedTuple):
    """`post_id` is what the upstream called it, or a digest of it: told twice, it is kept once."""

    upstream: str
    post_id: str
    account: str
    region: str
    arrived_at: Millis
    why: str
    content: str


def put(row: QuarantineRow) -> Plan[None]:
    yield Rows(
        f"INSERT INTO quarantine ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (upstream, post_id) DO UPDATE SET why = excluded.why",
        row,
    )


def oldest(upstream: str, limit: int, after: QuarantineRow | None = None) -> Plan[list[QuarantineRow]]:
    """Return the oldest of one upstream, or of every one when `upstream` is empty; `after` is the last of a page."""
    place = (after.arrived_at, after.upstream, after.post_id) if after else (0, "", "")
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM quarantine WHERE ? IN ('', upstream) AND (arrived_at, upstream, post_id) > (?, ?, ?)"
        " ORDER BY arrived_at, upstream, post_id LIMIT ?",
        (upstream, *place, limit),
    )
    return [QuarantineRow(*row) for row in rows]


def since(at: Millis) -> QuarantineRow:
    """Return what is before all that arrived at a time or later, for `oldest`."""
    return QuarantineRow("", "", "", "", at, "", "")


def remove(upstream: str, post_id: str) -> Plan[None]:
    yield Rows("DELETE FROM quarantine WHERE upstream = ? AND post_id = ?", (upstream, post_id))
