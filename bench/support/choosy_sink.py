"""An SMTP server that takes mail and forgets it, but for one recipient in ten that it refuses and one that it defers.

Run as a process of its own: `python -m bench.support.choosy_sink`. Prints its port. It decides by the last digit in
the local part: 0 is refused for ever, 1 is told to come later. Postfix's own sink can only do so to everybody.
"""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.support.process import started

_DIGIT = re.compile(rb"(\d)\D*@")
_EHLO = b"250-sink.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"
_VERDICTS = {b"0": b"550 5.1.1 no such user\r\n", b"1": b"451 4.3.0 come again later\r\n"}
_OK = b"250 2.0.0 ok\r\n"


class Conversation(asyncio.Protocol):
    """Answers every command of a bunch in one piece, as pipelining asks for."""

    def __init__(self) -> None:
        self._buffer = b""
        self._in_data = False
        self._taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.write(b"220 sink.example.net ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        while True:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self._buffer = self._buffer[end + 5 :]
                self._in_data = False
                answers.append(_OK)
                continue
            line, separator, rest = self._buffer.partition(b"\r\n")
            if not separator:
                break
            self._buffer = rest
            answers.append(self._answer(line))
        self._transport.write(b"".join(answers))
        if answers and answers[-1].startswith(b"221"):
            self._transport.close()

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            found = _DIGIT.search(line)
            verdict = _VERDICTS.get(found[1] if found else b"", _OK)
            self._taken += verdict is _OK
            return verdict
        if verb == b"DATA":
            self._in_data = self._taken > 0
            return b"354 go ahead\r\n" if self._in_data else b"554 5.5.1 no recipients\r\n"
        self._taken = 0
        return _EHLO if verb == b"EHLO" else b"221 2.0.0 bye\r\n" if verb == b"QUIT" else _OK


@contextmanager
def choosy_sink(folder: Path) -> Iterator[int]:
    """Run a sink until the block is left; yield its port."""
    command = [sys.executable, "-m", "bench.support.choosy_sink"]
    with started(command, folder / "sink.log") as (_, lines):
        yield int(next(lines))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
