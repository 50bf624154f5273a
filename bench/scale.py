"""How a store on PostgreSQL carries more processes, and more messages that are there already.

Run with `make bench-scale`. A PostgreSQL of its own, on the same disk, with the memory that an operator would give
it, syncing as by default. The load is signed SendEmail requests of 2 KB over 64 connections; every message is handed to
Postfix's own sink, unsigned. All is on the same machine, so that processes, PostgreSQL and load share its cores.

- Processes: 1, 2 and 4 servers, each with all roles, over one store.
- Growth: one server over a store that has so many messages already, beside one over a store that is empty, in turns.
  Half of the messages are in the part of the present week, the other half in the ten weeks before; no bodies.

Rates are of messages accepted and of messages delivered (from the first request to the last outcome). After each turn
what is in the store is compared with what was acknowledged. `PILLARBOX_SCALE_MILLIONS` names other sizes (`1,3,10`),
each of which takes 5 GB of disk a million and some minutes to fill; `make campaign` goes to 50 million.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import asyncpg

from bench.support import load, postfix
from bench.support.filling import fill
from bench.support.process import cpu_seconds
from bench.support.requests import html_of, signed_requests, write_file
from bench.support.scaling import sharing
from bench.support.serve import REGION, Served
from tests.support.postgres import Postgres

PROCESSES = (1, 2, 4)
ROUNDS = 2
WARM_UP_SECONDS = 1.5
SECONDS = 4.0
CONNECTIONS = 64
REQUESTS = 400
DRAIN_SECONDS = 120.0
_MILLION = 1_000_000
_TUNED = ("shared_buffers = '1GB'", "max_wal_size = '8GB'", "maintenance_work_mem = '512MB'", "max_wal_senders = 0")
# While a store is filled, and never while it is measured. Syncs stay on: a store refuses to open without them.
_QUICK, _SAFE = ("wal_level = minimal",), ("wal_level = replica",)
_WAITING = "SELECT count(*) FROM outgoing"
_DELIVERED = "SELECT count(DISTINCT message_id) FROM events WHERE kind = 'Delivery' AND message_id = ANY($1)"
_LOG = "SELECT pg_current_wal_lsn() - '0/0'"


class Turn(NamedTuple):
    """Messages a second; µs of processor time and bytes of write-ahead log for each; MB of a server, the largest."""

    accepted: float
    delivered: float
    server_us: float
    postgres_us: float
    log_bytes: float
    idle_mb: float
    loaded_mb: float

    def __str__(self) -> str:
        return (
            f"{self.accepted:5,.0f} accepted/s {self.delivered:5,.0f} delivered/s {self.server_us:6,.0f} µs server"
            f" {self.postgres_us:6,.0f} µs PostgreSQL {self.log_bytes / 1000:5.1f} KB log"
            f" {self.idle_mb:4.0f} MB idle {self.loaded_mb:4.0f} MB under load"
        )


class Place:
    """Where a run takes place: the PostgreSQL, the sink, and a folder for what servers keep."""

    def __init__(self, postgres: Postgres, sink_port: int, folder: Path) -> None:
        self.postgres = postgres
        self._sink_port = sink_port
        self._folder = folder
        self._turns = 0

    def turn(self, url: str, processes: int, seconds: float = SECONDS) -> Turn:
        """Start servers, load them, wait until everything is delivered, and compare."""
        self._turns += 1
        with ExitStack() as running:
            servers = [running.enter_context(self._server(url, number)) for number in range(processes)]
            self._load(servers, WARM_UP_SECONDS)
            _wait_until(lambda: not _ask(url, _WAITING), DRAIN_SECONDS)
            idle = max(_megabytes(one.pid, "VmRSS") for one in servers)
            return self._measured(url, servers, idle, seconds)

    def _measured(self, url: str, servers: Sequence[Served], idle: float, seconds: float) -> Turn:
        postmaster = _postmaster(url)
        past, past_postgres = [cpu_seconds(one.pid) for one in servers], cpu_seconds(postmaster)
        past_log = _ask(url, _LOG)
        answered, ids = self._load(servers, seconds)
        _wait_until(lambda: not _ask(url, _WAITING), DRAIN_SECONDS)
        took = time.time() - min(one.started_at for one in answered)
        count = sum(one.acknowledged for one in answered)
        assert not any(one.bad or one.broken for one in answered), [one.first_bad for one in answered]
        told = _ask(url, _DELIVERED, ids)
        assert told == count == len(set(ids)), f"{told} of {count} acknowledged messages are told to be delivered"
        used = sum(cpu_seconds(one.pid) - before for one, before in zip(servers, past, strict=True))
        return Turn(
            sum(one.rate for one in answered),
            count / took,
            used / count * 1e6,
            (cpu_seconds(postmaster) - past_postgres) / count * 1e6,
            float(_ask(url, _LOG) - past_log) / count,
            idle,
            max(_megabytes(one.pid, "VmHWM") for one in servers),
        )

    def fill(self, url: str, count: int) -> None:
        """Add so many messages to a store that has delivered some."""
        self._set(url, _QUICK)
        asyncio.run(fill(url, REGION, count))
        self._set(url, _SAFE)

    def tune(self, url: str) -> None:
        self._set(url, (*_TUNED, *_SAFE))

    def _set(self, url: str, settings: Sequence[str]) -> None:
        for setting in settings:
            _ask(url, f"ALTER SYSTEM SET {setting}")
        self.postgres.restart("fast")

    def _server(self, url: str, number: int) -> AbstractContextManager[Served]:
        folder = self._folder / f"{self._turns}-{number}"
        return sharing(folder, url, self._folder / "keyring.json", self._sink_port)

    def _load(self, servers: Sequence[Served], seconds: float) -> tuple[list[load.Answered], list[str]]:
        """Load all servers at the same time; return what each load saw, and the ids of all that was acknowledged."""

        def one(served: Served) -> tuple[load.Answered, list[str]]:
            file, ids = self._folder / f"{served.port}.requests", self._folder / f"{served.port}.ids"
            endpoint = f"http://127.0.0.1:{served.port}"
            write_file(file, signed_requests(endpoint, served.key_id, served.secret, html_of(2_000), REQUESTS))
            answered = load.send(served.port, file, CONNECTIONS // len(servers), seconds, ids)
            return answered, ids.read_text().split()

        with ThreadPoolExecutor(len(servers)) as threads:
            found = list(threads.map(one, servers))
        return [answered for answered, _ in found], [own for _, ids in found for own in ids]


def _ask(url: str, sql: str, *args: object) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql, *args)
        finally:
            await connection.close()

    return asyncio.run(ask())


def _postmaster(url: str) -> int:
    """Return the process that all others of PostgreSQL are below."""

    async def ask() -> int:
        connection = await asyncpg.connect(url)
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        parent = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
        await connection.close()
        return int(parent)

    return asyncio.run(ask())


def _megabytes(pid: int, which: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"the process {pid} tells no {which}")


def _wait_until(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"it did not come about within {seconds:.0f} s"
        time.sleep(0.1)


def measure_processes(place: Place) -> dict[int, Turn]:
    """Load 1, 2 and 4 servers over one store."""
    url = place.postgres.new_database()
    found = {}
    for processes in PROCESSES:
        found[processes] = turn = place.turn(url, processes)
        print(f"processes {processes}  {turn}", flush=True)
    return found


def measure_growth(place: Place, sizes: Sequence[int]) -> dict[int, tuple[list[Turn], list[Turn]]]:
    """Load a server over a store of each size, and over an empty one, in turns; return both for each size."""
    empty, full, there = place.postgres.new_database(), place.postgres.new_database(), 0
    found: dict[int, tuple[list[Turn], list[Turn]]] = {}
    place.turn(full, 1, 1.0)
    for size in sizes:
        started = time.monotonic()
        place.fill(full, size - there)
        there = size
        bytes_there = _ask(full, "SELECT pg_database_size(current_database())")
        took = time.monotonic() - started
        print(f"filled to {size / _MILLION:g} M messages, {bytes_there / 1e9:.1f} GB, in {took:.0f} s", flush=True)
        found[size] = [], []
        for _ in range(ROUNDS):
            for name, url, turns in (("empty", empty, found[size][0]), (f"{size / _MILLION:g}M", full, found[size][1])):
                turns.append(place.turn(url, 1))
                print(f"stored {name:>6}  {turns[-1]}", flush=True)
    return found


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope."""
    x, y = mean(one[0] for one in points), mean(one[1] for one in points)
    return sum((one[0] - x) * (one[1] - y) for one in points) / sum((one[0] - x) ** 2 for one in points)


