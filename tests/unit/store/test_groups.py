"""What waits at the same time is written together, and everybody hears what became of it."""

import asyncio
from collections.abc import Callable

from pillarbox.kit.errors import Unavailable
from pillarbox.store.groups import Group


class Writing:
    """Writes a group each time it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self._turns = asyncio.Semaphore(0)
        self.failure: Callable[[list[int]], Exception | None] = lambda _: None

    async def write(self, asked: tuple[list[int]]) -> list[int]:
        self.groups.append(asked[0])
        await self._turns.acquire()
        if error := self.failure(asked[0]):
            raise error
        return [-one for one in asked[0]]

    def let(self, groups: int = 100) -> None:
        for _ in range(groups):
            self._turns.release()


async def begun(group: Group, count: int) -> list["asyncio.Task[int]"]:
    tasks = [asyncio.create_task(group.add(number)) for number in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_while_others_are_written_is_written_together() -> None:
    writing = Writing()
    tasks = await begun(Group(writing.write), 10)
    writing.let()

    assert await asyncio.gather(*tasks) == [-one for one in range(10)]
    assert sorted(map(len, writing.groups)) == [1, 1, 1, 1, 6]


async def test_one_that_is_at_fault_does_not_take_its_neighbours_along() -> None:
    writing = Writing()
    writing.failure = lambda some: ValueError("7") if 7 in some else None
    tasks = await begun(Group(writing.write), 10)
    writing.let()

    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in ended] == [int] * 7 + [ValueError] + [int] * 2


async def test_when_nothing_can_be_written_all_hear_so() -> None:
    writing = Writing()
    writing.failure = lambda _: Unavailable("away")
    tasks = await begun(Group(writing.write), 10)
    writing.let()

    assert {type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)} == {Unavailable}


async def test_nobody_waits_for_one_who_wrote_for_all_and_was_broken_off() -> None:
    writing = Writing()
    tasks = await begun(Group(writing.write), 8)
    writing.let(4)
    await asyncio.gather(*tasks[:4])
    while len(writing.groups) < 5:
        await asyncio.sleep(0)
    assert writing.groups[4:] == [[4, 5, 6, 7]]

    tasks[4].cancel()

    ended = await asyncio.wait_for(asyncio.gather(*tasks[4:], return_exceptions=True), 10)
    assert [type(one) for one in ended] == [asyncio.CancelledError] + [Unavailable] * 3
