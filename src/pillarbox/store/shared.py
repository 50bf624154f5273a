"""The embedded store as seen from a process beside the one that holds it.

Touches the data folder (reading) and a stream to the holder (writing). Opened
by the worker processes that app/ starts. Plans are named to the holder,
which runs them (store/keeper.py) and lets them share its transactions.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pillarbox.kit.errors import Unavailable
from pillarbox.store.bodies import Segments
from pillarbox.store.channel import Channel
from pillarbox.store.plan import Plan
from pillarbox.store.reading import BODIES, Reading

T = TypeVar("T")
Item = TypeVar("Item")


# One is made for each write and for each answer, so they are plain tuples: the number of the question and
# what plan to run with which arguments (`together` lets it take the items of others too), or what it returned.
Write = tuple[int, Callable[..., Plan[Any]], tuple[Any, ...], bool]
Written = tuple[int, Any]


class Listen(NamedTuple):
    """Tell when a commit touched this topic."""

    topic: str


class Raised(NamedTuple):
    """What a plan raised."""

    number: int
    error: BaseException


class Touched(NamedTuple):
    """A commit touched this topic."""

    topic: str


class SharedStore:
    """See store/engine.py for the promise. When the holder is gone, every write is Unavailable."""

    def __init__(self, folder: Path) -> None:
        self._reading = Reading(folder, Segments(folder / BODIES))
        self._channel = Channel(self._heard, self._stuck, self._lost)
        self._loop = asyncio.get_running_loop()
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._holder_is_there = True
        self._closed = False
        self.holder_gone = asyncio.Event()

    @classmethod
    async def open(cls, folder: Path, to_holder: socket.socket) -> "SharedStore":
        """Use the store in `folder`, which another process holds; `to_holder` is our end of the stream to it."""
        store = cls(folder)
        await store._loop.create_connection(lambda: store._channel, sock=to_holder)
        return store

    async def write(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._ask(planner, args, together=False)  # type: ignore[no-any-return]

    async def commit(self, planner: Callable[[Sequence[Item]], Plan[list[T]]], item: Item) -> T:
        return await self._ask(planner, (item,), together=True)  # type: ignore[no-any-return]

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._reading.read(planner, *args)

    async def body(self, reference: str) -> bytes:
        return await self._reading.body(reference)

    async def bodies(self, references: Sequence[str]) -> dict[str, bytes]:
        return await self._reading.bodies(references)

    @property
    def is_ours_alone(self) -> bool:
        return False

    def listen(self, topic: str, wake: Callable[[], None]) -> None:
        if topic not in self._listeners:
            self._channel.say(Listen(topic))
        self._listeners.setdefault(topic, []).append(wake)

    async def close(self) -> None:
        self._closed = True
        self._channel.close()
        self._reading.close()

    def _ask(
        self, planner: Callable[..., Plan[Any]], args: tuple[Any, ...], *, together: bool
    ) -> "asyncio.Future[Any]":
        answer = self._loop.create_future()
        if self._holder_is_there:
            number = next(self._numbers)
            self._waiting[number] = answer
            self._channel.say((number, planner, args, together))
        else:
            answer.set_exception(Unavailable("the process that holds the store is gone"))
        return answer

    def _heard(self, answers: list[Written | Raised | Touched]) -> None:
        for one in answers:
            if isinstance(one, Touched):
                for wake in self._listeners[one.topic]:
                    wake()
            elif isinstance(one, Raised):
                asked = self._waiting.pop(one.number)
                if not asked.done():
                    asked.set_exception(one.error)
            else:
                number, result = one
                asked = self._waiting.pop(number)
                if not asked.done():
                    asked.set_result(result)

    def _stuck(self, asked: Write, error: Exception) -> None:
        self._waiting.pop(asked[0]).set_exception(error)

    def _lost(self) -> None:
        self._holder_is_there = False
        if not self._closed:
            self.holder_gone.set()
        for asked in self._waiting.values():
            if not asked.done():
                asked.set_exception(Unavailable("the process that holds the store went away"))
        self._waiting.clear()
