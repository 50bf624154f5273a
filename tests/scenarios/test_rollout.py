"""While a release is rolled out the program of before works beside this one, on a schema newer than it knows."""

import asyncio
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pillarbox.kit.clock import DAY, SystemClock
from pillarbox.stats.spans import FOUR_WEEKS
from pillarbox.store.engine import open_store
from pillarbox.store.migrate import OLDEST, POSTGRES, steps
from pillarbox.upkeep.four_weeks import FourWeekSums
from pillarbox.upkeep.runner import Runner
from tests.faults.test_kill import client, set_up
from tests.faults.test_postgres import identifiers
from tests.faults.test_worker_processes import MESSAGE
from tests.support.child import Child
from tests.support.postgres import Postgres
from tests.support.sink import Sink
from tests.support.subscriber import Subscriber

RELEASES = Path(__file__).parents[1] / "data" / "releases"
MESSAGES = 12
EVENTS = {"Send", "Delivery"}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the program of before."""
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(RELEASES / "before.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    where = [sys.executable, "-c", "import pillarbox; print(pillarbox.__file__)"]
    source = folder / "src"
    told = subprocess.run(where, env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True)
    assert told.stdout.startswith(str(source)), "what runs is not the program of before"
    return source


@pytest.fixture
async def expanded(postgres: Postgres, with_schema: str) -> str:
    """A database as this program leaves it, with all that a release to come may add: tables, and columns to each."""
    url = postgres.new_database(with_schema)
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = current_schema()::regnamespace AND relname <> 'schema_version'"
    )
    for (table,) in tables:
        await connection.execute(
            f"ALTER TABLE {table} ADD COLUMN said_later TEXT, ADD COLUMN counted_later BIGINT NOT NULL DEFAULT 0"
        )
    await connection.execute("CREATE TABLE made_later (account TEXT PRIMARY KEY, document TEXT NOT NULL)")
    newest = steps(POSTGRES)[-1][0]
    await connection.execute("INSERT INTO schema_version VALUES ($1, $2)", newest + 1, OLDEST)
    await connection.close()
    return url


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink.listening() as listening:
        yield listening


@pytest.mark.parametrize("accepts", ["the program of before", "this program"])
def test_what_one_release_accepts_the_other_delivers_tells_once_and_counts(
    tmp_path: Path, before: Path, expanded: str, sink: Sink, accepts: str
) -> None:
    shared: dict[str, Any] = {
        "database": expanded,
        "keyring": str(tmp_path / "keyring.json"),
        "dev_really_send": True,
        "routes": [{"transport": "smtp"}],
        "smarthost": {"host": "127.0.0.1", "port": sink.port, "tls": "none"},
    }
    front_source, back_source = (before, None) if accepts == "the program of before" else (None, before)
    with (
        Child(tmp_path / "front", source=front_source, roles=["api"], **shared) as front,
        Child(tmp_path / "back", source=back_source, roles=["delivery", "events"], public_url=front.endpoint, **shared),
        Subscriber.listening() as subscriber,
    ):
        set_up(front.endpoint, subscriber)
        ses = client("ses", front.endpoint)
        mail = {"Source": "a@example.com", "Message": MESSAGE, "ConfigurationSetName": "all"}
        sent = [
            ses.send_email(Destination={"ToAddresses": [f"r{one}@example.net"]}, **mail)["MessageId"]
            for one in range(MESSAGES)
        ]
        subscriber.wait_for(lambda seen: len(seen.events) >= len(EVENTS) * MESSAGES, 60)
        told = Counter((event["mail"]["messageId"], event["eventType"]) for event in subscriber.events)
        asyncio.run(_until_counted(expanded))
    assert told == Counter((message_id, kind) for message_id in sent for kind in EVENTS)
    assert Counter(identifiers(sink)) == Counter(sent)
    by_back = 0 if back_source else MESSAGES
    assert asyncio.run(_four_weeks(expanded, tmp_path)) == (by_back, MESSAGES)


_SENT = """
    SELECT coalesce(sum(total), 0) FROM counters WHERE dimension = 'recipient-domain' AND name = 'sent' AND step = $1
"""


async def _until_counted(database: str) -> None:
    """Wait until whoever tells of the events has counted them too."""
    connection = await asyncpg.connect(database)
    async with asyncio.timeout(60):
        while await connection.fetchval(_SENT, DAY) < MESSAGES:
            await asyncio.sleep(0.05)
    await connection.close()


async def _four_weeks(database: str, folder: Path) -> tuple[int, int]:
    """Return how many were sent by the sums of four weeks, and by those that this program leaves when it has looked."""
    connection = await asyncpg.connect(database)
    counted = await connection.fetchval(_SENT, FOUR_WEEKS)
    store, clock = await open_store(database, folder), SystemClock()
    runner = Runner(store, FourWeekSums(store, clock), clock)
    while await runner.step():
        pass
    await store.close()
    found = counted, await connection.fetchval(_SENT, FOUR_WEEKS)
    await connection.close()
    return found
