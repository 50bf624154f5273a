"""Addresses on the suppression lists of accounts, one list for each account and region.

Plans only. Called by resources/suppression.py, which knows how an address is
spelled and what a reason is.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Row, Rows, first

_COLUMNS = "account, region, address, reason, message_id, feedback_id, updated_at"
_HERE = "account = ? AND region = ?"
# Three values each, well below what either engine takes in one statement.
_ASKED_AT_ONCE = 5_000


class SuppressedRow(NamedTuple):
    """One address; what brought it here is empty when a caller put it here."""

    account: str
    region: str
    address: str
    reason: str
    message_id: str
    feedback_id: str
    updated_at: Millis


class Search(NamedTuple):
    """What a list is narrowed by: reasons (none: all), from `since` on and before `until`.

    `after` is the last row of the previous page (updated_at, address).
    """

    reasons: tuple[str, ...] = ()
    since: Millis | None = None
    until: Millis | None = None
    after: tuple[Millis, str] | None = None


def put(rows: Sequence[SuppressedRow]) -> Plan[None]:
    """Add addresses, or replace what is known of those that are there."""
    # In one order, so that two transactions never wait for each other in a circle.
    ordered: list[SuppressedRow] = sorted(rows, key=lambda row: row[:3])
    yield Many(
        f"INSERT INTO suppressed ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, address) DO UPDATE SET reason = excluded.reason,"
        " message_id = excluded.message_id, feedback_id = excluded.feedback_id, updated_at = excluded.updated_at",
        ordered,
    )


def get(scope: Scope, address: str) -> Plan[SuppressedRow | None]:
    rows = yield Rows(f"SELECT {_COLUMNS} FROM suppressed WHERE {_HERE} AND address = ?", (*scope, address))
    found = first(rows)
    return SuppressedRow(*found) if found else None


def delete(scope: Scope, address: str) -> Plan[bool]:
    """Remove an address, and say whether it was there."""
    rows = yield Rows(f"DELETE FROM suppressed WHERE {_HERE} AND address = ? RETURNING address", (*scope, address))
    return bool(rows)


def reasons_of(asked: Collection[tuple[str, str, str]]) -> Plan[dict[tuple[str, str, str], str]]:
    """Return the reasons of those (account, region, address) that are listed."""
    keys, found = list(asked), list[Row]()
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        chunk = keys[start : start + _ASKED_AT_ONCE]
        marks = ", ".join(["(?, ?, ?)"] * len(chunk))
        found += yield Rows(
            "SELECT account, region, address, reason FROM suppressed"
            f" WHERE (account, region, address) IN (VALUES {marks})",
            [value for key in chunk for value in key],
        )
    return {(account, region, address): reason for account, region, address, reason in found}


def list_by_time(scope: Scope, search: Search, limit: int) -> Plan[list[SuppressedRow]]:
    """Return at most `limit` of those that fit, those first that have been there longest unchanged."""
    where, args = [_HERE], list[object](scope)
    if search.reasons:
        where.append(f"reason IN ({', '.join('?' * len(search.reasons))})")
        args += search.reasons
    if search.since is not None:
        where.append("updated_at >= ?")
        args.append(search.since)
    if search.until is not None:
        where.append("updated_at < ?")
        args.append(search.until)
    if search.after is not None:
        where.append("(updated_at, address) > (?, ?)")
        args += search.after
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM suppressed WHERE {' AND '.join(where)} ORDER BY updated_at, address LIMIT ?",
        (*args, limit),
    )
    return [SuppressedRow(*row) for row in rows]
