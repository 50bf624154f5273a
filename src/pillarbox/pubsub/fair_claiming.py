"""Which messages a receiver of a fair queue gets: one of each tenant in turn, the longest waiting first.

Plans only; `shares_of` is pure. Called by claiming.py. Who has had a turn waits
behind all who wait then, so a tenant with a long backlog delays another by one
message and not by its backlog. A message without a group is a tenant of its own.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
"""

from collections import Counter
from collections.abc import Sequence

from pillarbox.kit.clock import Millis
from pillarbox.store import fair_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.fair_messages import Turn
from pillarbox.store.plan import Plan
from pillarbox.store.queue_messages import ClaimedRow

# A tenant's turn may come for messages that were deleted. Who finds only such asks the next tenants; what is left of
# very many is found by whoever asks next.
_MOST_ASKED = 256


def shares_of(turns: Sequence[Turn], most: int) -> Counter[str | None]:
    """Return how many messages each tenant gives, and how many are of none (under None)."""
    first = sorted(turns, key=lambda turn: turn.at)[:most]
    shares = Counter(turn.tenant for turn in first)
    tenants = [turn.tenant for turn in first if turn.tenant is not None]
    if tenants:  # who waits alone may give more than one
        shares.update(tenants[place % len(tenants)] for place in range(most - len(first)))
    return shares


def claim(queue: str, most: int, now: Millis, until: Millis) -> Plan[list[ClaimedRow]]:
    """Hide up to `most` visible messages until then and return them; fewer than there are, perhaps, but then some."""
    until = max(until, now + 1)  # so that nobody is asked again at once for what was just given
    asked: set[str | None] = set()
    while len(asked) < _MOST_ASKED:
        tenants = yield from fair_messages.tenants_due(queue, now, most + len(asked))
        turns = [turn for turn in tenants if turn.tenant not in asked]
        turns += yield from fair_messages.others_due(queue, now, most)
        shares = shares_of(turns, most)
        rows: list[ClaimedRow] = []
        for tenant, share in sorted(shares.items(), key=lambda one: one[0] or ""):
            rows += yield from stored.claim(queue, share, now, until, tenant=tenant)
            if tenant is not None:
                yield from fair_messages.end_turn(queue, tenant, now)
        if rows or not shares.keys() - {None}:
            return rows
        asked |= shares.keys()
    return []


def visible(queue: str, most: int, now: Millis) -> Plan[list[ClaimedRow]]:
    """Return up to `most` visible messages as they are, to be taken away in the same transaction."""
    rows = yield from stored.visible(queue, most, now)
    for turn in (yield from fair_messages.tenants_due(queue, now, most)):
        if len(rows) < most:
            rows += yield from stored.visible(queue, most - len(rows), now, turn.tenant)
    return rows
