"""Lets the other processes of this server write to the embedded store that this one holds.

Touches the stream to one such process. Built by app/ for each process that
it starts. What several processes ask for at the same time shares one
transaction, as it does within one process.
"""

import asyncio
import socket
from collections.abc import Callable
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
        self._touched: dict[str, None] = {}
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def serving(cls, store: SqliteStore, stream: socket.socket, courtesy: Courtesy) -> "Keeper":
        keeper = cls(store, courtesy)
        await keeper._loop.create_connection(lambda: keeper._channel, sock=stream)
        return keeper

    def close(self) -> None:
        self._channel.close()

    async def all_heard(self) -> None:
        """Wait until the other process is gone and what it asked for last has been asked of the store."""
        await self._gone.wait()

    def _heard(self, asked: list[Write | Listen]) -> None:
        for one in asked:
            if isinstance(one, Listen):
                self._listen(one.topic)
            else:
                self._courtesy.came()
                doing = self._store.ask(one.planner, one.args, shared=one.together)
                doing.add_done_callback(partial(self._answer, one.number))

    def _answer(self, number: int, done: "asyncio.Future[Any]") -> None:
        self._courtesy.went()
        error = done.exception()
        self._channel.say(Written(number, done.result()) if error is None else Raised(number, error))

    def _stuck(self, answer: Written, error: Exception) -> None:
        self._channel.say(Raised(answer.number, error))

    def _listen(self, topic: str) -> None:
        if topic not in self._heard_of:
            self._heard_of.add(topic)
            self._store.listen(topic, self._tell_of(topic))

    def _tell_of(self, topic: str) -> Callable[[], None]:
        def tell() -> None:
            if not self._touched:
                self._loop.call_soon(self._tell)
            self._touched[topic] = None

        return tell

    def _tell(self) -> None:
        touched, self._touched = tuple(self._touched), {}
        self._channel.say(Touched(touched))
