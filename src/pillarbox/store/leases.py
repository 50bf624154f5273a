"""Leases that nobody alive can hold.

Plans. Called by app/server.py when it opens a store that no other process works
on: whatever is leased there was leased by a process that is gone, and waits for
no lease to end. Called by app/worker_leases.py for a worker that ended, and by
delivery/worker.py when it ends itself.
"""

from collections.abc import Sequence

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, Touch


def end_of(leases: Sequence[str]) -> Plan[list[None]]:
    """Make what is claimed for delivery under those leases due at the time that it was accepted: nobody holds it."""
    for lease in leases:
        yield Rows("UPDATE outgoing SET due_at = accepted_at, lease = '' WHERE lease = ?", (lease,))
    yield Touch("outgoing")
    return [None] * len(leases)


def end_all(now: Millis) -> Plan[int]:
    """Make every leased row due now and every cursor free; return how many rows there were."""
    outgoing = yield Rows("UPDATE outgoing SET due_at = ?, lease = '' WHERE lease <> '' RETURNING part", (now,))
    posts = yield Rows(
        "UPDATE notification_deliveries SET due_at = ?, lease = '' WHERE state = 'due' AND lease <> '' RETURNING state",
        (now,),
    )
    for table in ("large_sends", "bulk_sends", "unmade_sends"):
        yield Rows(f"UPDATE {table} SET due_at = ?, lease = '' WHERE lease <> ''", (now,))
    yield Rows("UPDATE cursors SET lease = '', leased_until = 0 WHERE lease <> ''")
    yield Rows("DELETE FROM nouns WHERE account = '' AND region = '' AND kind = 'upkeep-turn'")
    return len(outgoing) + len(posts)
