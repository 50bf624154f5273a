"""An HTTP subscriber that confirms its subscription and counts what it is posted.

Run as a process of its own: `python -m bench.support.subscriber`. Prints its port; GET answers what came so far.
"""

import asyncio
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.support.process import started

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Seen(NamedTuple):
    """What a subscriber has seen: events (each counted once), repeats, and when the first and last came."""

    confirmed: bool = False
    events: int = 0
    repeats: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


class Subscriber:
    """Counts for all connections."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self.seen = Seen()

    def told(self, body: bytes) -> None:
        document = json.loads(body)
        assert document["Signature"], "a post without a signature"
        if document["Type"] == "SubscriptionConfirmation":
            asyncio.get_running_loop().run_in_executor(None, self._confirm, document["SubscribeURL"])
            return
        if '"eventType"' not in document["Message"]:  # the text that a new event destination sends once
            return
        now = time.time()
        if document["MessageId"] in self._ids:
            self.seen = self.seen._replace(repeats=self.seen.repeats + 1)
            return
        self._ids.add(document["MessageId"])
        first_at = self.seen.first_at or now
        self.seen = self.seen._replace(events=len(self._ids), first_at=first_at, last_at=now)

    def _confirm(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
        self.seen = self.seen._replace(confirmed=True)


class Connection(asyncio.Protocol):
    """Answers 200 to every post."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._buffer, 0, head_end)
            end = head_end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < end:
                return
            head, body, self._buffer = self._buffer[:head_end], self._buffer[head_end + 4 : end], self._buffer[end:]
            answer = b""
            if head.startswith(b"POST"):
                self._subscriber.told(body)
            else:
                answer = json.dumps(self._subscriber.seen._asdict()).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


@contextmanager
def subscribing(log: Path) -> Iterator[str]:
    """Run a subscriber until the block is left; yield its URL."""
    with started([sys.executable, "-m", "bench.support.subscriber"], log) as (_, lines):
        line = next(lines, "")
        assert line, f"the subscriber did not start: {log.read_text()[-2000:]}"
        yield f"http://127.0.0.1:{int(line)}/"


def ask(url: str) -> Seen:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return Seen(**json.loads(answer.read()))


async def main() -> None:
    subscriber = Subscriber()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(subscriber), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
