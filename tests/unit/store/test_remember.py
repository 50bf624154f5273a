"""Answers are remembered, shared, and dropped when they may have changed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.store.plan import Plan
from pillarbox.store.remember import Remembering
from tests.support.clock import StandingClock


def _plan(_name: str) -> Plan[str]:
    """Names the question; the store of these tests runs no plans."""
    raise NotImplementedError


class AskedStore:
    """Answers each reading when the test says so."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Any]] = []
        self.touch: Callable[[], None] = lambda: None

    def listen(self, _topic: str, wake: Callable[[], None]) -> None:
        self.touch = wake

    async def read(self, *_question: Any) -> Any:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


class Remembered:
    def __init__(self) -> None:
        self.store, self.clock = AskedStore(), StandingClock(0)
        self.remembering = Remembering(self.store, self.clock, "topic")  # type: ignore[arg-type]

    async def asking(self, name: str = "a") -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.create_task(self.remembering.read(_plan, name))
        for _ in range(3):  # until it waits for the store
            await asyncio.sleep(0)
        return task


@pytest.fixture
def remembered() -> Remembered:
    return Remembered()


async def test_those_who_ask_at_the_same_time_share_one_reading(remembered: Remembered) -> None:
    first, second = await remembered.asking(), await remembered.asking()
    [asked] = remembered.store.asked
    asked.set_result("answer")
    assert [await first, await second] == ["answer", "answer"]
    assert await (await remembered.asking()) == "answer"
    assert len(remembered.store.asked) == 1


async def test_other_questions_are_asked_on_their_own(remembered: Remembered) -> None:
    await remembered.asking("a")
    await remembered.asking("b")
    assert len(remembered.store.asked) == 2


async def test_who_asks_after_a_change_does_not_get_an_answer_from_before(remembered: Remembered) -> None:
    before = await remembered.asking()
    remembered.store.touch()
    after = await remembered.asking()
    old, new = remembered.store.asked
    new.set_result("new")
    assert await after == "new"
    old.set_result("old")
    assert await before == "old"
    assert await (await remembered.asking()) == "new"


async def test_an_answer_is_not_kept_longer_than_a_second(remembered: Remembered) -> None:
    first = await remembered.asking()
    remembered.store.asked[0].set_result("answer")
    await first
    remembered.clock.at = 1_000
    await remembered.asking()
    assert len(remembered.store.asked) == 2


async def test_a_failure_is_told_to_all_and_not_remembered(remembered: Remembered) -> None:
    first, second = await remembered.asking(), await remembered.asking()
    remembered.store.asked[0].set_exception(Unavailable("gone"))
    for task in (first, second):
        with pytest.raises(Unavailable):
            await task
    await remembered.asking()
    assert len(remembered.store.asked) == 2


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(remembered: Remembered) -> None:
    first, second = await remembered.asking(), await remembered.asking()
    first.cancel()
    await asyncio.sleep(0)
    remembered.store.asked[0].set_result("answer")
    assert await second == "answer"
