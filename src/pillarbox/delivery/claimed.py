"""Rows that a worker has claimed: what is looked up for their attempts, and how those not made are given back.

Plans only, for delivery/worker.py, which claims by store/outgoing.py and closes
by close.py.
"""

from collections.abc import Mapping, Sequence

from pillarbox.delivery.lanes import set_aside
from pillarbox.delivery.suppression import HeldBack, Key, held_back
from pillarbox.kit.clock import Millis
from pillarbox.store import holds, messages, outgoing
from pillarbox.store.holds import Hold
from pillarbox.store.messages import MessageRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Plan


def look_up(rows: Sequence[OutgoingRow]) -> Plan[tuple[dict[str, MessageRow], Mapping[Key, HeldBack]]]:
    """Return the messages of claimed rows, and whom the rows must not reach: one query for each, however many."""
    known = yield from messages.get_many(sorted({row.message_id for row in rows}))
    return known, (yield from held_back(rows, known))


def give_back(rows: Sequence[OutgoingRow]) -> Plan[list[None]]:
    """Give back rows that were not attempted, each to the lane and at the time that it names."""
    yield from outgoing.give_back([(row.lane, row.due_at, row.message_id, row.part, row.lease) for row in rows])
    return [None] * len(rows)


def keep_aside(row: OutgoingRow, hold: Hold, now: Millis) -> Plan[None]:
    """Keep a row from being claimed until its hold is lifted, which may just have happened."""
    lane = set_aside(row.lane) if (yield from holds.still_there(hold)) else row.lane
    yield from outgoing.give_back([(lane, now, row.message_id, row.part, row.lease)])
