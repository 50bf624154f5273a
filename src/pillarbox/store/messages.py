"""Messages, their recipients, and the quota that they use.

Plans only. Written by sending/accept.py (new messages) and events/record.py
(states); read by whoever shows or delivers a message.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Row, Rows, first
from pillarbox.store.scopes import scopes_in

_MESSAGE = (
    "message_id, account, region, send_id, accepted_at, operation, configuration_set, sender, subject, size,"
    " recipient_count, mail, body"
)
_RECIPIENT = "message_id, number, account, region, address, accepted_at, state, rank, changed_at"
_QUOTA_BUCKET: Millis = 300_000
# The state that recipients_by_state leaves out.
DELIVERED = "delivered"

Place = tuple[Millis, str]  # accepted_at and message_id: where a message stands among others


class MessageRow(NamedTuple):
    """`mail` is MailFacts as JSON; `body` refers to the bytes as they were promised."""

    message_id: str
    account: str
    region: str
    send_id: str
    accepted_at: Millis
    operation: str
    configuration_set: str
    sender: str
    subject: str
    size: int
    recipient_count: int
    mail: str
    body: str

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class RecipientRow(NamedTuple):
    message_id: str
    number: int
    account: str
    region: str
    address: str
    accepted_at: Millis
    state: str
    rank: int
    changed_at: Millis


class Search(NamedTuple):
    """Which messages; an empty value narrows nothing. `before` is the place of the last row of the previous page."""

    account: str = ""
    region: str = ""
    since: Millis = 0
    before: Place | None = None


def add(messages: Sequence[MessageRow], recipients: Sequence[RecipientRow]) -> Plan[None]:
    yield Many(f"INSERT INTO messages ({_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", messages)
    yield Many(f"INSERT INTO recipients ({_RECIPIENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", recipients)


def add_if_absent(messages: Sequence[MessageRow], recipients: Sequence[RecipientRow]) -> Plan[None]:
    """Add messages and recipients that several may learn of at the same time: those that are not there."""
    yield Many(
        f"INSERT INTO messages ({_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (message_id) DO NOTHING",
        messages,
    )
    yield Many(
        f"INSERT INTO recipients ({_RECIPIENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (message_id, number) DO NOTHING",
        recipients,
    )


def learn(messages: Sequence[MessageRow]) -> Plan[None]:
    """Replace what is told of messages that others sent."""
    yield Many(
        "UPDATE messages SET operation = ?, configuration_set = ?, sender = ?, subject = ?, recipient_count = ?,"
        " mail = ? WHERE message_id = ?",
        [
            (
                one.operation,
                one.configuration_set,
                one.sender,
                one.subject,
                one.recipient_count,
                one.mail,
                one.message_id,
            )
            for one in messages
        ],
    )


def lock(message_ids: Sequence[str]) -> Plan[None]:
    """Let nobody else change these messages until the transaction ends."""
    if message_ids:
        marks = ", ".join("?" * len(message_ids))
        yield Rows(
            f"SELECT message_id FROM messages WHERE message_id IN ({marks}) ORDER BY message_id /*pg: FOR UPDATE */",
            tuple(message_ids),
        )


def get(message_id: str) -> Plan[MessageRow | None]:
    found = first((yield Rows(f"SELECT {_MESSAGE} FROM messages WHERE message_id = ?", (message_id,))))
    return MessageRow(*found) if found else None


def get_many(message_ids: Sequence[str]) -> Plan[dict[str, MessageRow]]:
    """Return those messages that exist (at most some hundred are asked for)."""
    if not message_ids:
        return {}
    marks = ", ".join("?" * len(message_ids))
    rows = yield Rows(f"SELECT {_MESSAGE} FROM messages WHERE message_id IN ({marks})", tuple(message_ids))
    return {row[0]: MessageRow(*row) for row in rows}


def recipients_of(message_id: str) -> Plan[list[RecipientRow]]:
    rows = yield Rows(f"SELECT {_RECIPIENT} FROM recipients WHERE message_id = ? ORDER BY number", (message_id,))
    return [RecipientRow(*row) for row in rows]


def recipients_of_many(message_ids: Sequence[str]) -> Plan[dict[str, list[RecipientRow]]]:
    if not message_ids:
        return {}
    marks = ", ".join("?" * len(message_ids))
    rows = yield Rows(
        f"SELECT {_RECIPIENT} FROM recipients WHERE message_id IN ({marks}) ORDER BY message_id, number",
        tuple(message_ids),
    )
    found: dict[str, list[RecipientRow]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(RecipientRow(*row))
    return found


def move_states(moves: Sequence[tuple[str, int, Millis, str, str, int]]) -> Plan[None]:
    """Move recipients (state, rank, changed_at, message_id, address, rank again) that are at a lower rank."""
    yield Many(
        "UPDATE recipients SET state = ?, rank = ?, changed_at = ? WHERE message_id = ? AND address = ? AND rank < ?",
        moves,
    )


def move_whole_messages(moves: Sequence[tuple[str, int, Millis, str, int]]) -> Plan[None]:
    """The same for every recipient of a message (state, rank, changed_at, message_id, rank again)."""
    yield Many(
        "UPDATE recipients SET state = ?, rank = ?, changed_at = ? WHERE message_id = ? AND rank < ?",
        moves,
    )


def newest(search: Search, limit: int) -> Plan[list[MessageRow]]:
    """Return the newest messages that fit, newest first."""
    where, args = _conditions(search)
    rows = yield Rows(
        f"SELECT {_MESSAGE} FROM messages WHERE {where} ORDER BY accepted_at DESC, message_id DESC LIMIT ?",
        (*args, limit),
    )
    return [MessageRow(*row) for row in rows]


def places(scope: Scope, since: Millis, before: Place, limit: int) -> Plan[list[Place]]:
    """Return where the newest messages stand, those before a place, newest first."""
    rows = yield Rows(
        "SELECT accepted_at, message_id FROM messages WHERE account = ? AND region = ? AND accepted_at >= ?"
        " AND (accepted_at, message_id) < (?, ?) ORDER BY accepted_at DESC, message_id DESC LIMIT ?",
        (*scope, since, *before, limit),
    )
    return [(row[0], row[1]) for row in rows]


def places_in_state(scope: Scope, state: str, since: Millis, before: Place, limit: int) -> Plan[list[Place]]:
    """The same for recipients in a state other than DELIVERED; a message stands there for each of its own."""
    rows = yield Rows(
        f"SELECT accepted_at, message_id FROM recipients WHERE account = ? AND region = ? AND state = ?"
        f" AND state <> '{DELIVERED}' AND accepted_at >= ? AND (accepted_at, message_id) < (?, ?)"
        " ORDER BY accepted_at DESC, message_id DESC LIMIT ?",
        (*scope, state, since, *before, limit),
    )
    return [(row[0], row[1]) for row in rows]


def count_in_state(scope: Scope, state: str, since: Millis, before: Millis, most: int) -> Plan[int]:
    """Return how many recipients of mail accepted in a time are in a state other than DELIVERED, to `most`."""
    rows = yield Rows(
        "SELECT count(*) FROM (SELECT 1 FROM recipients WHERE account = ? AND region = ? AND state = ?"
        f" AND state <> '{DELIVERED}' AND accepted_at >= ? AND accepted_at < ? LIMIT ?) AS counted",
        (*scope, state, since, before, most),
    )
    return int(rows[0][0])


def first_and_last(scope: Scope) -> Plan[tuple[Millis, Millis] | None]:
    """Return when the oldest and the newest message were accepted, if there is any."""
    rows = yield Rows(
        "SELECT (SELECT min(accepted_at) FROM messages WHERE account = ? AND region = ?),"
        " (SELECT max(accepted_at) FROM messages WHERE account = ? AND region = ?)",
        (*scope, *scope),
    )
    return None if rows[0][0] is None else (rows[0][0], rows[0][1])


def scopes() -> Plan[list[Scope]]:
    """Return every account and region that has messages."""
    return (yield from scopes_in("messages"))


def use_quota(uses: Sequence[tuple[str, str, Millis, int]]) -> Plan[None]:
    """Count accepted recipients (account, region, accepted_at, recipients)."""
    buckets: dict[tuple[str, str, Millis], int] = {}
    for account, region, at, count in uses:
        bucket = (account, region, at - at % _QUOTA_BUCKET)
        buckets[bucket] = buckets.get(bucket, 0) + count
    yield Many(
        "INSERT INTO quota_use (account, region, bucket_at, recipients) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (account, region, bucket_at)"
        " DO UPDATE SET recipients = quota_use.recipients + excluded.recipients",
        # In one order for everybody, so that two processes that count at the same time never wait for each other.
        [(*bucket, count) for bucket, count in sorted(buckets.items()) if count],
    )


def recipients_since(scope: Scope, since: Millis) -> Plan[int]:
    """Return how many recipients were accepted since then, to five minutes."""
    rows: list[Row] = yield Rows(
        "SELECT coalesce(sum(recipients), 0) FROM quota_use WHERE account = ? AND region = ? AND bucket_at > ?",
        (*scope, since - _QUOTA_BUCKET),
    )
    return int(rows[0][0])


def _conditions(search: Search) -> tuple[str, list[object]]:
    where, args = ["1 = 1"], list[object]()

    def narrow(condition: str, *values: object) -> None:
        where.append(condition)
        args.extend(values)

    for column in ("account", "region"):
        if value := getattr(search, column):
            narrow(f"{column} = ?", value)
    if search.since:
        narrow("accepted_at >= ?", search.since)
    if search.before:
        narrow("(accepted_at, message_id) < (?, ?)", *search.before)
    return " AND ".join(where), args
