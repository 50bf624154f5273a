"""What tests of followers share: a clock that is set by hand, and work that leaves a trace."""

from collections.abc import Sequence

from pillarbox.events.follow import Follower
from pillarbox.events.types import Event, Send
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import events
from pillarbox.store.engine import Store
from pillarbox.store.plan import Many, Plan, Rows

SCOPE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000


def happening(number: int) -> Event:
    """One event of a message of its own, so that events spread over the shards."""
    return Event(f"e{number:05}", SCOPE, f"m-{number}", NOON, NOON, Send())


def leave_trace(done: Sequence[Event]) -> Plan[None]:
    """Work whose effect is kept in the store; doing it twice fails, as the key is there already."""
    yield Many(
        "INSERT INTO seen (account, fact_key, recorded_at) VALUES ('trace', ?, 0)",
        [(event.event_id,) for event in done],
    )


def traces() -> Plan[list[str]]:
    rows = yield Rows("SELECT fact_key FROM seen WHERE account = 'trace' ORDER BY fact_key")
    return [row[0] for row in rows]


async def cursors(store: Store, follower: str) -> dict[int, events.Position]:
    """Return where a follower stands, whoever holds its leases."""

    def stored() -> Plan[dict[int, events.Position]]:
        rows = yield Rows("SELECT shard, tx, seq FROM cursors WHERE follower = ?", (follower,))
        return {shard: events.Position(tx, seq) for shard, tx, seq in rows}

    return await store.read(stored)


async def drain(follower: Follower) -> int:
    """Let a follower work until nothing is due; return how many batches there were."""
    batches = 0
    while await follower.step():
        batches += 1
    return batches
