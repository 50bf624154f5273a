"""The event log is read in its order; a cursor belongs to whoever leases it."""

import contextlib
from typing import Any

import apsw
import pytest

from pillarbox.store import events
from pillarbox.store.engine import Store
from pillarbox.store.events import EventRow, Position
from pillarbox.store.migrate import migrate_sqlite
from pillarbox.store.plan import Plan, Rows

START = Position(0, 0)
HERE = ("111111111111", "us-east-1")


def row(number: int, *, message_id: str = "m", happened_at: int = 0) -> EventRow:
    return EventRow(f"e{number:04}", *HERE, number % 64, message_id, "Send", happened_at, 1_000 + number, "{}")


async def _ids_after(store: Store, position: Position, limit: int = 100) -> list[str]:
    return [found.event_id for _, found in await store.read(events.after, position, limit)]


async def _last(store: Store) -> Position:
    return await store.read(events.last_position)


async def _lease(
    store: Store, lease: str, now: int, until: int, shards: tuple[int, ...] = (0, 1)
) -> dict[int, Position]:
    return await store.write(events.lease_cursors, "f", shards, lease, now, until)


async def test_the_log_is_read_in_the_order_in_which_it_was_written(store: Store) -> None:
    await store.write(events.append, [row(1), row(2)])
    await store.write(events.append, [row(3)])

    assert await _ids_after(store, START) == ["e0001", "e0002", "e0003"]
    assert [found for _, found in await store.read(events.after, START, 1)] == [row(1)]


async def test_reading_goes_on_behind_the_last_row_seen(store: Store) -> None:
    await store.write(events.append, [row(1), row(2), row(3)])
    (position, _), _ = await store.read(events.after, START, 2)

    assert await _ids_after(store, position) == ["e0002", "e0003"]
    assert await _ids_after(store, await _last(store)) == []


async def test_an_empty_log_has_no_position(store: Store) -> None:
    assert await _last(store) == START
    assert await store.read(events.oldest_after, START) is None


async def test_the_oldest_row_behind_a_position_tells_how_far_behind_it_is(store: Store) -> None:
    await store.write(events.append, [row(1), row(2)])
    (position, _), _ = await store.read(events.after, START, 2)

    assert await store.read(events.oldest_after, START) == 1_001
    assert await store.read(events.oldest_after, position) == 1_002
    assert await store.read(events.oldest_after, await _last(store)) is None


async def test_a_message_tells_its_story_in_the_order_in_which_it_happened(store: Store) -> None:
    told = [row(1, happened_at=30), row(2, happened_at=10), row(3, happened_at=30), row(4, message_id="other")]
    await store.write(events.append, told)

    assert [one.event_id for one in await store.read(events.of_message, "m")] == ["e0002", "e0001", "e0003"]


async def test_a_fact_is_new_once_in_each_account(store: Store) -> None:
    assert await store.write(events.first_seen, "1", "dsn/x", 5)
    assert not await store.write(events.first_seen, "1", "dsn/x", 6)
    assert await store.write(events.first_seen, "2", "dsn/x", 7)
    assert await store.write(events.first_seen, "1", "dsn/y", 8)


async def test_a_lease_keeps_others_out_until_it_ends(store: Store) -> None:
    assert await _lease(store, "a", now=0, until=10) == {0: START, 1: START}
    assert await _lease(store, "b", now=9, until=19) == {}
    assert await _lease(store, "b", now=10, until=20) == {0: START, 1: START}


async def test_whoever_holds_a_lease_renews_it(store: Store) -> None:
    await _lease(store, "a", now=0, until=10)

    assert set(await _lease(store, "a", now=9, until=19)) == {0, 1}
    assert await _lease(store, "b", now=18, until=28) == {}


async def test_only_what_nobody_holds_is_leased(store: Store) -> None:
    await _lease(store, "a", now=0, until=10, shards=(0,))

    assert set(await _lease(store, "b", now=1, until=11)) == {1}


async def test_the_next_holder_goes_on_where_the_last_one_stood(store: Store) -> None:
    await _lease(store, "a", now=0, until=10)
    await store.write(events.move_cursors, "f", "a", {0: Position(1, 5), 1: Position(1, 7)})

    assert await _lease(store, "b", now=10, until=20) == {0: Position(1, 5), 1: Position(1, 7)}


async def test_cursors_that_are_no_longer_held_do_not_move(store: Store) -> None:
    await _lease(store, "a", now=0, until=10)
    await _lease(store, "b", now=10, until=20, shards=(1,))

    assert await store.write(events.move_cursors, "f", "a", {0: Position(0, 3), 1: Position(0, 3)}) == 1
    assert (await _lease(store, "c", now=20, until=30)) == {0: Position(0, 3), 1: START}


async def test_a_released_lease_can_be_taken_at_once_and_moves_nothing_any_more(store: Store) -> None:
    await _lease(store, "a", now=0, until=10)
    await store.write(events.release_cursors, "f", "a")

    assert await store.write(events.move_cursors, "f", "a", {0: Position(0, 3)}) == 0
    assert set(await _lease(store, "b", now=1, until=11)) == {0, 1}


async def test_releasing_leaves_the_leases_of_others_alone(store: Store) -> None:
    await _lease(store, "a", now=0, until=10)
    await store.write(events.release_cursors, "f", "b")

    assert await _lease(store, "b", now=1, until=11) == {}


async def test_followers_have_cursors_of_their_own(store: Store) -> None:
    await _lease(store, "a", now=0, until=10)

    assert set(await store.write(events.lease_cursors, "g", (0, 1), "b", 0, 10)) == {0, 1}
    assert await store.write(events.move_cursors, "f", "b", {0: Position(0, 3)}) == 0


@pytest.mark.parametrize(
    "plan", [events.after(Position(0, 5), 9), events.oldest_after(Position(0, 5))], ids=["after", "oldest"]
)
def test_the_embedded_store_goes_to_a_place_in_the_log_without_a_look_at_what_is_before_it(plan: Plan[Any]) -> None:
    database = apsw.Connection(":memory:")
    migrate_sqlite(database)
    asked, statement = [], next(plan)
    with contextlib.suppress(StopIteration):
        while True:
            assert isinstance(statement, Rows)
            asked.append(statement)
            statement = plan.send([])

    [look] = [one for one in asked if "FROM events" in one.sql]
    [(*_, how)] = database.execute(f"EXPLAIN QUERY PLAN {look.sql}", tuple(look.args)).fetchall()
    assert "tx=? AND seq>?" in str(how)
