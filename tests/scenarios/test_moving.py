"""A whole store goes from one engine to the other and back: by way of a folder, past kills, and nothing is lost."""

import gzip
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillarbox.kit.clock import SystemClock
from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.operate import moving
from pillarbox.store import events, leases, messages, tables, waiting_posts
from pillarbox.store.engine import Store, open_store
from pillarbox.store.events import Position
from pillarbox.store.plan import Rows
from pillarbox.store.waiting_posts import Origin, Posted
from tests.faults.test_kill import client, missing, set_up
from tests.faults.test_worker_processes import MESSAGE, Load
from tests.scenarios.test_backup import Installation
from tests.support.filled import Mailroom
from tests.support.postgres import Postgres
from tests.support.subscriber import Subscriber


def quiet(_step: str, _total: int, _more: int) -> None:
    """Nobody looks on."""


@asynccontextmanager
async def opened(database: str, folder: Path, *, moving: bool = True) -> AsyncIterator[Store]:
    store = await open_store(database, folder, moving=moving)
    try:
        yield store
    finally:
        await store.close()


async def content(store: Store) -> dict[str, Any]:
    """Everything in a store, with the content of bodies in place of what an engine calls them."""
    found: dict[str, Any] = {}
    for table in tables.tables():
        rows = [list(row) for row in await store.read(tables.page, table, [], 100_000)]
        for row in rows if table.reference else ():
            at = table.place(table.reference)
            row[at] = (await store.bodies([row[at]])).get(row[at])
        found[table.name] = sorted(rows, key=repr)
    return found


async def fill(store: Store, count: int) -> list[str]:
    room = Mailroom(store)
    sent = [await room.accept("a@example.net", "b@example.net", subject=f"no. {one}") for one in range(count)]
    await room.accept("c@example.net", raw=b"From: sender@example.com\r\nSubject: x\r\n\r\n" + b"x\r\n" * 100_000)
    for message_id in sent[::3]:
        await room.deliver(message_id)
    for message_id in sent[1::3]:
        await room.capture(message_id)
    origin = Origin("far", "111111111111", "us-east-1", 0)
    await store.write(waiting_posts.add, [Posted(origin, one, b"\xff", bytes(range(256))) for one in range(count)])
    return sent


