"""Stores of the first release are brought forward with what is in them."""

from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from pillarbox.store import messages
from pillarbox.store.engine import open_store
from pillarbox.store.migrate import POSTGRES, SQLITE, steps

RELEASED = 2
ROW = (
    "'m1'",
    "'123456789012'",
    "'us-east-1'",
    "'m1'",
    "5",
    "'SendEmail'",
    "''",
    "'a@example.com'",
    "'Hello'",
    "3",
    "1",
)
FILLING = [
    f"INSERT INTO messages VALUES ({', '.join(ROW)}, '{{}}', '')",
    "INSERT INTO recipients VALUES ('m1', 0, '123456789012', 'us-east-1', 'b@example.net', 5, 'delivered', 1, 6)",
    "INSERT INTO counters VALUES ('123456789012', 'us-east-1', '', '', 'sends', 0, 1)",
]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_store_of_the_first_release_opens_with_its_mail(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    words: Any = SQLITE if engine == "sqlite" else POSTGRES
    statements = [one for number, some in steps(words) if number <= RELEASED for one in some]
    if engine == "sqlite":
        database = "sqlite:"
        old = apsw.Connection(str(tmp_path / "pillarbox.db"))
        for statement in [*statements, *FILLING]:
            old.execute(statement)
        old.pragma("user_version", RELEASED)
        old.close()
    else:
        database = request.getfixturevalue("postgres_url")
        connection = await asyncpg.connect(database)
        version = "CREATE TABLE schema_version (number BIGINT PRIMARY KEY)"
        for statement in [*statements, *FILLING, version, "INSERT INTO schema_version VALUES (1), (2)"]:
            await connection.execute(statement)
        await connection.close()

    store = await open_store(database, tmp_path)
    try:
        message = await store.read(messages.get, "m1")
    finally:
        await store.close()
    assert message is not None
    assert (message.subject, message.recipient_count) == ("Hello", 1)
