"""What was said to next hops, by attempt.

Plans only. Written by delivery/close.py in the transaction that closes an
attempt; read for the history of a message; dropped with the message.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows

_COLUMNS = "message_id, part, attempt, place, account, began_at, peer, recipients, lines"


class ConversationRow(NamedTuple):
    """One conversation of an attempt that began at `began_at`; `recipients` is a JSON list of those it was about.

    `lines` are parted by line feeds: milliseconds since `began_at`, who speaks (`>` we, `<` they, `*` our remark) and
    the words.
    """

    message_id: str
    part: int
    attempt: int
    place: int
    account: str
    began_at: Millis
    peer: str
    recipients: str
    lines: str


def keep(rows: Sequence[ConversationRow]) -> Plan[None]:
    """Keep conversations; those of an attempt that a crash made to be repeated take the place of what it kept."""
    yield Many(
        f"INSERT INTO conversations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (message_id, part, attempt, place) DO UPDATE SET began_at = excluded.began_at,"
        " peer = excluded.peer, recipients = excluded.recipients, lines = excluded.lines",
        rows,
    )


def of_message(message_id: str) -> Plan[list[ConversationRow]]:
    """Return every conversation about a message, in the order in which the attempts began."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM conversations WHERE message_id = ? ORDER BY began_at, part, attempt, place",
        (message_id,),
    )
    return [ConversationRow(*row) for row in rows]
