"""Users of the pages, and the browsers that are signed in.

Plans only. Called by resources/users.py and resources/sessions.py.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, first

_USER = "name, password, role, account, region, tenant, created_at"
_SESSION = "token_hash, user_name, key_id, created_at, seen_at"


class UserRow(NamedTuple):
    """`password` is a hash. `account`, `region` and `tenant` are empty where nothing is narrowed."""

    name: str
    password: str
    role: str
    account: str
    region: str
    tenant: str
    created_at: Millis


class SessionRow(NamedTuple):
    """One browser, signed in by a user or by a key; the other one is empty."""

    token_hash: str
    user_name: str
    key_id: str
    created_at: Millis
    seen_at: Millis


def add(row: UserRow) -> Plan[bool]:
    """Insert, and say whether there was none of that name before."""
    rows = yield Rows(
        f"INSERT INTO users ({_USER}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING name", row
    )
    return bool(rows)


def get(name: str) -> Plan[UserRow | None]:
    found = first((yield Rows(f"SELECT {_USER} FROM users WHERE name = ?", (name,))))
    return UserRow(*found) if found else None


def list_all() -> Plan[list[UserRow]]:
    rows = yield Rows(f"SELECT {_USER} FROM users ORDER BY name")
    return [UserRow(*row) for row in rows]


def set_password(name: str, password: str) -> Plan[bool]:
    """Replace a user's hash and say whether the user exists."""
    return bool((yield Rows("UPDATE users SET password = ? WHERE name = ? RETURNING name", (password, name))))


def remove(name: str) -> Plan[bool]:
    """Delete, and say whether there was one."""
    return bool((yield Rows("DELETE FROM users WHERE name = ? RETURNING name", (name,))))


def add_session(row: SessionRow) -> Plan[None]:
    yield Rows(f"INSERT INTO sessions ({_SESSION}) VALUES (?, ?, ?, ?, ?)", row)


def session(token_hash: str) -> Plan[SessionRow | None]:
    found = first((yield Rows(f"SELECT {_SESSION} FROM sessions WHERE token_hash = ?", (token_hash,))))
    return SessionRow(*found) if found else None


def seen(token_hash: str, now: Millis) -> Plan[None]:
    yield Rows("UPDATE sessions SET seen_at = ? WHERE token_hash = ?", (now, token_hash))


def end_session(token_hash: str) -> Plan[None]:
    yield Rows("DELETE FROM sessions WHERE token_hash = ?", (token_hash,))


def end_sessions_of(user_name: str) -> Plan[None]:
    yield Rows("DELETE FROM sessions WHERE user_name = ?", (user_name,))


def sessions_by_user() -> Plan[dict[str, tuple[int, Millis]]]:
    """Return in how many browsers each user is signed in, and when one of them was seen last."""
    rows = yield Rows("SELECT user_name, count(*), max(seen_at) FROM sessions WHERE user_name <> '' GROUP BY user_name")
    return {name: (int(count), int(seen_at)) for name, count, seen_at in rows}


def end_old_sessions(created_before: Millis, seen_before: Millis) -> Plan[None]:
    yield Rows("DELETE FROM sessions WHERE created_at < ? OR seen_at < ?", (created_before, seen_before))
