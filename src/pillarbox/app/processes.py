"""The worker processes of one machine: started, watched, started again, and stopped before what they need.

Touches child processes. Built by app/server.py when the settings ask for
workers. A worker runs the doors (HTTP and SMTP) on sockets that it inherits, and
makes attempts; what it writes goes to PostgreSQL, or to the process that holds
the embedded store. It lives no longer than its standard input, which ends with
this process, however that ends.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from pillarbox.app.listening import Sockets
from pillarbox.app.worker_leases import WorkerLeases
from pillarbox.kit import log, metrics
from pillarbox.kit.courtesy import Courtesy
from pillarbox.settings import MxSetting, Settings, SmarthostSetting, UpstreamSetting
from pillarbox.store.elsewhere import engine_of
from pillarbox.store.engine import Store
from pillarbox.store.keeper import Keeper
from pillarbox.store.sqlite import SqliteStore

READY = b"ready\n"
_STOPPING_SECONDS = 25.0  # when others ask elsewhere requests in hand have ten to end, and then attempts in hand
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0
_STEADY_SECONDS = 30.0
_STREAM_BUFFER_BYTES = 1 << 20

_log = log.named("workers")
STARTED = metrics.counter(
    "worker_processes_started_total", doc="Worker processes started; more than there are: some died."
)


HasConnections = TypeVar("HasConnections", MxSetting, SmarthostSetting, UpstreamSetting)


class CannotStart(Exception):
    """A worker process ended before it answered for the first time; what it printed says why."""


class Orders(msgspec.Struct, frozen=True):
    """What a worker reads from its standard input. Sockets are inherited under these numbers; -1 is none.

    `lease` is what it claims mail under.
    """

    settings: Settings
    sockets: list[int]
    stream: int
    lease: str


class Workers:
    """As many as the settings ask for, like each other. One that ends is started again, after a pause that grows."""

    def __init__(self, settings: Settings, sockets: Sockets, store: Store, courtesy: Courtesy) -> None:
        self._settings = settings
        self._sockets = sockets
        self._store = store
        self._courtesy = courtesy
        self._leases = WorkerLeases(store)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them until the block is left; entered when every one answers, CannotStart when one never does."""
        answering = [asyncio.Event() for _ in range(self._settings.workers)]
        watching = [asyncio.create_task(self._keep_alive(one)) for one in answering]
        all_answer = asyncio.create_task(_all_of(answering))
        try:
            await asyncio.wait([all_answer, *watching], return_when=asyncio.FIRST_COMPLETED)
            for one in filter(asyncio.Task.done, watching):
                one.result()
            yield
        finally:
            for task in (all_answer, *watching):
                task.cancel()
            await asyncio.gather(all_answer, *watching, return_exceptions=True)
            await self._leases.close()

    async def _keep_alive(self, answering: asyncio.Event) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            try:
                why = await self._life_of_one(answering)
            except Exception as error:  # such as no memory for another process: later there may be
                why = repr(error)
            if not answering.is_set():
                raise CannotStart(f"a worker process could not be started: {why}")
            _log.error("a worker process ended and is started again", why=why, pause_seconds=pause)
            await asyncio.sleep(pause)
            lasted = time.monotonic() - started >= _STEADY_SECONDS
            pause = _FIRST_PAUSE_SECONDS if lasted else min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _life_of_one(self, answering: asyncio.Event) -> str:
        """Start one, wait for its end, and return how it ended."""
        async with self._worker() as worker:
            if await worker.says.readline() == READY:
                answering.set()
            await worker.says.read()  # ends with the process
        metrics.forget_process(worker.process.pid)
        return f"process {worker.process.pid} ended with {worker.process.returncode}"

    @asynccontextmanager
    async def _worker(self) -> "AsyncIterator[_Worker]":
        """Start one, and stop it when the block is left: it finishes what it has in hand."""
        async with self._leases.lent() as lease, self._stream() as stream:
            numbers = [one.fileno() if one else -1 for one in self._sockets]
            orders = Orders(part_of_one(self._settings), numbers, stream.fileno() if stream else -1, lease)
            worker = await _Worker.started([number for number in (*numbers, orders.stream) if number >= 0])
            if stream:
                stream.close()
            STARTED.inc()
            try:
                worker.order(msgspec.json.encode(orders) + b"\n")
                yield worker
            finally:
                await worker.end(self._settings.drain_seconds + _STOPPING_SECONDS)

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[socket.socket | None]:
        """Serve the embedded store over a stream whose other end is lent; PostgreSQL needs none."""
        store = engine_of(self._store)
        if not isinstance(store, SqliteStore):
            yield None
            return
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _STREAM_BUFFER_BYTES)
        keeper = await Keeper.serving(store, ours, self._courtesy)
        try:
            yield theirs
        finally:
            theirs.close()
            try:
                await keeper.all_heard()
            finally:
                keeper.close()


def part_of_one(settings: Settings) -> Settings:
    """Return the settings of one worker: connections to a next hop are those of all workers together."""

    def limited(one: HasConnections) -> HasConnections:
        return replace(one, max_connections=max(1, one.max_connections // settings.workers))

    return replace(
        settings,
        smarthost=settings.smarthost and limited(settings.smarthost),
        mx=limited(settings.mx or MxSetting()),
        upstreams=tuple(map(limited, settings.upstreams)),
    )


async def _all_of(events: Sequence[asyncio.Event]) -> None:
    for one in events:
        await one.wait()


class _Worker:
    """One process: `says` is its standard output, which ends with it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", says: asyncio.StreamReader, pipe: asyncio.BaseTransport
    ) -> None:
        self.process = process
        self.says = says
        self._pipe = pipe

    @classmethod
    async def started(cls, inherited: Sequence[int]) -> "_Worker":
        # Not the event loop's own way of starting programs: it forks, and a lock that another thread holds at that
        # moment is never let go in the child. https://docs.python.org/3/library/os.html#os.fork
        process = await asyncio.to_thread(
            subprocess.Popen,
            [sys.executable, "-m", "pillarbox.app.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=inherited,
        )
        says = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(says), process.stdout
        )
        return cls(process, says, pipe)

    def order(self, orders: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(orders)
        self.process.stdin.flush()

    async def end(self, patience_seconds: float) -> None:
        """Let it stop, which it does when its standard input ends; kill it when it does not."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            async with asyncio.timeout(patience_seconds):
                await self.says.read()
        except TimeoutError:
            _log.error("a worker process did not stop in time and is killed", pid=self.process.pid)
            self.process.kill()
        self._pipe.close()
        await asyncio.to_thread(self.process.wait)
