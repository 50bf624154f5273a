"""What accounts own and configure: documents by (account, region, kind, name).

Plans only. Called by resources/ and pubsub/, which give the documents their
meaning; a document is JSON text. Every write touches the topic `nouns`, by
which caches know that they are stale.
"""

from collections.abc import Callable
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Rows, Touch, first
from pillarbox.store.scopes import scopes_in

_COLUMNS = "name, parent, created_at, updated_at, document"
_HERE = "account = ? AND region = ? AND kind = ?"


class Noun(NamedTuple):
    """One stored document."""

    name: str
    parent: str
    created_at: Millis
    updated_at: Millis
    document: str


def create(scope: Scope, kind: str, name: str, document: str, now: Millis, parent: str = "") -> Plan[bool]:
    """Insert, and say whether there was none of that name before."""
    rows = yield Rows(
        "INSERT INTO nouns (account, region, kind, name, parent, created_at, updated_at, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, region, kind, name) DO NOTHING RETURNING name",
        (*scope, kind, name, parent, now, now, document),
    )
    yield Touch("nouns")
    return bool(rows)


def change(scope: Scope, kind: str, name: str, edit: Callable[[str], str], now: Millis) -> Plan[bool]:
    """Replace a document by `edit(document)` and say whether there was one; nobody comes between."""
    found = first(
        (yield Rows(f"SELECT document FROM nouns WHERE {_HERE} AND name = ? /*pg: FOR UPDATE */", (*scope, kind, name)))
    )
    if found is None:
        return False
    yield Rows(
        f"UPDATE nouns SET document = ?, updated_at = ? WHERE {_HERE} AND name = ?",
        (edit(found[0]), now, *scope, kind, name),
    )
    yield Touch("nouns")
    return True


def delete(scope: Scope, kind: str, name: str) -> Plan[bool]:
    """Delete, and say whether there was one."""
    rows = yield Rows(f"DELETE FROM nouns WHERE {_HERE} AND name = ? RETURNING name", (*scope, kind, name))
    yield Touch("nouns")
    return bool(rows)


def delete_children(scope: Scope, kind: str, parent: str) -> Plan[int]:
    rows = yield Rows(f"DELETE FROM nouns WHERE {_HERE} AND parent = ? RETURNING name", (*scope, kind, parent))
    yield Touch("nouns")
    return len(rows)


def get(scope: Scope, kind: str, name: str) -> Plan[Noun | None]:
    found = first((yield Rows(f"SELECT {_COLUMNS} FROM nouns WHERE {_HERE} AND name = ?", (*scope, kind, name))))
    return Noun(*found) if found else None


def hold(scope: Scope, kind: str, name: str) -> Plan[Noun | None]:
    """Return what `get` does; nobody else changes it until this transaction ends."""
    statement = f"SELECT {_COLUMNS} FROM nouns WHERE {_HERE} AND name = ? /*pg: FOR UPDATE */"
    found = first((yield Rows(statement, (*scope, kind, name))))
    return Noun(*found) if found else None


def get_many(scope: Scope, kind: str, names: list[str]) -> Plan[list[Noun]]:
    """Return those of `names` (at most some hundred) that exist, in the order of their names."""
    if not names:
        return []
    marks = ", ".join("?" * len(names))
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM nouns WHERE {_HERE} AND name IN ({marks}) ORDER BY name", (*scope, kind, *names)
    )
    return [Noun(*row) for row in rows]


def list_by_name(scope: Scope, kind: str, after: str, limit: int) -> Plan[list[Noun]]:
    """Return at most `limit` of a kind whose names come after `after`, by name."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM nouns WHERE {_HERE} AND name > ? ORDER BY name LIMIT ?", (*scope, kind, after, limit)
    )
    return [Noun(*row) for row in rows]


def documents_with(kind: str, text: str) -> Plan[list[str]]:
    """Return the documents of a kind, of every account, in which a text stands. Looks at all of the kind."""
    rows = yield Rows("SELECT document FROM nouns WHERE kind = ? AND document LIKE ?", (kind, f"%{text}%"))
    return [row[0] for row in rows]


def list_children(scope: Scope, kind: str, parent: str, after: str, limit: int) -> Plan[list[Noun]]:
    """Return at most `limit` of a kind below one parent whose names come after `after`, by name."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM nouns WHERE {_HERE} AND parent = ? AND name > ? ORDER BY name LIMIT ?",
        (*scope, kind, parent, after, limit),
    )
    return [Noun(*row) for row in rows]


def count(scope: Scope, kind: str) -> Plan[int]:
    """Return how many there are, for a limit: nobody else adds to any until this transaction ends."""
    yield from hold_limits()
    rows = yield Rows(f"SELECT count(*) FROM nouns WHERE {_HERE}", (*scope, kind))
    return int(rows[0][0])


def count_below(scope: Scope, kind: str, prefix: str, most: int) -> Plan[int]:
    """Return how many names begin like this (which has no `%` and `_`), `most` at most. Looks at all of the kind."""
    rows = yield Rows(
        f"SELECT count(*) FROM (SELECT name FROM nouns WHERE {_HERE} AND name LIKE ? LIMIT ?) AS found",
        (*scope, kind, f"{prefix}%", most),
    )
    return int(rows[0][0])


def count_with(scope: Scope, kind: str, text: str) -> Plan[int]:
    """Return in how many documents a text stands, for a limit like `count`. Looks at all of the kind."""
    yield from hold_limits()
    rows = yield Rows(f"SELECT count(*) FROM nouns WHERE {_HERE} AND document LIKE ?", (*scope, kind, f"%{text}%"))
    return int(rows[0][0])


def hold_limits() -> Plan[None]:
    """Let whoever else asks for this wait until this transaction ends; SQLite has one writer at a time in any case.

    It is one lock for all, since what is limited is seldom made.
    """
    yield Rows("SELECT 1 /*pg: FROM (SELECT pg_advisory_xact_lock(8026)) AS held */")


def regions_of(account: str) -> Plan[list[str]]:
    """Return every region in which an account owns anything, by stepping from one to the next."""
    found: list[str] = []
    after = ""
    while rows := (
        yield Rows(
            "SELECT region FROM nouns WHERE account = ? AND region > ? ORDER BY region LIMIT 1", (account, after)
        )
    ):
        after = rows[0][0]
        found.append(after)
    return found


def scopes() -> Plan[list[Scope]]:
    """Return every account and region that owns anything."""
    return (yield from scopes_in("nouns"))