def _mean(turns: Sequence[Turn]) -> Turn:
    return Turn(*(mean(values) for values in zip(*turns, strict=True)))


def report(processes: Mapping[int, Turn], growth: Mapping[int, tuple[list[Turn], list[Turn]]]) -> None:
    print(f"\n{CONNECTIONS} connections, {os.cpu_count()} cores shared by servers, PostgreSQL, load and sink\n")
    one = processes[PROCESSES[0]]
    for count, turn in processes.items():
        print(f"ratio processes/{count}-over-1 {turn.delivered / one.delivered:.2f}   ({turn})")
    points = [(0.0, 1.0)]
    for size, (empty, full) in growth.items():
        ours, theirs = _mean(full), _mean(empty)
        name, ratio = f"{size / _MILLION:g}M", ours.delivered / theirs.delivered
        points.append((size / _MILLION, ratio))
        print(f"ratio growth/{name}-over-empty {ratio:.2f}   ({ours}; empty: {theirs})")
        cpu, cpu_empty = ours.server_us + ours.postgres_us, theirs.server_us + theirs.postgres_us
        logs = f"{ours.log_bytes:,.0f} and {theirs.log_bytes:,.0f} bytes of log"
        print(
            f"ratio growth-cpu/{name}-over-empty {cpu / cpu_empty:.2f}   ({cpu:,.0f} and {cpu_empty:,.0f} µs of"
            f" processor time a message, {logs}; less is better)"
        )
    print(f"slope {_slope(points):+.3f} of the throughput when empty for each million messages stored")


def _sizes() -> list[int]:
    default = "1,3,10,50" if os.environ.get("TEST_CAMPAIGN") else "0.2,0.6"
    return [int(float(one) * _MILLION) for one in os.environ.get("PILLARBOX_SCALE_MILLIONS", default).split(",")]


def main() -> None:
    tempfile.tempdir = "/var/tmp"  # on a disk also where /tmp is memory
    with ExitStack() as running:
        postgres = running.enter_context(Postgres.started())
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        place = Place(postgres, running.enter_context(postfix.sinking()), folder)
        place.tune(postgres.new_database())
        report(measure_processes(place), measure_growth(place, _sizes()))


if __name__ == "__main__":
    main()
