"""Sends prepared requests over kept connections for some seconds, and tells how they were answered.

Run as a process of its own: `python -m bench.support.load HOST PORT FILE CONNECTIONS SECONDS IDS`. What
was answered within the time makes the rate; what was still in hand is waited for, and the MessageId of
everything that was answered 200 is written to the file IDS.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.support.requests import read_file

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"<MessageId>([^<]+)</MessageId>")
_DRAIN_SECONDS = 10


class Answered(NamedTuple):
    """What the load saw. `acknowledged` counts also what was answered after the time was over.

    `started_at` is when the first request left, by time.time().
    """

    rate: float
    p50_ms: float
    p99_ms: float
    acknowledged: int
    bad: int
    broken: int
    first_bad: str
    started_at: float


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, load: "Load", start: int) -> None:
        self._load = load
        self._next = start
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        requests = self._load.requests
        self._transport.write(requests[self._next % len(requests)])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._buffer, 0, end)
        if found:
            if len(self._buffer) < end + 4 + int(found[1]):
                return
        elif not self._buffer.endswith(b"0\r\n\r\n"):
            return
        self._load.answered(self._buffer, time.perf_counter() - self._sent_at)
        self._buffer = b""
        if self._load.over:
            self._load.ended()
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._load.over:
            self._load.broken += 1


class Load:
    """Counts for all connections."""

    def __init__(self, requests: list[bytes], connections: int) -> None:
        self.requests = requests
        self.over = False
        self.bad = 0
        self.broken = 0
        self.first_bad = ""
        self.latencies: list[float] = []
        self.answers: list[bytes] = []
        self.drained = asyncio.Event()
        self._open = connections

    def answered(self, whole: bytes, seconds: float) -> None:
        if whole.startswith(b"HTTP/1.1 200"):
            self.latencies.append(seconds)
            self.answers.append(whole)
        else:
            self.bad += 1
            self.first_bad = self.first_bad or whole.decode("latin-1")[-400:]

    def ended(self) -> None:
        self._open -= 1
        if not self._open:
            self.drained.set()


async def run(host: str, port: int, requests: list[bytes], connections: int, seconds: float) -> tuple[Answered, Load]:
    load = Load(requests, connections)
    loop = asyncio.get_running_loop()
    for number in range(connections):
        await loop.create_connection(lambda n=number: Connection(load, n * 7), host, port)  # type: ignore[misc]
    started, started_at = time.perf_counter(), time.time()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - started
    load.over = True
    ordered = sorted(load.latencies) or [0.0]
    await asyncio.wait_for(load.drained.wait(), _DRAIN_SECONDS)
    answered = Answered(
        rate=len(ordered) / took,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        acknowledged=len(load.answers),
        bad=load.bad,
        broken=load.broken,
        first_bad=load.first_bad,
        started_at=started_at,
    )
    return answered, load


def send(port: int, file: Path, connections: int, seconds: float, ids: Path) -> Answered:
    """Run the load in a process of its own and return what it saw."""
    command = [sys.executable, "-m", "bench.support.load", "127.0.0.1", str(port), str(file)]
    command += [str(connections), str(seconds), str(ids)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds + 60, check=True)
    return Answered(**json.loads(done.stdout))


def main() -> None:
    host, port, file, connections, seconds, ids = sys.argv[1:]
    uvloop.install()
    requests = read_file(Path(file))
    answered, load = asyncio.run(run(host, int(port), requests, int(connections), float(seconds)))
    found = Counter(_MESSAGE_ID.findall(b"".join(load.answers)))
    Path(ids).write_bytes(b"\n".join(found.elements()))
    print(json.dumps(answered._asdict()))


if __name__ == "__main__":
    main()
