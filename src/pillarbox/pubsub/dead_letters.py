"""What could not be delivered: listed and replayed.

Plans only. Called by operate/ for the command line and the dashboard. A dead
delivery stays until it is replayed, whether or not its subscription has a
dead-letter queue.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import notifications as stored
from pillarbox.store.plan import Plan

_END_OF_TIME: Millis = 1 << 62


class DeadLetter(NamedTuple):
    """A delivery that was given up, and why. `endpoint` shows no password."""

    notification_id: str
    subscription: str
    topic: str
    protocol: str
    endpoint: str
    published_at: Millis
    attempts: int
    why: str
    ended_at: Millis | None


def list_dead(scope: Scope, after: DeadLetter | None = None, most: int = 100) -> Plan[list[DeadLetter]]:
    """Return what was given up, newest first, from behind `after` on."""
    before = (after.published_at, after.notification_id, after.subscription) if after else (_END_OF_TIME, "", "")
    return [
        DeadLetter(
            row.notification_id,
            row.subscription,
            row.topic,
            row.protocol,
            row.endpoint,
            row.published_at,
            row.attempts,
            row.why,
            row.ended_at,
        )
        for row in (yield from stored.list_dead(scope, before, most))
    ]


def replay(scope: Scope, letters: Sequence[DeadLetter], now: Millis) -> Plan[int]:
    """Let dead deliveries be tried again from the start; return how many of them were still dead."""
    keys = [(letter.notification_id, letter.subscription) for letter in letters]
    return (yield from stored.revive(scope, keys, now))
