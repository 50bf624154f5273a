"""Lets the other processes of this server write to the embedded store that this one holds.

Touches the stream to one such process. Built by app/ for each process that
it starts. What several processes ask for at the same time shares one
transaction, as it does within one process.
"""

import asyncio
import socket
from functools import partial
from typing import Any

from pillarbox.kit.courtesy import Courtesy
from pillarbox.store.channel import Channel
from pillarbox.store.shared import Listen, Raised, Touched, Write, Written
from pillarbox.store.sqlite import SqliteStore


class Keeper:
    """Runs what the process at the other end of `stream` asks for, until that process is gone.

    What it asked for last is still done; nobody hears the answer. By `courtesy` this process knows how many wait.
    """

    def __init__(self, store: SqliteStore, courtesy: Courtesy) -> None:
        self._store = store
        self._courtesy = courtesy
        self._gone = asyncio.Event()
        self._channel = Channel(self._heard, self._stuck, lost=self._gone.set)
        self._heard_of: set[str] = set()

    @classmethod
    async def serving(cls, store: SqliteStore, stream: socket.socket, courtesy: Courtesy) -> "Keeper":
        keeper = cls(store, courtesy)
        await asyncio.get_running_loop().create_connection(lambda: keeper._channel, sock=stream)
        return keeper

    def close(self) -> None:
        self._channel.close()

    async def all_heard(self) -> None:
        """Wait until the other process is gone and what it asked for last has been asked of the store."""
        await self._gone.wait()

    def tell(self, number: int, result: Any) -> None:
        self._courtesy.went()
        self._channel.say((number, result))

    def tell_why_not(self, number: int, error: BaseException) -> None:
        self._courtesy.went()
        self._channel.say(Raised(number, error))

    def _heard(self, asked: list[Write | Listen]) -> None:
        for one in asked:
            if isinstance(one, Listen):
                self._listen(one.topic)
            else:
                number, planner, args, together = one
                self._courtesy.came()
                self._store.ask(planner, args, _Answer(self, number), shared=together)

    def _stuck(self, answer: Written, error: Exception) -> None:
        self._channel.say(Raised(answer[0], error))

    def _listen(self, topic: str) -> None:
        if topic not in self._heard_of:
            self._heard_of.add(topic)
            # Told in the frame of the answers of that commit.
            self._store.listen(topic, partial(self._channel.say, Touched(topic)))


class _Answer:
    """Stands where a future does for who asks in this process: what the store answers is said to the other at once."""

    __slots__ = ("_keeper", "_number")

    def __init__(self, keeper: Keeper, number: int) -> None:
        self._keeper = keeper
        self._number = number

    def cancelled(self) -> bool:
        return False

    def set_result(self, result: Any) -> None:
        self._keeper.tell(self._number, result)

    def set_exception(self, error: BaseException) -> None:
        self._keeper.tell_why_not(self._number, error)
