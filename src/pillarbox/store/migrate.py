"""Brings a database to the newest schema, one numbered step at a time.

Touches only the connection that it is given. Called when a store is opened.
The steps in migrations/ are written once for both engines; the few words that
differ are filled in here. A step that has been released is never changed.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import apsw

from pillarbox.kit.errors import Unavailable

# A table of this name is there while `pillarbox import` fills a store (store/tables.py).
IMPORTING = "importing"
HALF_FILLED = "an import into this store has not ended: run `pillarbox import` with the same folder again"

SQLITE: Mapping[str, str] = {
    "$serial": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "$bytes": "BLOB",
    "$transaction": "BIGINT NOT NULL DEFAULT 0",  # one writer: the sequence is the order of commits
    "$compact": "WITHOUT ROWID",
}
POSTGRES: Mapping[str, str] = {
    "$serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "$bytes": "BYTEA",
    "$transaction": "BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)",
    "$compact": "",
}


def steps(words: Mapping[str, str]) -> list[tuple[int, list[str]]]:
    """Return the migrations in order: their number and their statements in one dialect."""
    found = []
    for file in resources.files("pillarbox.store.migrations").iterdir():
        if not (number := re.match(r"(\d{4})_\w+\.sql$", file.name)):
            continue
        text = re.sub(r"--[^\n]*", "", file.read_text())
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        found.append((int(number[1]), [part.strip() for part in text.split(";") if part.strip()]))
    return sorted(found)


def pending(done: int, words: Mapping[str, str]) -> list[tuple[int, list[str]]]:
    """Return the steps that a database at step `done` still needs; refuse one from a newer release."""
    every = steps(words)
    if done > every[-1][0]:
        raise Unavailable(f"the store is at schema {done}, newer than this program knows ({every[-1][0]})")
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
        for number, statements in pending(done, POSTGRES):
            for statement in statements:
                await connection.execute(statement)
            await connection.execute("INSERT INTO schema_version VALUES ($1)", number)
