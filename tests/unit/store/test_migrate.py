"""A database of a newer release is opened where that release says that it may be, and refused otherwise."""

import asyncpg
import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.store.migrate import OLDEST, POSTGRES, SQLITE, pending, steps
from pillarbox.store.postgres import PostgresStore
from tests.support.postgres import Postgres

NEWEST = steps(POSTGRES)[-1][0]
TOMORROW = NEWEST + 7


def test_nothing_is_pending_on_a_newer_schema_that_this_program_may_work_on() -> None:
    assert pending(TOMORROW, POSTGRES, NEWEST) == []


@pytest.mark.parametrize("oldest", [NEWEST + 1, TOMORROW, None])
def test_a_newer_schema_that_has_taken_something_away_is_refused_with_what_to_do(oldest: int | None) -> None:
    with pytest.raises(Unavailable, match=rf"at schema {TOMORROW}, newer .* knows {NEWEST}: start a newer release"):
        pending(TOMORROW, POSTGRES, oldest)


def test_an_older_schema_is_brought_forward_whatever_it_says() -> None:
    assert [number for number, _ in pending(NEWEST - 1, SQLITE, OLDEST)] == [NEWEST]


@pytest.fixture
def tomorrows(postgres: Postgres, with_schema: str) -> str:
    return postgres.new_database(with_schema)


async def as_a_newer_release_leaves_it(url: str, oldest: int) -> None:
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT max(oldest) FROM schema_version") == OLDEST
    await connection.execute("INSERT INTO schema_version VALUES ($1, $2)", TOMORROW, oldest)
    await connection.close()


async def test_a_program_is_started_again_on_a_schema_that_the_next_release_has_only_added_to(tomorrows: str) -> None:
    await as_a_newer_release_leaves_it(tomorrows, NEWEST)
    store = await PostgresStore.open(tomorrows)
    await store.close()
    connection = await asyncpg.connect(tomorrows)
    left = await connection.fetchrow("SELECT max(number), max(oldest) FROM schema_version")
    await connection.close()
    assert tuple(left) == (TOMORROW, NEWEST), "a program of before changes nothing about what the newer one says"


async def test_a_program_is_not_started_on_a_schema_without_what_it_uses(tomorrows: str) -> None:
    await as_a_newer_release_leaves_it(tomorrows, TOMORROW)
    with pytest.raises(Unavailable, match="start a newer release"):
        await PostgresStore.open(tomorrows)
