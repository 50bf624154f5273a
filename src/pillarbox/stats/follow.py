"""Adds events to the counters as the log grows.

`count` is the plan that the follower `stats` runs in the transaction that
moves its cursor, so that each event is counted once. Built into a Follower by
app.py.
"""

from collections import Counter
from collections.abc import Sequence

from pillarbox.events.types import Event
from pillarbox.stats.fold import about, fold
from pillarbox.store import counters, messages
from pillarbox.store.counters import CounterRow
from pillarbox.store.plan import Plan


def count(events: Sequence[Event]) -> Plan[None]:
    """Add a batch of events; what goes to the same counter is added at once."""
    found = yield from messages.get_many(sorted({event.message_id for event in events}))
    known = {message_id: about(message) for message_id, message in found.items()}
    sums: Counter[tuple[str, str, str, str, str, int]] = Counter()
    for event in events:
        for dimension, member, name, bucket_at, amount in fold(event, known.get(event.message_id)):
            sums[(*event.scope, dimension, member, name, bucket_at)] += amount
    if sums:
        yield from counters.add([CounterRow(*key, total) for key, total in sums.items()])
