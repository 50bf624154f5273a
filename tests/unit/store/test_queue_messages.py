"""Queue messages in the store: claims, moves and counts, and that none of them reads a whole queue."""

import re
from typing import Any

import apsw
import pytest

from pillarbox.kit.clock import Millis
from pillarbox.store import queue_messages as stored
from pillarbox.store.engine import Store
from pillarbox.store.migrate import migrate_sqlite
from pillarbox.store.plan import Many, Plan, Rows
from pillarbox.store.queue_messages import Counts, QueueMessageRow

NOON: Millis = 1_700_000_000_000


def row(queue: str, message_id: str, *, sent_at: Millis = NOON, visible_at: Millis | None = None) -> QueueMessageRow:
    visible_at = sent_at if visible_at is None else visible_at
    return QueueMessageRow(queue, "123456789012", message_id, sent_at, visible_at, "someone", "{}", "{}", "body")


async def claim(store: Store, queue: str, most: int, now: Millis, until: Millis, *besides: int) -> list[str]:
    return [one.message_id for one in await store.write(stored.claim, queue, most, now, until, besides)]


async def test_claimed_messages_are_hidden_from_the_next_claim_until_their_time(store: Store) -> None:
    await store.write(stored.add, [row("q", name) for name in "abc"])

    assert await claim(store, "q", 2, NOON, NOON + 100) == ["a", "b"]
    assert await claim(store, "q", 2, NOON, NOON + 100) == ["c"]
    assert await claim(store, "q", 9, NOON + 99, NOON + 999) == []
    assert await claim(store, "q", 9, NOON + 100, NOON + 999) == ["a", "b", "c"]


async def test_a_claim_counts_receipts_and_remembers_the_first(store: Store) -> None:
    await store.write(stored.add, [row("q", "a")])

    await claim(store, "q", 1, NOON + 1, NOON + 2)
    (again,) = await store.write(stored.claim, "q", 1, NOON + 5, NOON + 9)

    assert (again.receive_count, again.first_received_at, again.sent_at) == (2, NOON + 1, NOON)


async def test_a_claim_takes_only_from_its_own_queue_and_what_it_has_not_taken(store: Store) -> None:
    await store.write(stored.add, [row("q", "a"), row("other", "b"), row("q", "c")])
    (first,) = await store.write(stored.claim, "q", 1, NOON, NOON)

    assert await claim(store, "q", 9, NOON, NOON, first.number) == ["c"]
    assert await claim(store, "other", 9, NOON, NOON) == ["b"]


async def test_a_hidden_message_can_be_shown_sooner_but_a_visible_one_is_left_alone(store: Store) -> None:
    await store.write(stored.add, [row("q", "a")])
    (held,) = await store.write(stored.claim, "q", 1, NOON, NOON + 100)

    assert await store.write(stored.show_at, "q", held.number, NOON + 50, NOON + 1)
    assert await store.read(stored.next_visible_at, "q", NOON + 1) == NOON + 50
    assert not await store.write(stored.show_at, "q", held.number, NOON + 60, NOON + 1, NOON)
    assert None is await store.read(stored.receive_count, "q", held.number, NOON)
    assert not await store.write(stored.show_at, "q", held.number, NOON + 70, NOON + 50)
    assert not await store.write(stored.show_at, "other", held.number, NOON + 70, NOON + 1)
    assert await store.read(stored.receive_count, "q", held.number) == 1
    assert None is await store.read(stored.receive_count, "other", held.number)


async def test_a_moved_message_is_new_in_its_new_queue(store: Store) -> None:
    await store.write(stored.add, [row("q", "a")])
    (held,) = await store.write(stored.claim, "q", 1, NOON, NOON + 100)

    await store.write(stored.move, "dead", [(held.number, '{"from":"q"}')], NOON + 5)

    assert await claim(store, "q", 1, NOON + 200, NOON + 300) == []
    (moved,) = await store.write(stored.claim, "dead", 1, NOON + 5, NOON + 100)
    assert (moved.receive_count, moved.first_received_at, moved.sent_at) == (1, NOON + 5, NOON)
    assert moved.system == '{"from":"q"}'


async def test_removal_needs_the_right_queue_and_forgives_repetition(store: Store) -> None:
    await store.write(stored.add, [row("q", "a"), row("q", "b")])
    first, second = await store.write(stored.claim, "q", 2, NOON, NOON)

    await store.write(stored.remove, [("other", first.number), ("q", second.number), ("q", second.number)])

    assert await claim(store, "q", 9, NOON, NOON) == ["a"]


