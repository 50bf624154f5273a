"""What every engine of the store promises; each test runs on both."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from pillarbox.kit.clock import DAY
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.store import messages, nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Keep, Many, Plan, Rows, Touch
from pillarbox.store.postgres import PostgresStore
from pillarbox.store.sqlite import SqliteStore

SCOPE = Scope("123456789012", "us-east-1")


def _names() -> Plan[list[str]]:
    return [noun.name for noun in (yield from nouns.list_by_name(SCOPE, "thing", "", 1000))]


def _create_all(names: Sequence[str]) -> Plan[list[str]]:
    """Insert without looking first, so that a repeated name fails the whole plan."""
    yield Many(
        "INSERT INTO nouns (account, region, kind, name, parent, created_at, updated_at, document)"
        " VALUES (?, ?, 'thing', ?, '', 0, 0, '{}')",
        [(*SCOPE, name) for name in names],
    )
    return [name.upper() for name in names]


async def test_what_is_written_is_read(store: Store) -> None:
    assert await store.write(nouns.create, SCOPE, "thing", "a", '{"x":1}', 5)

    noun = await store.read(nouns.get, SCOPE, "thing", "a")
    assert noun == nouns.Noun("a", "", 5, 5, '{"x":1}')


async def test_a_plan_that_raises_writes_nothing(store: Store) -> None:
    def failing() -> Plan[None]:
        yield from nouns.create(SCOPE, "thing", "a", "{}", 5)
        raise ValueError("after the write")

    with pytest.raises(ValueError, match="after the write"):
        await store.write(failing)

    assert await store.read(_names) == []


async def test_items_that_wait_together_get_their_own_verdicts(store: Store) -> None:
    verdicts = await asyncio.gather(*(store.commit(_create_all, f"n{number:03}") for number in range(200)))

    assert verdicts == [f"N{number:03}" for number in range(200)]
    assert await store.read(_names) == [f"n{number:03}" for number in range(200)]


async def test_one_bad_item_does_not_undo_its_neighbours(store: Store) -> None:
    await store.write(nouns.create, SCOPE, "thing", "taken", "{}", 0)

    names = ["a", "taken", "b", "c"]
    results = await asyncio.gather(*(store.commit(_create_all, name) for name in names), return_exceptions=True)

    assert [isinstance(result, Exception) for result in results] == [False, True, False, False]
    assert await store.read(_names) == ["a", "b", "c", "taken"]


async def test_bodies_come_back_as_they_were(store: Store) -> None:
    bodies = [b"", b"one", bytes(range(256)) * 400]

    def keep() -> Plan[list[str]]:
        references: list[str] = yield Keep(bodies, [SCOPE.account] * len(bodies), 1_790_000_000_000)
        return references

    references = await store.write(keep)

    assert [await store.body(reference) for reference in references] == bodies


async def test_of_several_bodies_those_that_are_there_come_back(store: Store) -> None:
    def keep(body: bytes, at: int) -> Plan[list[str]]:
        references: list[str] = yield Keep([body], [SCOPE.account], at)
        return references

    [one] = await store.write(keep, b"one", 1_790_000_000_000)
    [other] = await store.write(keep, b"other", 1_790_000_000_000 + 3 * DAY)
    gone = "pg:999999" if one.startswith("pg:") else "2001-01-01:0:3"

    assert await store.bodies([other, one, gone]) == {one: b"one", other: b"other"}
    assert await store.bodies([]) == {}


async def test_many_rows_are_all_written_and_a_repeated_key_adds_up(store: Store) -> None:
    def use(count: int) -> Plan[None]:
        yield from messages.use_quota([(f"{number % 100:012}", "r", 0, 1) for number in range(count)])

    def total() -> Plan[tuple[int, int]]:
        rows = yield Rows("SELECT sum(recipients), count(*) FROM quota_use")
        return (int(rows[0][0]), int(rows[0][1]))

    await store.write(use, 301)

    assert await store.read(total) == (301, 100)


async def test_listeners_are_woken_after_the_commit_and_before_the_writer_goes_on(store: Store) -> None:
    woken: list[str] = []
    store.listen("nouns", lambda: woken.append("nouns"))

    await store.write(nouns.create, SCOPE, "thing", "a", "{}", 0)

    assert woken == ["nouns"]


async def test_listeners_hear_what_another_process_touched(postgres_url: str) -> None:
    ours, theirs = await PostgresStore.open(postgres_url), await PostgresStore.open(postgres_url)
    try:
        woken = asyncio.Event()
        ours.listen("nouns", woken.set)

        await theirs.write(nouns.create, SCOPE, "thing", "a", "{}", 0)

        await asyncio.wait_for(woken.wait(), 10)
    finally:
        await ours.close()
        await theirs.close()


async def test_who_finds_all_connections_taken_waits_for_one(postgres_url: str) -> None:
    store = await PostgresStore.open(postgres_url, connections=3)

    def connected() -> Plan[int]:
        rows = yield Rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(rows[0][0])

    try:
        seen = await asyncio.gather(*(store.read(connected) for _ in range(40)))
    finally:
        await store.close()
    assert max(seen) == 4, "three to ask over, and one for what others wrote"


async def test_listeners_are_not_woken_by_what_was_undone(store: Store) -> None:
    woken: list[str] = []
    done = asyncio.Event()
    store.listen("undone", lambda: woken.append("undone"))
    store.listen("done", done.set)

    def failing() -> Plan[None]:
        yield Touch("undone")
        raise ValueError

    def working() -> Plan[None]:
        yield Touch("done")

    with pytest.raises(ValueError):
        await store.write(failing)
    await store.write(working)
    await asyncio.wait_for(done.wait(), 10)

    assert woken == []


async def test_a_change_is_made_on_the_newest_document(store: Store) -> None:
    await store.write(nouns.create, SCOPE, "thing", "a", "", 0)

    await asyncio.gather(
        *(store.write(nouns.change, SCOPE, "thing", "a", lambda text: text + "x", 1) for _ in range(30))
    )

    noun = await store.read(nouns.get, SCOPE, "thing", "a")
    assert noun is not None
    assert noun.document == "x" * 30


async def test_readers_do_not_write(store: Store) -> None:
    def writing() -> Plan[None]:
        yield Rows("DELETE FROM nouns")

    with pytest.raises(Exception, match=r"read-?only"):
        await store.read(writing)


async def test_one_process_at_a_time_holds_the_folder(tmp_path: Path) -> None:
    first = await SqliteStore.open(tmp_path)
    with pytest.raises(Unavailable, match="another pillarbox process"):
        await SqliteStore.open(tmp_path)
    await first.close()

    again = await SqliteStore.open(tmp_path)
    await again.close()


async def test_a_store_from_a_newer_release_is_refused(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.close()
    connection = apsw.Connection(str(tmp_path / "pillarbox.db"))
    connection.pragma("user_version", 9999)
    connection.close()

    with pytest.raises(Unavailable, match="newer than this program"):
        await SqliteStore.open(tmp_path)


async def test_a_damaged_body_is_noticed(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)

    def keep() -> Plan[list[str]]:
        references: list[str] = yield Keep([b"precious"], [SCOPE.account], 1_790_000_000_000)
        return references

    (reference,) = await store.write(keep)
    (segment,) = (tmp_path / "bodies").iterdir()
    segment.write_bytes(segment.read_bytes().replace(b"precious", b"precioux"))

    with pytest.raises(Unavailable, match="damaged"):
        await store.body(reference)
    await store.close()


async def test_a_folder_is_free_once_its_store_is_closed_whoever_still_has_its_handle(tmp_path: Path) -> None:
    first = await SqliteStore.open(tmp_path)
    with pytest.raises(Unavailable, match="another pillarbox process"):
        await SqliteStore.open(tmp_path)
    inherited = os.dup(first._lock_handle)  # as a child process has it until it starts its program
    await first.close()
    try:
        await (await SqliteStore.open(tmp_path)).close()
    finally:
        os.close(inherited)
