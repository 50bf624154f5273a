"""A duty is done when it is due, and a failure does not end it."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.upkeep import turns
from pillarbox.upkeep.runner import Runner
from tests.support.clock import NOON, StandingClock


class Chore:
    """A duty that is due at some times, and fails when told to."""

    name = "chore"
    topic = "nouns"

    def __init__(self, *times: Millis) -> None:
        self.times = list(times)
        self.done: list[Millis] = []
        self.fails = 0
        self.rested = asyncio.Event()

    async def due_at(self) -> Millis | None:
        if not self.times:
            self.rested.set()
        return self.times[0] if self.times else None

    async def work(self, now: Millis) -> None:
        if self.fails:
            self.fails -= 1
            raise ValueError("a bug")
        self.done.append(self.times.pop(0))


async def test_what_is_due_is_done_and_the_rest_waits(store: Store) -> None:
    chore, clock = Chore(NOON - 2, NOON, NOON + 1), StandingClock()
    runner = Runner(store, chore, clock)
    assert [await runner.step(), await runner.step(), await runner.step()] == [True, True, False]
    assert chore.done == [NOON - 2, NOON]


async def test_nothing_is_done_out_of_turn(store: Store) -> None:
    chore = Chore(NOON)
    await store.write(turns.take, "chore", "another process", NOON, NOON + 1)
    assert not await Runner(store, chore, StandingClock()).step()
    assert await Runner(store, chore, StandingClock(NOON + 1)).step()


async def test_a_runner_that_stops_gives_its_turn_back(store: Store) -> None:
    chore = Chore(NOON)
    runner = asyncio.create_task(Runner(store, chore, StandingClock()).run())
    await asyncio.wait_for(chore.rested.wait(), 10)
    runner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner
    assert await store.write(turns.take, "chore", "another process", NOON, NOON + 1)


class GoesAway:
    """A store that is away from the first time that somebody wants to give a turn back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = asyncio.Event()

    def listen(self, topic: str, wake: Callable[[], None]) -> None:
        self._store.listen(topic, wake)

    async def write(self, planner: Callable[..., Plan[Any]], *args: Any) -> Any:
        if planner is turns.end:
            self.away.set()
            raise Unavailable("away")
        return await self._store.write(planner, *args)


async def test_a_store_that_is_away_when_a_turn_is_given_back_does_not_end_the_runner(store: Store) -> None:
    going = GoesAway(store)
    runner = asyncio.create_task(Runner(cast(Store, going), Chore(NOON), StandingClock()).run())
    await asyncio.wait_for(going.away.wait(), 10)
    assert await asyncio.wait([runner], timeout=0.05) == (set(), {runner})
    runner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner


async def test_a_failure_is_tried_again(store: Store) -> None:
    chore = Chore(NOON)
    chore.fails = 1
    runner = Runner(store, chore, StandingClock())
    with pytest.raises(ValueError, match="a bug"):
        await runner.step()
    assert await runner.step()
    assert chore.done == [NOON]
