"""Fixtures that every kind of test shares."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pillarbox.kit import log
from pillarbox.store.engine import Store
from pillarbox.store.postgres import PostgresStore
from pillarbox.store.sqlite import SqliteStore
from tests.support import engine
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from tests.support.server import RunningServer, Server


# As the program does it: what structlog does by itself, unasked, renders a traceback for a second.
log.configure(as_json=False)

SKIPS = Path(__file__).parent / "meta" / "skips.txt"


# What waits longest comes first, so that the short ones fill the time until the last of them ends.
SLOW = ("tests/faults", "tests/meta/test_mutants.py", "tests/scenarios", "tests/fuzz")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((place for place, folder in enumerate(SLOW) if item.nodeid.startswith(folder)), len(SLOW))

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test is a failed one, unless it is listed with its reason."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        listed = [line.partition(": ") for line in SKIPS.read_text().splitlines() if not line.startswith("#")]
        if not any(item.nodeid.startswith(name) and reason for name, _, reason in listed if name):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, and tests/meta/skips.txt gives no reason: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the machine's own kind, on a socket in a temporary folder."""
    with Postgres.started() as server:
        yield server


@pytest.fixture(scope="session", autouse=engine.IS_POSTGRES)
def every_server_over_postgres(postgres: Postgres, with_schema: str) -> None:
    """Where PostgreSQL is asked for, servers that name no database of their own have one there."""
    engine.made_by(lambda: postgres.new_database(with_schema))


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of a database that nobody else uses."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def with_schema(postgres: Postgres) -> str:
    """The name of a database with the newest schema and nothing in it: a copy of it is there at once."""
    url = postgres.new_database()

    async def migrate() -> None:
        await (await PostgresStore.open(url)).close()

    with ThreadPoolExecutor(1) as thread:  # this one may have a loop that runs
        thread.submit(asyncio.run, migrate()).result()
    return url.split("/")[3].partition("?")[0]


@pytest.fixture
async def postgres_store(postgres: Postgres, with_schema: str) -> AsyncIterator[PostgresStore]:
    """An empty store on PostgreSQL."""
    opened = await PostgresStore.open(postgres.new_database(with_schema))
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store, once on each engine."""
    opened: Store
    if request.param == "sqlite":
        opened = await SqliteStore.open(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        opened = await PostgresStore.open(postgres.new_database(request.getfixturevalue("with_schema")))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RunningServer]":
    """One server in dev mode for all tests of this process; each test has an account of its own."""
    from tests.support.server import RunningServer  # unit tests do without the whole program

    with RunningServer.started(tmp_path_factory.mktemp("server"), dev=True) as running:
        yield running


@pytest.fixture
def server(running_server: "RunningServer") -> "Server":
    """The running server, seen by an account that nobody else uses."""
    return running_server.for_new_account()


@pytest.fixture(scope="session")
def production_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RunningServer]":
    """One server outside dev mode: signatures are verified, senders must be vouched for."""
    from tests.support.server import RunningServer

    folder = tmp_path_factory.mktemp("production")
    # No name server answers there: what tests pretend to own is asked of nobody else.
    nobody = ("127.0.0.1:1",)
    with RunningServer.started(folder, body_limit_bytes=20_000_000, sigv3=True, nameservers=nobody) as running:
        yield running


@pytest.fixture
def production(production_server: "RunningServer") -> "Server":
    """The server outside dev mode, with a key of an account that nobody else uses."""
    return production_server.for_new_key()
