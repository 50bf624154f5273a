"""Counting everything again from the event log.

Plans. The follower that counts begins at the first event; until it has come to
the end, the numbers grow. Called by operate/statistics.py.
"""

from pillarbox.store import counters, events
from pillarbox.store.plan import Plan, Touch

FOLLOWER = "stats"


def begin_again() -> Plan[int]:
    """Forget what was counted, and return how many events are to be counted again."""
    yield from counters.forget_all()
    yield from events.rewind(FOLLOWER)
    yield Touch(events.RECORDED)
    return (yield from events.left_for(FOLLOWER))


def left() -> Plan[int]:
    """Return how many events are still to be counted."""
    return (yield from events.left_for(FOLLOWER))
