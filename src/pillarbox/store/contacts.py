"""People on the contact lists of accounts, by address.

Plans only. Called by resources/contacts.py, which knows how an address is
spelled and what a preference means.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Row, Rows, first

_COLUMNS = "account, region, list, address, unsubscribed, preferences, attributes, created_at, updated_at"
_HERE = "account = ? AND region = ? AND list = ?"
_INSERT = f"INSERT INTO contacts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
# Four values each, well below what either engine takes in one statement.
_ASKED_AT_ONCE = 2_000


class ContactRow(NamedTuple):
    """One contact; `preferences` is a JSON object."""

    account: str
    region: str
    list: str
    address: str
    unsubscribed: int
    preferences: str
    attributes: str
    created_at: Millis
    updated_at: Millis

    @property
    def key(self) -> "Key":
        return Key(*self[:4])


class Key(NamedTuple):
    account: str
    region: str
    list: str
    address: str


def create(row: ContactRow) -> Plan[bool]:
    """Insert, and say whether there was no such contact before."""
    rows = yield Rows(f"{_INSERT} ON CONFLICT (account, region, list, address) DO NOTHING RETURNING address", row)
    return bool(rows)


def create_missing(rows: Sequence[ContactRow]) -> Plan[None]:
    """Insert those that are not there; the others stay as they are."""
    yield Many(f"{_INSERT} ON CONFLICT (account, region, list, address) DO NOTHING", _ordered(rows))


def put(rows: Sequence[ContactRow]) -> Plan[None]:
    """Insert, or replace all but the time of creation of those that are there."""
    yield Many(
        f"{_INSERT} ON CONFLICT (account, region, list, address) DO UPDATE SET unsubscribed = excluded.unsubscribed,"
        " preferences = excluded.preferences, attributes = excluded.attributes, updated_at = excluded.updated_at",
        _ordered(rows),
    )


def get(key: Key) -> Plan[ContactRow | None]:
    rows = yield Rows(f"SELECT {_COLUMNS} FROM contacts WHERE {_HERE} AND address = ?", key)
    return _read(first(rows))


def get_to_change(key: Key) -> Plan[ContactRow | None]:
    """Return a contact that nobody else changes until this transaction ends."""
    rows = yield Rows(f"SELECT {_COLUMNS} FROM contacts WHERE {_HERE} AND address = ? /*pg: FOR UPDATE */", key)
    return _read(first(rows))


def get_many(keys: Collection[Key]) -> Plan[dict[Key, ContactRow]]:
    """Return those of the contacts that are there."""
    asked, found = list(keys), list[Row]()
    for start in range(0, len(asked), _ASKED_AT_ONCE):
        chunk = asked[start : start + _ASKED_AT_ONCE]
        marks = ", ".join(["(?, ?, ?, ?)"] * len(chunk))
        found += yield Rows(
            f"SELECT {_COLUMNS} FROM contacts WHERE (account, region, list, address) IN (VALUES {marks})",
            [value for key in chunk for value in key],
        )
    rows = (ContactRow(*row) for row in found)
    return {row.key: row for row in rows}


def delete(key: Key) -> Plan[bool]:
    """Remove a contact, and say whether it was there."""
    rows = yield Rows(f"DELETE FROM contacts WHERE {_HERE} AND address = ? RETURNING address", key)
    return bool(rows)


def delete_some(scope: Scope, name: str, most: int) -> Plan[int]:
    """Remove at most so many contacts of a list, and say how many."""
    rows = yield Rows(
        f"DELETE FROM contacts WHERE {_HERE} AND address IN"
        f" (SELECT address FROM contacts WHERE {_HERE} ORDER BY address LIMIT ?) RETURNING address",
        (*scope, name, *scope, name, most),
    )
    return len(rows)


def delete_all(scope: Scope, name: str) -> Plan[None]:
    yield Rows(f"DELETE FROM contacts WHERE {_HERE}", (*scope, name))


def list_by_address(scope: Scope, name: str, after: str, limit: int, prefix: str = "") -> Plan[list[ContactRow]]:
    """Return at most `limit` contacts of a list whose addresses come after `after` and begin so, in order."""
    # Whatever the order of letters is in this database, nothing comes before what it begins with.
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM contacts WHERE {_HERE} AND address > ? AND address >= ?"
        " AND substr(address, 1, ?) = ? ORDER BY address LIMIT ?",
        (*scope, name, after, prefix, len(prefix), prefix, limit),
    )
    return [ContactRow(*row) for row in rows]


def _read(row: Row | None) -> ContactRow | None:
    return ContactRow(*row) if row else None


def _ordered(rows: Sequence[ContactRow]) -> list[ContactRow]:
    """In one order, so that two transactions never wait for each other in a circle."""
    return sorted(rows, key=lambda row: row.key)
