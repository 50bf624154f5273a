"""The tenants of fair queues: groups of messages in a standard queue, which take turns.

Plans only. Called by pubsub/fair_queues.py and fair_claiming.py. A tenant's row
in queue_groups says when its next turn is: never later than when its first
message is visible, or than when it had its last turn. It may be too early (a
message can be deleted meanwhile); whoever finds nothing then says it anew.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.fifo_messages import lock_group
from pillarbox.store.plan import Many, Plan, Rows


class Turn(NamedTuple):
    """Who may give next. Without a tenant it is one message that stands for itself."""

    at: Millis
    tenant: str | None


def join(queue: str, turns: Mapping[str, Millis]) -> Plan[None]:
    """Give tenants a turn by then at the latest."""
    yield Many(
        "INSERT INTO queue_groups (queue, message_group, ready_at) VALUES (?, ?, ?)"
        " ON CONFLICT (queue, message_group) DO UPDATE SET ready_at ="
        " CASE WHEN excluded.ready_at < queue_groups.ready_at THEN excluded.ready_at ELSE queue_groups.ready_at END",
        # In one order for all, so that two transactions never wait for each other.
        [(queue, tenant, at) for tenant, at in sorted(turns.items())],
    )


def tenants_due(queue: str, now: Millis, most: int) -> Plan[list[Turn]]:
    """Return the turns of tenants that have come, the longest waiting first."""
    rows = yield Rows(
        "SELECT ready_at, message_group FROM queue_groups WHERE queue = ? AND ready_at <= ?"
        " ORDER BY ready_at, message_group LIMIT ?",
        (queue, now, most),
    )
    return [Turn(*row) for row in rows]


def others_due(queue: str, now: Millis, most: int) -> Plan[list[Turn]]:
    """Return the turns of messages that belong to no tenant."""
    rows = yield Rows(
        "SELECT visible_at, NULL FROM queue_messages WHERE queue = ? AND message_group IS NULL AND visible_at <= ?"
        " ORDER BY visible_at, number LIMIT ?",
        (queue, now, most),
    )
    return [Turn(*row) for row in rows]


def end_turn(queue: str, tenant: str, now: Millis) -> Plan[None]:
    """Put a tenant behind all who wait now, or forget it when it has no message left."""
    yield from lock_group(queue, tenant)
    rows = yield Rows(
        "SELECT visible_at FROM queue_messages WHERE queue = ? AND message_group = ? ORDER BY visible_at LIMIT 1",
        (queue, tenant),
    )
    if rows:
        yield Rows(
            "UPDATE queue_groups SET ready_at = ? WHERE queue = ? AND message_group = ?",
            (max(rows[0][0], now), queue, tenant),
        )
    else:
        yield Rows("DELETE FROM queue_groups WHERE queue = ? AND message_group = ?", (queue, tenant))