async def test_a_store_is_the_same_after_a_journey_through_the_other_engine(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_PAGE", 7)
    clock, database = SystemClock(), postgres.new_database()
    async with opened("sqlite:", tmp_path / "a") as first:
        await fill(first, 20)
        await first.write(events.lease_cursors, "stats", [0, 1], "mine", 1, 2)
        await first.write(events.move_cursors, "stats", "mine", {0: Position(0, 17), 1: Position(0, 3)})
        await first.write(leases.end_all, 0)
        before = await content(first)
        one = await moving.export(first, tmp_path / "one", clock, quiet)
    async with opened(database, tmp_path) as second:
        await moving.import_(second, tmp_path / "one", clock, quiet)
        rest = next(one for one in tables.tables() if one.name == "messages")._replace(name="messages_rest")
        assert await second.read(tables.count, rest) == 0, "there is a part for every message"
        two = await moving.export(second, tmp_path / "two", clock, quiet)
    async with opened("sqlite:", tmp_path / "b") as third:
        await moving.import_(third, tmp_path / "two", clock, quiet)
        after = await content(third)
    assert two.tables == one.tables
    assert two.numbers == one.numbers
    assert after == before
    assert one.tables["messages"].rows == 21
    assert sum(map(len, before.values())) == sum(told.rows for told in one.tables.values())


@pytest.mark.parametrize("way", ["to postgres", "to sqlite"])
async def test_followers_go_on_after_the_last_event_that_they_saw(tmp_path: Path, postgres: Postgres, way: str) -> None:
    places = [("sqlite:", tmp_path / "a"), (postgres.new_database(), tmp_path)]
    source, target = places if way == "to postgres" else places[::-1]
    async with opened(*source) as store:
        await fill(store, 6)
        found = await store.read(events.after, Position(0, 0), 100)
        seen = found[9][0]
        await store.write(events.lease_cursors, "stats", [0], "mine", 1, 2)
        await store.write(events.move_cursors, "stats", "mine", {0: seen})
        await moving.export(store, tmp_path / "out", SystemClock(), quiet)
    async with opened(*target) as store:
        await moving.import_(store, tmp_path / "out", SystemClock(), quiet)
        (position,) = (await store.write(events.lease_cursors, "stats", [0], "new", 10, 20)).values()
        await Mailroom(store).accept("new@example.net")
        left = await store.read(events.after, position, 100)
    assert [row.event_id for _, row in left[:-1]] == [row.event_id for _, row in found[10:]]
    assert left[-1][1].kind == "Send"


async def test_numbers_that_were_given_are_not_given_again(tmp_path: Path, postgres: Postgres) -> None:
    numbered = [table for table in tables.tables() if table.serial]
    assert {table.name for table in numbered} >= {"events", "queue_messages", "audit"}
    columns = "happened_at, account, region, who, source, action, subject"
    queued = f"INSERT INTO audit ({columns}) VALUES (1, '', '', '', '', '', '') RETURNING id"
    numbers = []
    places = [("sqlite:", tmp_path / "a"), (postgres.new_database(), tmp_path), ("sqlite:", tmp_path / "b")]
    for number, place in enumerate(places):
        async with opened(*place) as store:
            if number:
                await moving.import_(store, tmp_path / f"out-{number - 1}", SystemClock(), quiet)
            numbers += [(await store.write(_rows, queued))[0][0] for _ in range(3)]
            await store.write(_rows, "DELETE FROM audit")
            await moving.export(store, tmp_path / f"out-{number}", SystemClock(), quiet)
    assert numbers == list(range(1, 10))


def _rows(sql: str) -> Any:
    return (yield Rows(sql))


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_move_that_is_interrupted_anywhere_goes_on(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(moving, "_PAGE", 5)
    places = [("sqlite:", tmp_path / "a"), (postgres.new_database(), tmp_path)]
    source, target = places if engine == "sqlite" else places[::-1]
    async with opened(*source) as store:
        await fill(store, 12)
        await store.write(leases.end_all, 0)
        tries = await _until_done(lambda told: moving.export(store, tmp_path / "out", SystemClock(), told))
        before = await content(store)
    assert tries > 5
    async with opened(*target) as store:
        tries = await _until_done(lambda told: moving.import_(store, tmp_path / "out", SystemClock(), told))
        after = await content(store)
    assert tries > 5
    assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
    assert after["messages"] == before["messages"]
    assert after["captures"] == before["captures"]


async def _until_done(move: Any) -> int:
    """Break a move off after ever more steps until it comes to its end; return how often it began."""
    for tries in range(1, 100):
        left = 3 * tries

        def broken_off(_step: str, _total: int, _more: int) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise InterruptedError

        try:
            await move(broken_off)
        except InterruptedError:
            continue
        return tries
    raise AssertionError("it never ended")


STEPS = (1, 20, 60, 90)
DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from pillarbox.kit.clock import SystemClock
from pillarbox.operate import moving
from pillarbox.store.engine import open_store

moving._PAGE, left = 40, int(sys.argv[5])

def dying(step, total, more):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

async def move(way, database, folder, files):
    store = await open_store(database, Path(folder), moving=True)
    await getattr(moving, way)(store, Path(files), SystemClock(), dying)

asyncio.run(move(*sys.argv[1:5]))
"""


def run_past_kills(installation: Installation, way: str, files: Path) -> subprocess.CompletedProcess[str]:
    """Begin to export or import some times, killed with -9 after ever more steps, and at last let the command end."""
    for steps in STEPS:
        place = (installation.database, str(installation.folder), str(files), str(steps))
        killed = subprocess.run([sys.executable, "-c", DYING, way, *place], timeout=60, check=False)
        assert killed.returncode == -signal.SIGKILL
    return installation.run(way.strip("_"), str(files))


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber.listening() as listening:
        yield listening


@pytest.mark.parametrize("way", ["to postgres", "to sqlite"])
def test_a_server_killed_under_load_is_carried_over_past_kills_and_goes_on_where_it_was(
    tmp_path: Path, postgres: Postgres, subscriber: Subscriber, way: str
) -> None:
    databases = ["sqlite:", postgres.new_database()]
    if way == "to sqlite":
        databases.reverse()
    keyring = tmp_path / "keyring.json"
    old, new = (Installation(tmp_path / name, url, keyring) for name, url in zip("ab", databases, strict=True))
    with old.serving() as child:
        set_up(child.endpoint, subscriber)
        load = Load(child.endpoint)
        load.wait_for(100)
        child.kill()
        promised = load.stop()

    exported = run_past_kills(old, "export", tmp_path / "out")
    assert exported.returncode == 0, exported.stderr
    assert f"Exported into {tmp_path / 'out'}: " in exported.stdout
    imported = run_past_kills(new, "import_", tmp_path / "out")
    assert imported.returncode == 0, imported.stderr
    assert "Everything was read again and compared" in imported.stdout

    with new.serving() as child:
        told = 2 * len(promised)
        subscriber.wait_for(lambda seen: len(seen.events) >= told and missing(promised, seen) == set(), 90)
        client("ses", child.endpoint).send_email(
            Source="a@example.com", Destination={"ToAddresses": ["someone@example.net"]}, Message=MESSAGE
        )


async def test_text_that_postgresql_cannot_hold_is_marked(tmp_path: Path, postgres: Postgres) -> None:
    async with opened("sqlite:", tmp_path / "a") as store:
        columns = "(key_id, account, user_name, created_at, status, secret)"
        await store.write(_rows, f"INSERT INTO credentials {columns} VALUES ('k', 'a', 'x' || char(0), 1, '', x'00ff')")
        await moving.export(store, tmp_path / "out", SystemClock(), quiet)
    async with opened(postgres.new_database(), tmp_path) as store:
        await moving.import_(store, tmp_path / "out", SystemClock(), quiet)
        assert (await store.read(_rows, "SELECT user_name, secret FROM credentials"))[0] == ("x\ufffd", b"\x00\xff")


async def test_a_store_is_filled_only_when_it_is_empty_and_used_only_when_it_is_full(
    tmp_path: Path, postgres: Postgres
) -> None:
    for number, place in enumerate([("sqlite:", tmp_path / "a"), (postgres.new_database(), tmp_path)]):
        out = tmp_path / f"out-{number}"
        async with opened(*place) as store:
            await fill(store, 1)
            await moving.export(store, out, SystemClock(), quiet)
            with pytest.raises(Invalid, match=r"not empty \(.*messages"):
                await moving.import_(store, out, SystemClock(), quiet)
            with pytest.raises(Invalid, match="holds an export that is whole"):
                await moving.export(store, out, SystemClock(), quiet)
            with pytest.raises(Invalid, match="holds no export"):
                await moving.import_(store, tmp_path, SystemClock(), quiet)
    for number, place in enumerate([("sqlite:", tmp_path / "b"), (postgres.new_database(), tmp_path)]):
        out = tmp_path / f"out-{number}"
        async with opened(*place) as store:
            with pytest.raises(InterruptedError):
                await moving.import_(store, out, SystemClock(), _broken_off)
        with pytest.raises(Unavailable, match="an import into this store has not ended"):
            await open_store(*place)
        async with opened(*place) as store:
            with pytest.raises(Invalid, match="is being filled by an import"):
                await moving.export(store, tmp_path / "never", SystemClock(), quiet)
            await moving.import_(store, out, SystemClock(), quiet)
        async with opened(*place, moving=False) as store:
            assert await store.read(_rows, "SELECT count(*) FROM messages") == [(2,)]


def _broken_off(_step: str, _total: int, more: int) -> None:
    if more:
        raise InterruptedError


async def test_a_database_in_use_is_not_carried_away(tmp_path: Path, postgres: Postgres) -> None:
    database = postgres.new_database()
    async with opened(database, tmp_path, moving=False):
        with pytest.raises(Unavailable, match="others use this database"):
            await open_store(database, tmp_path, moving=True)
    async with opened(database, tmp_path):
        with pytest.raises(Unavailable, match="being exported, or filled"):
            await open_store(database, tmp_path)


@pytest.mark.parametrize("change", ["changed", "damaged", "cut off"])
async def test_what_is_not_whole_is_noticed(tmp_path: Path, change: str) -> None:
    async with opened("sqlite:", tmp_path / "a") as store:
        await fill(store, 3)
        await moving.export(store, tmp_path / "out", SystemClock(), quiet)
    file = tmp_path / "out" / "messages-000000000.msgpack.gz"
    if change == "changed":
        part = msgspec.msgpack.decode(gzip.decompress(file.read_bytes()))
        row = next(row for row in part["rows"] if "SendEmail" in row)
        row[row.index("SendEmail")] = "SendMail"
        file.write_bytes(gzip.compress(msgspec.msgpack.encode(part)))
    elif change == "damaged":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    else:
        file.unlink()
    async with opened("sqlite:", tmp_path / "b") as store:
        with pytest.raises(Unavailable, match=r"the import is not whole|cannot be read"):
            await moving.import_(store, tmp_path / "out", SystemClock(), quiet)


async def test_a_body_that_was_dropped_stays_dropped(tmp_path: Path, postgres: Postgres) -> None:
    places = [("sqlite:", tmp_path / "a"), (postgres.new_database(), tmp_path), ("sqlite:", tmp_path / "b")]
    async with opened(*places[0]) as store:
        sent = await fill(store, 1)
        for segment in (tmp_path / "a" / "bodies").iterdir():
            segment.unlink()
        await moving.export(store, tmp_path / "out-0", SystemClock(), quiet)
    for number, place in enumerate(places[1:]):
        async with opened(*place) as store:
            await moving.import_(store, tmp_path / f"out-{number}", SystemClock(), quiet)
            message = await store.read(messages.get, sent[0])
            assert message is not None
            with pytest.raises(Unavailable, match="no longer kept"):
                await store.body(message.body)
            await moving.export(store, tmp_path / f"out-{number + 1}", SystemClock(), quiet)
