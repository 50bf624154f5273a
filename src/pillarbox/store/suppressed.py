"""Addresses on suppression lists: one for each account and region, and one for each of its tenants.

Plans only. Called by resources/suppression.py, which knows how an address is
spelled and what a reason is.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Row, Rows, first

_COLUMNS = "account, region, list_id, address, reason, message_id, feedback_id, updated_at"
_HERE = "account = ? AND region = ? AND list_id = ?"
# Four values each, well below what either engine takes in one statement.
_ASKED_AT_ONCE = 4_000

Key = tuple[str, str, str, str]


class SuppressedRow(NamedTuple):
    """One address; `list_id` is empty on the account's own list, what brought it here when a caller put it here."""

    account: str
    region: str
    list_id: str
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
    ordered: list[SuppressedRow] = sorted(rows, key=lambda row: row[:4])
    yield Many(
        f"INSERT INTO suppression_lists ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, list_id, address) DO UPDATE SET reason = excluded.reason,"
        " message_id = excluded.message_id, feedback_id = excluded.feedback_id, updated_at = excluded.updated_at",
        ordered,
    )


def get(scope: Scope, list_id: str, address: str) -> Plan[SuppressedRow | None]:
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM suppression_lists WHERE {_HERE} AND address = ?", (*scope, list_id, address)
    )
    found = first(rows)
    return SuppressedRow(*found) if found else None


def delete(scope: Scope, list_id: str, address: str) -> Plan[bool]:
    """Remove an address, and say whether it was there."""
    rows = yield Rows(
        f"DELETE FROM suppression_lists WHERE {_HERE} AND address = ? RETURNING address", (*scope, list_id, address)
    )
    return bool(rows)


def delete_list(scope: Scope, list_id: str) -> Plan[None]:
    """Remove every address of one list."""
    yield Rows(f"DELETE FROM suppression_lists WHERE {_HERE}", (*scope, list_id))


def reasons_of(asked: Collection[Key]) -> Plan[dict[Key, str]]:
    """Return the reasons of those (account, region, list_id, address) that are listed."""
    keys, found = list(asked), list[Row]()
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        chunk = keys[start : start + _ASKED_AT_ONCE]
        marks = ", ".join(["(?, ?, ?, ?)"] * len(chunk))
        found += yield Rows(
            "SELECT account, region, list_id, address, reason FROM suppression_lists"
            f" WHERE (account, region, list_id, address) IN (VALUES {marks})",
            [value for key in chunk for value in key],
        )
    return {(account, region, list_id, address): reason for account, region, list_id, address, reason in found}


def list_by_time(scope: Scope, list_id: str, search: Search, limit: int) -> Plan[list[SuppressedRow]]:
    """Return at most `limit` of those that fit, those first that have been there longest unchanged."""
    where: list[str] = [_HERE]
    args: list[object] = [*scope, list_id]
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
        f"SELECT {_COLUMNS} FROM suppression_lists WHERE {' AND '.join(where)} ORDER BY updated_at, address LIMIT ?",
        (*args, limit),
    )
    return [SuppressedRow(*row) for row in rows]
