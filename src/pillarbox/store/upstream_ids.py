"""Under which id an upstream knows which message of ours.

Plans only. `link` is called in the transaction that closes an attempt which an
upstream accepted; `note_witnessed` and `ours` by upstream/ingest.py for what
the upstream tells later. The upstream may tell something before the link is on
disk: what was told is then moved to the message that it belongs to.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store import events, messages
from pillarbox.store.plan import Many, Plan, Rows, Touch

# The tag that the sending side gives a message, with our MessageId as its value: events that come back with it are
# known to be ours before the link is on disk, or after it was lost with a crash.
OUR_ID_TAG = "via-pillarbox"


class UpstreamId(NamedTuple):
    upstream: str
    their_id: str
    message_id: str
    linked_at: Millis


def link(ids: Sequence[UpstreamId]) -> Plan[None]:
    """Remember that the upstream's message is ours, and take over what it was taken for until now."""
    for one in ids:
        rows = yield Rows(
            "SELECT message_id FROM upstream_ids WHERE upstream = ? AND their_id = ? /*pg: FOR UPDATE */",
            (one.upstream, one.their_id),
        )
        if rows and rows[0][0] == one.their_id != one.message_id:
            yield from _take_over(one)
    yield from _put(ids)


def note_witnessed(upstream: str, message_ids: Sequence[str], now: Millis) -> Plan[None]:
    """Remember messages that the upstream's other callers sent: they have the same id here."""
    yield Many(
        "INSERT INTO upstream_ids (upstream, their_id, message_id, linked_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (upstream, their_id) DO NOTHING",
        [(upstream, message_id, message_id, now) for message_id in message_ids],
    )


def ours(upstream: str, their_ids: Sequence[str]) -> Plan[dict[str, str]]:
    """Return our MessageId of each that is known (at most some hundred are asked for)."""
    if not their_ids:
        return {}
    marks = ", ".join("?" * len(their_ids))
    rows = yield Rows(
        f"SELECT their_id, message_id FROM upstream_ids WHERE upstream = ? AND their_id IN ({marks})",
        (upstream, *their_ids),
    )
    return {row[0]: row[1] for row in rows}


def theirs(message_id: str) -> Plan[list[UpstreamId]]:
    """Return the upstreams that have accepted a message (several, when it was sent in parts or again), oldest first."""
    rows = yield Rows(
        "SELECT upstream, their_id, message_id, linked_at FROM upstream_ids WHERE message_id = ?"
        " ORDER BY linked_at, upstream, their_id",
        (message_id,),
    )
    return [UpstreamId(*row) for row in rows]


def _put(ids: Sequence[UpstreamId]) -> Plan[None]:
    yield Many(
        "INSERT INTO upstream_ids (upstream, their_id, message_id, linked_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (upstream, their_id) DO UPDATE SET message_id = excluded.message_id",
        ids,
    )


def _take_over(one: UpstreamId) -> Plan[None]:
    """Give a message of ours what was recorded under the upstream's id before anybody knew that it is the same.

    Events keep their place in the log, so that no follower sees one twice. That it was sent, the message tells itself.
    """
    yield Rows("DELETE FROM events WHERE message_id = ? AND kind = 'Send'", (one.their_id,))
    yield Rows("UPDATE events SET message_id = ? WHERE message_id = ?", (one.message_id, one.their_id))
    seen = yield from messages.recipients_of(one.their_id)
    yield from messages.move_states(
        [(row.state, row.rank, row.changed_at, one.message_id, row.address, row.rank) for row in seen]
    )
    yield Rows("DELETE FROM recipients WHERE message_id = ?", (one.their_id,))
    yield Rows("DELETE FROM messages WHERE message_id = ?", (one.their_id,))
    yield Touch(events.MOVED)
