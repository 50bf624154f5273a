"""Which bodies the messages of a time refer to, and whether some are still to be written.

Plans only. Called by upkeep/bodies_elsewhere.py, which removes what nothing
refers to.
"""

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Row, Rows


def page(scope: Scope, after: tuple[Millis, str], until: Millis, most: int) -> Plan[list[Row]]:
    """Return (accepted_at, message_id, reference) of messages behind `after` that were accepted before `until`."""
    rows: list[Row] = yield Rows(
        "SELECT accepted_at, message_id, body FROM messages WHERE account = ? AND region = ?"
        " AND (accepted_at, message_id) > (?, ?) AND accepted_at < ? ORDER BY accepted_at, message_id LIMIT ?",
        (*scope, *after, until, most),
    )
    return rows


def are_to_come(account: str, since: Millis, until: Millis) -> Plan[bool]:
    """Say whether messages that the account was promised in a time are still to be made, of a list kept as a body."""
    rows = yield Rows(
        "SELECT 1 FROM bulk_sends WHERE account = ? AND accepted_at >= ? AND accepted_at < ?"
        " UNION ALL SELECT 1 FROM unmade_sends WHERE account = ? AND accepted_at >= ? AND accepted_at < ? LIMIT 1",
        (account, since, until) * 2,
    )
    return bool(rows)
