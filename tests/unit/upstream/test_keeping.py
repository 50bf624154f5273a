"""Posts that wait at the same time are written together, and each of them hears what became of it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.store.waiting_posts import Origin, Posted
from pillarbox.upstream.keeping import Keeping

FAR = Origin("far", "111111111111", "us-east-1", 0)


class Disk:
    """A store that writes when it is let, and notes the sizes of the groups."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.looks: list[bool] = []
        self.says: bool | Exception = True
        self._turns = asyncio.Semaphore(0)

    async def write(self, _planner: Callable[..., Any], posts: Sequence[Posted], looks: bool) -> bool:
        self.groups.append(len(posts))
        self.looks.append(looks)
        await self._turns.acquire()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def turn(self) -> None:
        """Let one group be written, and those hear of it who are in it."""
        self._turns.release()
        for _ in range(10):
            await asyncio.sleep(0)


class Door:
    def __init__(self) -> None:
        self.disk, self.courtesy = Disk(), Courtesy()
        self.keeping = Keeping(self.disk, self.courtesy)  # type: ignore[arg-type]
        self.heard: list[bool | Exception] = []

    async def post(self, many: int) -> None:
        for number in range(many):
            self.keeping.keep(Posted(FAR, 0, b"%d" % number, b"{}"), self.heard.append)
        await asyncio.sleep(0)


@pytest.fixture
async def door() -> Door:
    return Door()


async def test_what_comes_in_one_turn_of_the_loop_is_one_group(door: Door) -> None:
    await door.post(10)
    assert (door.disk.groups, door.heard) == ([10], [])
    await door.disk.turn()
    assert door.heard == [True] * 10


async def test_what_comes_while_a_group_is_written_is_the_next(door: Door) -> None:
    await door.post(1)
    await door.post(2)
    await door.post(3)
    assert door.disk.groups == [1]
    await door.disk.turn()
    assert (door.disk.groups, len(door.heard)) == ([1, 5], 1)
    await door.disk.turn()
    assert len(door.heard) == 6
    await door.post(1)  # after a rest
    assert door.disk.groups == [1, 5, 1]
    await door.disk.turn()


async def test_of_many_who_wait_half_are_written_while_the_others_gather(door: Door) -> None:
    await door.post(1)
    await door.post(63)
    await door.disk.turn()
    await door.post(1)
    assert door.disk.groups == [1, 32]
    for _ in range(4):
        await door.disk.turn()
        await door.post(32)
    assert door.disk.groups == [1, 32, 32, 32, 32, 32]
    while len(door.heard) < 64 + 1 + 4 * 32:
        await door.disk.turn()
    assert sum(door.disk.groups) == len(door.heard)


async def test_many_wait_as_long_as_they_are_not_written(door: Door) -> None:
    await door.post(10)
    assert door.courtesy._waiting == 10
    await door.disk.turn()
    assert door.courtesy._waiting == 0


@pytest.mark.parametrize("says", [False, Unavailable("the disk is full"), ValueError("a fault of ours")])
async def test_each_hears_that_it_is_not_kept_and_the_next_are_written(door: Door, says: bool | Exception) -> None:
    door.disk.says = says
    await door.post(2)
    await door.disk.turn()
    assert door.heard == [says, says]
    door.disk.says = True
    await door.post(1)
    await door.disk.turn()
    assert door.heard == [says, says, True]


async def test_who_fails_to_hear_keeps_nobody_else_from_it(door: Door) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    door.keeping.keep(Posted(FAR, 0, b"0", b"{}"), lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    await door.post(1)
    await door.disk.turn()
    assert door.heard == [True]
    assert isinstance(told[0], ZeroDivisionError)


async def test_how_much_waits_is_looked_at_now_and_then_and_each_time_while_it_is_too_much(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)

    async def looks(says: bool = True) -> bool:
        door.disk.says = says
        await door.post(1)
        await door.disk.turn()
        return door.disk.looks[-1]

    assert [await looks(), await looks(), await looks()] == [True, False, False]
    now += 0.2
    assert [await looks(says=False), await looks(says=False), await looks(), await looks()] == [True, True, True, False]
