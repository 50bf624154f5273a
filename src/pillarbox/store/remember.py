"""Answers of the store, remembered for as long as they can be true.

Keeps a bounded number of answers in memory. For roads that ask the same small
question for every request: an answer is dropped when this process hears that
its topic was touched, and after a second in any case, since a hint from
another process may be lost.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

T = TypeVar("T")

_KEEP: Millis = SECOND
_MOST_KEPT = 50_000


class Remembering:
    """Reads through a memory that lasts until `topic` is touched."""

    def __init__(self, store: Store, clock: Clock, topic: str) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[tuple[Any, ...], tuple[Any, Millis]] = {}
        self._asking: dict[tuple[Any, ...], asyncio.Task[Any]] = {}  # those who ask at the same time share one answer
        store.listen(topic, self._forget)

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        """Run a reading plan, or return what it returned lately; the arguments must be hashable."""
        question = (planner, *args)
        now = self._clock.now()
        kept = self._kept.get(question)
        if kept is not None and now - kept[1] < _KEEP:
            return kept[0]  # type: ignore[no-any-return]
        asking = self._asking.get(question)
        if asking is None:
            asking = self._asking[question] = asyncio.create_task(self._ask(question, now))
        return await asyncio.shield(asking)

    async def _ask(self, question: tuple[Any, ...], now: Millis) -> Any:
        planner, *args = question
        asking = self._asking
        try:
            answer = await self._store.read(planner, *args)
        finally:
            asking.pop(question, None)
        if asking is self._asking:  # else it may be older than what has changed meanwhile
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[question] = (answer, now)
        return answer

    def _forget(self) -> None:
        self._asking = {}
        self._kept.clear()