async def test_counts_tell_visible_held_and_delayed_messages_apart_and_leave_out_expired_ones(store: Store) -> None:
    await store.write(stored.add, [row("q", name) for name in "abcd"])
    await store.write(stored.add, [row("q", "late", visible_at=NOON + 50), row("q", "old", sent_at=NOON - 1_000)])
    await claim(store, "q", 3, NOON, NOON + 10)

    assert await store.read(stored.counts, "q", NOON - 1_000, NOON) == Counts(visible=2, in_flight=2, delayed=1)
    assert await store.read(stored.in_flight, "q", NOON) == 3
    assert await store.read(stored.counts, "nobody", 0, NOON) == Counts(0, 0, 0)


async def test_the_oldest_messages_of_all_queues_are_removed_and_younger_ones_kept(store: Store) -> None:
    await store.write(stored.add, [row("q", "a", sent_at=1), row("p", "b", sent_at=2), row("q", "c", sent_at=3)])

    assert await store.write(stored.remove_oldest, 2, 10) == 2
    assert await store.write(stored.remove_oldest, 2, 10) == 0
    assert await claim(store, "q", 9, NOON, NOON) == ["c"]


async def test_expired_messages_are_removed_from_the_front_of_a_queue(store: Store) -> None:
    await store.write(stored.add, [row("q", name, sent_at=at) for at, name in enumerate("abcd")])

    assert await store.write(stored.remove_expired, "q", None, 1, NOON, 3) == 2
    assert await store.write(stored.remove_some, "q", 1) == 1
    assert await claim(store, "q", 9, NOON, NOON) == ["d"]


async def test_a_queue_is_emptied_of_what_has_a_tenant_and_of_what_has_none(store: Store) -> None:
    await store.write(stored.add, [row("q", "a"), row("q", "b")._replace(message_group="t"), row("p", "c")])

    assert await store.write(stored.remove_some, "q", 9) == 2
    assert await claim(store, "p", 9, NOON, NOON) == ["c"]


async def test_only_what_is_expired_of_one_tenant_is_removed(store: Store) -> None:
    tenants = {"a": "t", "b": "t", "c": "other", "d": None}
    rows = [row("q", name, sent_at=at)._replace(message_group=one) for at, (name, one) in enumerate(tenants.items())]
    await store.write(stored.add, rows)

    assert await store.write(stored.remove_expired, "q", "t", 0, NOON, 9) == 1
    assert [one.message_id for one in await store.write(stored.claim, "q", 9, NOON, NOON, (), "t")] == ["b"]
    assert await store.read(stored.counts, "q", -1, NOON) == Counts(visible=3, in_flight=0, delayed=0)


PLANS = {
    "claim of a tenant": stored.claim("q", 10, NOON, NOON, (), "t"),
    "visible of a tenant": stored.visible("q", 10, NOON, "t"),
    "remove_expired of a tenant": stored.remove_expired("q", "t", NOON, NOON, 10),
    "claim": stored.claim("q", 10, NOON, NOON, (1, 2)),
    "next_visible_at": stored.next_visible_at("q", NOON),
    "show_at": stored.show_at("q", 1, NOON, NOON),
    "receive_count": stored.receive_count("q", 1),
    "move": stored.move("q", [(1, "{}")], NOON),
    "remove": stored.remove([("q", 1)]),
    "remove_some": stored.remove_some("q", 10),
    "remove_expired": stored.remove_expired("q", None, NOON, NOON, 10),
    "counts": stored.counts("q", 0, NOON),
    "in_flight": stored.in_flight("q", NOON),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_statement_goes_by_an_index_and_sorts_nothing(name: str) -> None:
    database = apsw.Connection(":memory:")
    migrate_sqlite(database)

    steps = [step for sql, args in _statements(PLANS[name]) for step in _explained(database, sql, args)]

    assert any(re.match(r"SEARCH (queue_messages|m) ", step) for step in steps), steps
    assert not any(re.match(r"SCAN (queue_messages|m)\b|USE TEMP B-TREE FOR ORDER BY", step) for step in steps), steps


def _statements(plan: Plan[Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return what a plan yields first: each of ours has one statement."""
    statement = next(plan)
    if isinstance(statement, Many):
        return [(statement.sql, tuple(statement.each[0]))]
    assert isinstance(statement, Rows)
    return [(statement.sql, tuple(statement.args))]


def _explained(database: apsw.Connection, sql: str, args: tuple[Any, ...]) -> list[str]:
    return [str(step[3]) for step in database.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
