"""Access keys: who they belong to and what they sign with (sealed).

Plans only. Called by resources/credentials.py.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, Touch, first

_COLUMNS = "key_id, account, user_name, secret, status, created_at, scope"


class CredentialRow(NamedTuple):
    key_id: str
    account: str
    user_name: str
    secret: bytes
    status: str
    created_at: Millis
    scope: str = ""


def add(row: CredentialRow) -> Plan[None]:
    yield Rows(f"INSERT INTO credentials ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    yield Touch("credentials")


def get(key_id: str) -> Plan[CredentialRow | None]:
    found = first((yield Rows(f"SELECT {_COLUMNS} FROM credentials WHERE key_id = ?", (key_id,))))
    return CredentialRow(*found) if found else None


def list_all() -> Plan[list[CredentialRow]]:
    rows = yield Rows(f"SELECT {_COLUMNS} FROM credentials ORDER BY created_at, key_id")
    return [CredentialRow(*row) for row in rows]


def set_status(key_id: str, status: str) -> Plan[bool]:
    """Change a key's status and say whether the key exists."""
    rows = yield Rows("UPDATE credentials SET status = ? WHERE key_id = ? RETURNING key_id", (status, key_id))
    yield Touch("credentials")
    return bool(rows)
