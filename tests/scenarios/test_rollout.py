"""While a release is rolled out the program of before works beside this one, on a schema newer than it knows."""

import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pillarbox.store.migrate import OLDEST, POSTGRES, steps
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
def test_what_one_release_accepts_the_other_delivers_and_tells_once(
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
    assert told == Counter((message_id, kind) for message_id in sent for kind in EVENTS)
    assert Counter(identifiers(sink)) == Counter(sent)
