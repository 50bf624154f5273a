"""What was answered and waits is taken into the event log: whole, once, in order, and past what cannot be taken."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from pillarbox.kit.courtesy import Courtesy
from pillarbox.store import events, quarantine, waiting_posts
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.postgres import PostgresStore
from pillarbox.store.waiting_posts import Held, Origin, Posted
from pillarbox.upstream.intake import OLDEST, WAITING, Intake, take_waiting
from tests.support.clock import StandingClock
from tests.support.far_sns import sample
from tests.support.postgres import Postgres

NOW = 1_790_000_000_000
FAR = Origin("far", "111111111111", "us-east-1", 0)
NEAR = Origin("near", "222222222222", "us-east-1", 0)
NOTHING = Held(0, 0, 0)


def told(kind: str, message: int = 0, **changed: Any) -> str:
    event = sample(kind)
    event["mail"].update({"messageId": f"message-{message}", **changed})
    return json.dumps(event)


def posted(text: str, post_id: str = "", origin: Origin = FAR, at: int = NOW) -> Posted:
    return Posted(origin, at, (post_id or str(uuid.uuid4())).encode(), text.encode())


async def keep(store: Store, *posts: Posted) -> None:
    assert await store.write(waiting_posts.add, posts)


async def take_all(store: Store) -> None:
    intake = Intake(store, StandingClock(NOW))
    while await intake.step():
        pass
    assert await store.read(waiting_posts.held) == NOTHING


async def kinds(store: Store, message: int = 0) -> list[str]:
    return [row.kind for row in await store.read(events.of_message, f"message-{message}")]


async def test_posts_of_several_upstreams_are_taken_in_the_order_in_which_they_came(store: Store) -> None:
    await keep(store, posted(told("send")), posted(told("send", 1), origin=NEAR), posted(told("delivery")))
    await keep(store, posted(told("open")), posted(told("click")))
    await take_all(store)
    assert await kinds(store) == ["Send", "Delivery", "Open", "Click"]
    (row,) = await store.read(events.of_message, "message-1")
    assert (row.account, row.kind, row.recorded_at) == ("222222222222", "Send", NOW)


async def test_more_than_a_row_and_a_batch_hold_are_all_taken(store: Store) -> None:
    many = 300
    await keep(store, *(posted(told("send", number)) for number in range(many)))
    assert (await store.read(waiting_posts.held)).posts == many
    await take_all(store)
    assert [await kinds(store, number) for number in range(many)] == [["Send"]] * many


async def test_what_is_too_large_for_one_row_lies_in_several(store: Store) -> None:
    large = told("send") + " " * 400_000
    await keep(store, *(posted(large) for _ in range(3)))
    assert [len(row.posts()) for row in await store.write(waiting_posts.take_out, 128)] == [1]


async def test_a_post_that_comes_again_while_the_first_still_waits_counts_once(store: Store) -> None:
    await keep(store, posted(told("open"), "the-same"))
    await keep(store, posted(told("open"), "the-same"), posted(told("open"), "the-same"))
    await take_all(store)
    await keep(store, posted(told("open"), "the-same"))
    await take_all(store)
    assert await kinds(store) == ["Open"]


def _then_die(most: int) -> Plan[None]:
    yield from take_waiting(most)
    raise RuntimeError("killed before the commit")


async def test_a_kill_while_posts_are_taken_leaves_them_as_they_were(store: Store) -> None:
    await keep(store, posted(told("send")), posted(told("open")))
    before = await store.read(waiting_posts.held)
    with pytest.raises(RuntimeError):
        await store.write(_then_die, 128)
    assert await store.read(waiting_posts.held) == before
    assert await kinds(store) == []
    await take_all(store)
    assert await kinds(store) == ["Send", "Open"]


# Half a surrogate pair is JSON, and no database keeps it.
POISON = told("send", 1, messageId="message-1").replace("sender@example.com", "sender\\ud800@example.com")


async def test_a_post_that_cannot_be_taken_is_put_away_and_holds_nothing_up(store: Store) -> None:
    bad = posted(POISON, "bad")
    await keep(store, posted(told("send")), bad, posted(told("open")))
    await keep(store, posted(told("click")), bad)
    await take_all(store)
    assert await kinds(store) == ["Send", "Open", "Click"]
    assert await kinds(store, 1) == []
    (kept,) = await store.read(quarantine.oldest, "far", 10)
    assert (kept.account, kept.arrived_at, kept.content) == ("111111111111", NOW, POISON)
    assert "surrogates not allowed" in kept.why


async def test_whoever_dies_while_posts_are_taken_one_by_one_takes_and_puts_away_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(store, posted(told("send")), posted(POISON, "bad"), posted(told("open")))
    row = await store.read(waiting_posts.oldest)
    assert row is not None
    intake = Intake(store, StandingClock(NOW))

    def dies(_number: int) -> Plan[None]:
        raise RuntimeError("killed before the row was removed")

    with monkeypatch.context() as patch:
        patch.setattr(waiting_posts, "remove", dies)
        with pytest.raises(RuntimeError):
            await intake.step()
    assert await store.read(waiting_posts.oldest) == row
    await take_all(store)
    assert await kinds(store) == ["Send", "Open"]
    assert len(await store.read(quarantine.oldest, "far", 10)) == 1


async def test_how_much_waits_and_since_when_is_shown(store: Store) -> None:
    await keep(store, posted(told("send")), posted(told("open")), posted(told("send"), origin=NEAR, at=NOW + 5_000))
    intake = Intake(store, StandingClock(NOW + 7_000))
    assert await intake.step()
    assert (WAITING._value.get(), OLDEST._value.get()) == (3, 7)
    assert not await intake.step()
    assert (WAITING._value.get(), OLDEST._value.get()) == (0, 0)


class Patient(Courtesy):
    """Notes who gives way, and lets them go on at once."""

    def __init__(self) -> None:
        super().__init__()
        self.rests = 0

    async def give_way(self) -> None:
        self.rests += 1


async def test_it_gives_way_until_too_many_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    courtesy = Patient()
    intake = Intake(store, StandingClock(NOW), courtesy)
    await keep(store, posted(told("send")))
    assert await intake.step()
    assert courtesy.rests == 1
    monkeypatch.setattr("pillarbox.upstream.intake._TOO_MANY_TO_GIVE_WAY", 2)
    await keep(store, posted(told("send")), posted(told("open")))
    assert await intake.step()
    assert courtesy.rests == 1


async def test_it_is_woken_by_a_post_and_goes_on_after_a_fault(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillarbox.upstream.intake._AFTER_FAULT_SECONDS", 0.0)
    recorded = asyncio.Event()
    store.listen(events.RECORDED, recorded.set)
    running = asyncio.create_task(Intake(store, StandingClock(NOW)).run())
    try:
        await keep(store, posted(told("send")))
        await asyncio.wait_for(recorded.wait(), 30)
        recorded.clear()
        await keep(store, posted(told("open")))
        await asyncio.wait_for(recorded.wait(), 30)
    finally:
        running.cancel()
    assert await kinds(store) == ["Send", "Open"]


@pytest.fixture
async def two_processes(postgres: Postgres, with_schema: str) -> AsyncIterator[tuple[Store, Store, Any]]:
    """Two stores over one database, and a connection to it."""
    url = postgres.new_database(with_schema)
    stores = [await PostgresStore.open(url) for _ in range(2)]
    connection = await asyncpg.connect(url)
    yield stores[0], stores[1], connection
    await connection.close()
    for one in stores:
        await one.close()


async def test_two_processes_share_what_waits_and_take_nothing_twice(two_processes: tuple[Store, Store, Any]) -> None:
    first, second, _ = two_processes
    many = 200
    for number in range(many):
        again = posted(told("open", number), f"open-{number}")
        await keep(first, posted(told("send", number)), again, again)
    intakes = [Intake(one, StandingClock(NOW)) for one in (first, second)]
    while (await first.read(waiting_posts.held)).posts:
        await asyncio.gather(*(one.step() for one in intakes))
    assert [await kinds(first, number) for number in range(many)] == [["Send", "Open"]] * many


async def test_what_another_process_is_taking_is_left_to_it(two_processes: tuple[Store, Store, Any]) -> None:
    store, _, other = two_processes
    await keep(store, posted(told("send")))
    await keep(store, posted(told("send", 1)))
    intake = Intake(store, StandingClock(NOW))
    async with other.transaction():
        await other.execute("SELECT 1 FROM waiting_posts ORDER BY number LIMIT 1 FOR UPDATE")
        assert await intake.step()
        assert not await intake.step()
        assert (await kinds(store), await kinds(store, 1)) == ([], ["Send"])
    await take_all(store)
    assert await kinds(store) == ["Send"]
