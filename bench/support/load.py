"""Sends prepared requests over kept connections for some seconds, and says how many were answered 200.

Run as a process of its own: `python -m bench.support.load HOST PORT FILE CONNECTIONS SECONDS`.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import uvloop

from bench.support.requests import read_file

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, load: "Load", start: int) -> None:
        self._load = load
        self._next = start
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        requests = self._load.requests
        self._transport.write(requests[self._next % len(requests)])  # type: ignore[attr-defined]
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        found = _LENGTH.search(head)
        if found:
            if len(self._buffer) < end + 4 + int(found[1]):
                return
        elif not self._buffer.endswith(b"0\r\n\r\n"):
            return
        self._load.answered(head.startswith(b"HTTP/1.1 200"), time.perf_counter() - self._sent_at, self._buffer)
        self._buffer = b""
        if not self._load.over:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._load.over:
            self._load.broken += 1


class Load:
    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.good = 0
        self.bad = 0
        self.broken = 0
        self.latencies: list[float] = []
        self.over = False
        self.first_bad = ""

    def answered(self, good: bool, seconds: float, whole: bytes) -> None:
        if good:
            self.good += 1
            self.latencies.append(seconds)
        else:
            self.bad += 1
            self.first_bad = self.first_bad or whole.decode("latin-1")[-400:]


async def run(host: str, port: int, requests: list[bytes], connections: int, seconds: float) -> dict[str, object]:
    load = Load(requests)
    loop = asyncio.get_running_loop()
    for number in range(connections):
        await loop.create_connection(lambda n=number: Connection(load, n * 7), host, port)  # type: ignore[misc]
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - started
    load.over = True
    ordered = sorted(load.latencies) or [0.0]
    return {
        "good": load.good,
        "bad": load.bad,
        "broken": load.broken,
        "rate": load.good / took,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "first_bad": load.first_bad,
    }


def main() -> None:
    host, port, file, connections, seconds = sys.argv[1:]
    uvloop.install()
    result = asyncio.run(run(host, int(port), read_file(Path(file)), int(connections), float(seconds)))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
