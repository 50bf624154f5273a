"""Uses a Redis stream as a queue: adds, reads in a group, acknowledges and deletes; every command is on disk first."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.support.kept_connection import KeptConnection

_STREAM, _GROUP = b"queue", b"readers"
_STARTING_SECONDS = 20.0


@contextmanager
def redis_serving(folder: Path) -> Iterator[tuple[int, int]]:
    """Run a Redis server that syncs its log before each answer; yield its pid and port."""
    folder.mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "always"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield child.pid, port
    finally:
        child.terminate()
        child.wait(20)


def _wait_for(port: int) -> None:
    until = time.monotonic() + _STARTING_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until, "Redis did not start"
            time.sleep(0.05)


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def end_of(buffer: bytes, at: int) -> int | None:
    """Return where the answer that begins at a place ends, or None when it is not all there."""
    line = buffer.find(b"\r\n", at)
    if line < 0:
        return None
    kind, number, end = buffer[at : at + 1], buffer[at + 1 : line], line + 2
    if kind == b"$" and number != b"-1":
        end += int(number) + 2
        return end if len(buffer) >= end else None
    if kind == b"*" and number != b"-1":
        for _ in range(int(number)):
            found = end_of(buffer, end)
            if found is None:
                return None
            end = found
    return end


class StreamClient:
    """One connection of one reader; `life` is a message's whole life, or that of as many as are pipelined."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._name = name.encode()
        self._awaited = 1
        self._connection: KeptConnection

    async def open(self) -> "StreamClient":
        self._connection = await KeptConnection.to(self._port, self._whole)
        return self

    async def create_group(self) -> None:
        await self._ask([command(b"XGROUP", b"CREATE", _STREAM, _GROUP, b"0", b"MKSTREAM")])

    async def life(self, bodies: list[str]) -> int:
        """Add entries, read as many (those of others may come), and delete what came; return how many."""
        await self._ask([command(b"XADD", _STREAM, b"*", b"body", body.encode()) for body in bodies])
        read = command(
            *(b"XREADGROUP", b"GROUP", _GROUP, self._name, b"COUNT", str(len(bodies)).encode()),
            *(b"BLOCK", b"5000", b"STREAMS", _STREAM, b">"),
        )
        ids = _ids(await self._ask([read]))
        await self._ask([command(b"XACK", _STREAM, _GROUP, *ids), command(b"XDEL", _STREAM, *ids)])
        return len(ids)

    async def _ask(self, commands: list[bytes]) -> bytes:
        self._awaited = len(commands)
        answer = await self._connection.ask(b"".join(commands))
        assert not answer.startswith(b"-"), answer[:200]
        return answer

    def _whole(self, buffer: bytes) -> int | None:
        end: int | None = 0
        for _ in range(self._awaited):
            end = end_of(buffer, end or 0)
            if end is None:
                return None
        return end


def _ids(answer: bytes) -> list[bytes]:
    """Return the ids of entries that were read: each is the first text of an array of two, before its fields."""
    words = answer.split(b"\r\n")
    return [words[place + 2] for place, word in enumerate(words[:-2]) if word == b"*2" and b"-" in words[place + 2]]
