"""A scanner that asks clamd, the daemon of ClamAV, over its socket.

Touches the socket: one connection for each message, a few at a time. Built by
app/ when the setting `clamd` names one; used by the worker.
https://docs.clamav.net/manual/Usage/Scanning.html#clamd
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

from pillarbox.delivery.scan import BAD_CONTENT

# clamd looks at ten messages at once by default (MaxThreads); more would only wait there.
_AT_ONCE = 8
# Waiting for others included.
_TIMEOUT_SECONDS = 60.0
_CHUNK_BYTES = 256 * 1024
_LONGEST_REPLY = 4096


class NotScanned(Exception):
    """clamd is not there, did not answer in time, or would not look at the message."""


class ClamdScanner:
    """Asks the clamd at `where`, the path of a Unix socket or host:port; NotScanned when it gives no verdict."""

    def __init__(self, where: str, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._where = where
        self._timeout_seconds = timeout_seconds
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def verdict(self, raw: bytes) -> str | None:
        try:
            async with asyncio.timeout(self._timeout_seconds), self._free:
                reply = await self._asked(raw)
        except TimeoutError:
            raise NotScanned(f"clamd at {self._where} gave no answer in {self._timeout_seconds:g} seconds") from None
        except (OSError, EOFError) as error:
            raise NotScanned(f"clamd at {self._where} cannot be asked ({type(error).__name__})") from error
        return self._meaning_of(reply)

    async def _asked(self, raw: bytes) -> str:
        send = asyncio.get_running_loop().sock_sendall
        with await self._connected() as connection:
            with contextlib.suppress(ConnectionError):  # of one that says why it will not have more, and hangs up
                # https://docs.clamav.net/manual/Usage/Scanning.html ("zINSTREAM": it ends, as its reply does, in a NUL)
                await send(connection, b"zINSTREAM\0")
                for piece in _pieces(raw):
                    await send(connection, piece)
            return await _reply(connection)

    async def _connected(self) -> socket.socket:
        """Return a plain socket: the streams of asyncio forget what was said when they cannot write any more."""
        loop = asyncio.get_running_loop()
        family = socket.AF_UNIX
        address: Any = self._where
        if not self._where.startswith("/"):
            host, _, port = self._where.rpartition(":")
            found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            family, *_, address = found[0]
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await loop.sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        return connection

    def _meaning_of(self, reply: str) -> str | None:
        """Only the two answers that are verdicts count as one: whatever else is said, nobody has looked."""
        if reply == "stream: OK":
            return None
        if reply.startswith("stream: ") and reply.endswith(" FOUND"):
            return BAD_CONTENT
        raise NotScanned(f"clamd at {self._where} said: {reply}")


async def _reply(connection: socket.socket) -> str:
    loop, said = asyncio.get_running_loop(), b""
    while b"\0" not in said:
        more = await loop.sock_recv(connection, _LONGEST_REPLY)
        if not more or len(said) > _LONGEST_REPLY:
            raise EOFError
        said += more
    return said.partition(b"\0")[0].decode(errors="replace")


def _pieces(raw: bytes) -> Iterator[bytes]:
    """Yield a message as clamd reads it: pieces that say how long they are, and an empty one at the end."""
    for start in range(0, len(raw), _CHUNK_BYTES):
        piece = raw[start : start + _CHUNK_BYTES]
        yield struct.pack("!I", len(piece)) + piece
    yield struct.pack("!I", 0)
