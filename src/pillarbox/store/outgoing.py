"""The delivery queue: rows to attempt, claimed by lease.

Plans only. Filled by sending/accept.py; claimed and closed by
delivery/worker.py. A claim pushes `due_at` to the end of the lease and leaves
a token: rows of a dead worker come due by themselves, and a worker that lost
its lease cannot close them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Rows, Touch

_COLUMNS = "message_id, part, account, region, lane, transport, recipients, accepted_at, due_at, attempts, lease, why"


class OutgoingRow(NamedTuple):
    """`recipients` is a JSON list of addresses that go the same way; `attempts` were already made."""

    message_id: str
    part: int
    account: str
    region: str
    lane: str
    transport: str
    recipients: str
    accepted_at: Millis
    due_at: Millis
    attempts: int
    lease: str
    why: str

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class Closing(NamedTuple):
    """How an attempt ended for its row: `recipients` are those to try again at `due_at`, if any.

    `lane` is another lane to wait in, if they go another way; `tries` is 0 for what was no attempt after all.
    """

    message_id: str
    part: int
    lease: str
    recipients: str | None
    due_at: Millis
    why: str
    lane: str = ""
    tries: int = 1


class CaptureRow(NamedTuple):
    message_id: str
    part: int
    account: str
    captured_at: Millis
    sender: str
    recipients: str
    body: str


def add(rows: Sequence[OutgoingRow]) -> Plan[None]:
    yield Many(f"INSERT INTO outgoing ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    yield Touch("outgoing")


def lanes() -> Plan[dict[str, Millis]]:
    """Return every lane that has rows, and when its first row comes due, by stepping from one lane to the next."""
    rows = yield Rows(
        "WITH RECURSIVE step (lane) AS (SELECT min(lane) FROM outgoing UNION ALL"
        " SELECT (SELECT min(lane) FROM outgoing WHERE lane > step.lane) FROM step WHERE step.lane IS NOT NULL)"
        " SELECT lane, (SELECT min(due_at) FROM outgoing WHERE lane = step.lane) FROM step WHERE lane IS NOT NULL"
    )
    return dict(rows)


def claim(budgets: Mapping[str, int], lease: str, now: Millis, until: Millis) -> Plan[list[OutgoingRow]]:
    """Lease at most so many due rows of each lane, oldest first."""
    claimed: list[OutgoingRow] = []
    for lane, budget in budgets.items():
        rows = yield Rows(
            "UPDATE outgoing SET due_at = ?, lease = ? WHERE (message_id, part) IN"
            " (SELECT message_id, part FROM outgoing WHERE lane = ? AND due_at <= ? ORDER BY due_at LIMIT ?"
            f" /*pg: FOR UPDATE SKIP LOCKED */) RETURNING {_COLUMNS}",
            (until, lease, lane, now, budget),
        )
        claimed += [OutgoingRow(*row) for row in rows]
    return claimed


def renew(keys: Sequence[tuple[str, int]], lease: str, until: Millis) -> Plan[None]:
    """Keep the lease of rows whose attempts still live."""
    yield Many(
        "UPDATE outgoing SET due_at = ? WHERE message_id = ? AND part = ? AND lease = ?",
        [(until, message_id, part, lease) for message_id, part in keys],
    )


def close(closing: Closing) -> Plan[bool]:
    """End an attempt: the row goes, or waits for its next try. False when the lease was lost."""
    key = (closing.message_id, closing.part, closing.lease)
    if closing.recipients is None:
        rows = yield Rows(
            "DELETE FROM outgoing WHERE message_id = ? AND part = ? AND lease = ? RETURNING part",
            key,
        )
    else:
        other_lane = ", lane = ?" if closing.lane else ""
        values = [closing.recipients, closing.due_at, closing.tries, closing.why]
        rows = yield Rows(
            f"UPDATE outgoing SET recipients = ?, due_at = ?, attempts = attempts + ?, lease = '', why = ?{other_lane}"
            " WHERE message_id = ? AND part = ? AND lease = ? RETURNING part",
            (*values, *filter(None, [closing.lane]), *key),
        )
        if closing.lane:
            yield Touch("outgoing")
    return bool(rows)


def give_back(places: Sequence[tuple[str, Millis, str, int, str]]) -> Plan[None]:
    """Give back claimed rows without an attempt: lane and due time, and the message, part and lease of each."""
    yield Many(
        "UPDATE outgoing SET lane = ?, due_at = ?, lease = '' WHERE message_id = ? AND part = ? AND lease = ?", places
    )
    yield Touch("outgoing")


def hurry(lane: str, configuration_set: str, message_id: str, now: Millis) -> Plan[int]:
    """Make the rows of a lane that wait for another try due now (of one set or message, if named); return how many."""
    only, values = _only(configuration_set, message_id)
    rows = yield Rows(
        f"UPDATE outgoing SET due_at = ? WHERE lane = ? AND due_at > ? AND lease = ''{only} RETURNING part",
        (now, lane, now, *values),
    )
    yield Touch("outgoing")
    return len(rows)


def change_lane(lane: str, to: str, configuration_set: str, message_id: str) -> Plan[int]:
    """Move the rows of a lane (of one set or message, if named), attempts in hand as well; return how many."""
    only, values = _only(configuration_set, message_id)
    rows = yield Rows(f"UPDATE outgoing SET lane = ? WHERE lane = ?{only} RETURNING part", (to, lane, *values))
    yield Touch("outgoing")
    return len(rows)


def _only(configuration_set: str, message_id: str) -> tuple[str, list[str]]:
    conditions, values = "", []
    if message_id:
        conditions, values = " AND message_id = ?", [message_id]
    if configuration_set:
        conditions += (
            " AND EXISTS (SELECT 1 FROM messages WHERE messages.message_id = outgoing.message_id"
            " AND configuration_set = ?)"
        )
        values.append(configuration_set)
    return conditions, values


class LaneDepth(NamedTuple):
    """What waits in a lane: how many rows, how many of them are leased, the oldest, and when the next comes due."""

    lane: str
    rows: int
    in_hand: int
    oldest_at: Millis
    due_at: Millis


def depths() -> Plan[list[LaneDepth]]:
    """Return what waits, by lane; looks at every row."""
    rows = yield Rows(
        "SELECT lane, count(*), sum(CASE WHEN lease = '' THEN 0 ELSE 1 END), min(accepted_at), min(due_at)"
        " FROM outgoing GROUP BY lane ORDER BY lane"
    )
    return [LaneDepth(lane, int(count), int(in_hand), oldest, due) for lane, count, in_hand, oldest, due in rows]


def reasons(lane: str, most: int) -> Plan[list[tuple[str, int]]]:
    """Return the commonest reasons why rows of a lane wait, and how many give each."""
    rows = yield Rows(
        "SELECT why, count(*) FROM outgoing WHERE lane = ? AND why <> '' GROUP BY why ORDER BY count(*) DESC, why"
        " LIMIT ?",
        (lane, most),
    )
    return [(why, int(count)) for why, count in rows]


def of_message(message_id: str) -> Plan[list[OutgoingRow]]:
    rows = yield Rows(f"SELECT {_COLUMNS} FROM outgoing WHERE message_id = ? ORDER BY part", (message_id,))
    return [OutgoingRow(*row) for row in rows]


def size() -> Plan[int]:
    rows = yield Rows("SELECT count(*) FROM outgoing")
    return int(rows[0][0])


def keep_captures(rows: Sequence[CaptureRow]) -> Plan[None]:
    """Keep what was captured; the same attempt repeated after a crash replaces what it kept before."""
    yield Many(
        "INSERT INTO captures (message_id, part, account, captured_at, sender, recipients, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id, part) DO UPDATE SET"
        " captured_at = excluded.captured_at, recipients = excluded.recipients, body = excluded.body",
        rows,
    )


def captures_of(message_id: str) -> Plan[list[CaptureRow]]:
    rows = yield Rows(
        "SELECT message_id, part, account, captured_at, sender, recipients, body FROM captures"
        " WHERE message_id = ? ORDER BY part",
        (message_id,),
    )
    return [CaptureRow(*row) for row in rows]


def captures_of_many(message_ids: Sequence[str]) -> Plan[dict[str, list[str]]]:
    """Return the recipients (JSON lists) of what was captured of each message (at most some hundred are asked for)."""
    if not message_ids:
        return {}
    marks = ", ".join("?" * len(message_ids))
    rows = yield Rows(f"SELECT message_id, recipients FROM captures WHERE message_id IN ({marks})", tuple(message_ids))
    found: dict[str, list[str]] = {}
    for message_id, recipients in rows:
        found.setdefault(message_id, []).append(recipients)
    return found
