"""Brings a database to the newest schema, one numbered step at a time.

Touches only the connection that it is given. Called when a store is opened.
The steps in migrations/ are written once for both engines; the few words that
differ are filled in here. A step for one engine alone has its name before the
ending. A step that has been released is never changed. On PostgreSQL programs of
two releases share a database while a rollout is under way: what each release
may change then is told in docs/decisions/0013-expand-then-contract.md.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import apsw

from pillarbox.kit.errors import Unavailable

# What stands between two `$$` belongs to one statement, whatever is in it.
_STATEMENT = re.compile(r"(?:\$\$.*?\$\$|[^;])+", re.DOTALL)
# A table of this name is there while `pillarbox import` fills a store (store/tables.py).
IMPORTING = "importing"
HALF_FILLED = "an import into this store has not ended: run `pillarbox import` with the same folder again"

# The step that a program must know at least to work beside this one. It rises when something is taken away, or meant
# otherwise, that programs before that step still use, and never beyond what the release before this one knows.
OLDEST = 24
_TOO_NEW = (
    "the store is at schema {done}, newer than this program, which knows {newest}:"
    " start a newer release of the program, or restore a backup of before the upgrade"
)

# Rows may have to be written anew; whoever opens the store waits for that.
_STEP_SECONDS = 6 * 3600.0

SQLITE: Mapping[str, str] = {
    "$engine": "sqlite",
    "$serial": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "$bytes": "BLOB",
    "$transaction": "BIGINT NOT NULL DEFAULT 0",  # one writer: the sequence is the order of commits
    "$compact": "WITHOUT ROWID",
    "$bytewise": "TEXT",
}
POSTGRES: Mapping[str, str] = {
    "$engine": "postgres",
    "$serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "$bytes": "BYTEA",
    "$transaction": "BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)",
    "$compact": "",
    # Otherwise the database's own order decides, in which what begins alike need not stand together.
    # https://www.postgresql.org/docs/current/collation.html#COLLATION-MANAGING-STANDARD
    "$bytewise": 'TEXT COLLATE "C"',
}


def steps(words: Mapping[str, str]) -> list[tuple[int, list[str]]]:
    """Return the migrations in order: their number and their statements in one dialect."""
    found = []
    for file in resources.files("pillarbox.store.migrations").iterdir():
        if not (named := re.match(r"(\d{4})_\w+(?:\.(\w+))?\.sql$", file.name)):
            continue
        text = re.sub(r"--[^\n]*", "", file.read_text()) if named[2] in (None, words["$engine"]) else ""
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        parts = _STATEMENT.findall(text)
        found.append((int(named[1]), [part.strip() for part in parts if part.strip()]))
    return sorted(found)


def pending(done: int, words: Mapping[str, str], oldest: int | None = None) -> list[tuple[int, list[str]]]:
    """Return the steps that a database at step `done` still needs.

    One from a newer release is refused, unless programs that know the step `oldest` may work on it, and this one does.
    """
    every = steps(words)
    newest = every[-1][0]
    if done > newest and (oldest is None or oldest > newest):
        raise Unavailable(_TOO_NEW.format(done=done, newest=newest))
    return [(number, statements) for number, statements in every if number > done]


def migrate_sqlite(connection: apsw.Connection) -> None:
    """Bring a SQLite database up to date, each step in a transaction of its own."""
    done: Any = connection.pragma("user_version")
    for number, statements in pending(int(done), SQLITE):
        with connection:
            for statement in statements:
                connection.execute(statement)
            connection.pragma("user_version", number)


async def migrate_postgres(connection: Any) -> None:
    """Bring a PostgreSQL database up to date; processes that start together take turns."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(8025)")
        await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY)")
        done = await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_version")
        # By way of JSON, since the column is not there before the step that makes it.
        oldest = await connection.fetchval("SELECT max((to_jsonb(v) ->> 'oldest')::bigint) FROM schema_version v")
        for number, statements in pending(done, POSTGRES, oldest):
            for statement in statements:
                await connection.execute(statement, timeout=_STEP_SECONDS)
            await connection.execute("INSERT INTO schema_version VALUES ($1)", number)
        await connection.execute("UPDATE schema_version SET oldest = $1 WHERE oldest < $1", OLDEST)
