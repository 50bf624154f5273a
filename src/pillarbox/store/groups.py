"""Items that wait at the same time are written together.

Pure but for the waiting. Called by store/postgres.py, where a group is a
transaction, and by store/elsewhere.py, where it is an object.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pillarbox.kit.errors import Unavailable

_MOST_IN_A_GROUP = 512
_GROUPS_AT_ONCE = 4


class Group:
    """Gathers items while earlier groups are being written; `write` is given several and answers for each, in order."""

    def __init__(self, write: Callable[[tuple[list[Any]]], Awaitable[Sequence[Any]]]) -> None:
        self._write_together = write
        self._waiting: dict[asyncio.Future[Any], Any] = {}
        self._turns = asyncio.Semaphore(_GROUPS_AT_ONCE)

    async def add(self, item: Any) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = item
        async with self._turns:
            if answer in self._waiting:  # else another is writing it, and has told or will tell
                taken = [(self._waiting.pop(one), one) for one in list(self._waiting)[:_MOST_IN_A_GROUP]]
                await self._write(taken)
        return await answer

    async def _write(self, taken: list[tuple[Any, "asyncio.Future[Any]"]]) -> None:
        try:
            results = await self._write_together(([item for item, _ in taken],))
        except Unavailable as error:  # none is at fault, and what was written may even be there
            _tell_all(taken, error)
            return
        except asyncio.CancelledError:  # whoever wrote for all is gone: the others must not wait for it
            _tell_all(taken, Unavailable("what was being written together was broken off"))
            raise
        except Exception:  # one of them may be at fault: each on its own, so that neighbours are kept
            await asyncio.gather(*(self._write_alone(item, answer) for item, answer in taken))
            return
        for (_, answer), result in zip(taken, results, strict=True):
            if not answer.done():
                answer.set_result(result)

    async def _write_alone(self, item: Any, answer: "asyncio.Future[Any]") -> None:
        try:
            (result,) = await self._write_together(([item],))
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(result)


def _tell_all(taken: Sequence[tuple[Any, "asyncio.Future[Any]"]], error: Exception) -> None:
    for _, answer in taken:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()  # whoever is gone does not ask
