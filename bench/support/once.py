"""Sends every prepared request once over kept connections: `python -m bench.support.once PORT FILE CONNECTIONS`.

Prints how many were answered 200, and how many seconds that took.
"""

import asyncio
import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import uvloop

from bench.support.requests import read_file

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


async def run(port: int, requests: list[bytes], connections: int) -> tuple[int, float]:
    waiting = deque(requests)
    good = 0

    async def send() -> None:
        nonlocal good
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            writer.write(waiting.popleft())
            head = await reader.readuntil(b"\r\n\r\n")
            good += head.startswith(b"HTTP/1.1 200")
            if found := _LENGTH.search(head):
                await reader.readexactly(int(found[1]))
            else:
                await reader.readuntil(b"0\r\n\r\n")  # the last chunk
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(connections)))
    return good, time.perf_counter() - started


def send_once(port: int, file: Path, connections: int) -> tuple[int, float]:
    """Send them in a process of its own."""
    command = [sys.executable, "-m", "bench.support.once", str(port), str(file), str(connections)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    good, seconds = done.stdout.split()
    return int(good), float(seconds)


def main() -> None:
    port, file, connections = sys.argv[1:]
    uvloop.install()
    good, seconds = asyncio.run(run(int(port), read_file(Path(file)), int(connections)))
    print(good, seconds)


if __name__ == "__main__":
    main()
