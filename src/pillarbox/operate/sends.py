"""What has become of a send of several messages: how many are in which state, and each of them.

Touches the store (reads). Called by operate/history.py, for a message that is
part of a send, and by `pillarbox history` with the id of a send.
"""

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.store import large_sends
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

MOST_LISTED = 100


class Part(msgspec.Struct, frozen=True):
    """A recipient of one of the messages."""

    message_id: str
    address: str
    status: str
    changed_at: Millis


class Send(msgspec.Struct, frozen=True):
    """`states` counts recipients; `unwritten` are those whose message is still to be made.

    `next` asks for more parts; None when these are the last.
    """

    send_id: str
    states: dict[str, int]
    unwritten: int
    parts: list[Part]
    next: str | None

    @property
    def recipient_count(self) -> int:
        return sum(self.states.values()) + self.unwritten


async def of(store: Store, send_id: str, after: str = "") -> Send | None:
    """Return a send with its parts behind the message `after`; None when no message belongs to it."""
    return await store.read(read, send_id, after)


def read(send_id: str, after: str = "") -> Plan[Send | None]:
    states = yield from large_sends.states_of(send_id)
    unwritten = yield from large_sends.unwritten(send_id)
    if not states and not unwritten:
        return None
    rows = yield from large_sends.parts_of(send_id, after, MOST_LISTED + 1)
    ids = list(dict.fromkeys(row.message_id for row in rows))
    listed = frozenset(ids[:MOST_LISTED])
    return Send(
        send_id=send_id,
        states=dict(states),
        unwritten=unwritten,
        parts=[Part(*row) for row in rows if row.message_id in listed],
        next=ids[MOST_LISTED - 1] if len(ids) > MOST_LISTED else None,
    )
