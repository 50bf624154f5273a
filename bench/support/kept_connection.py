"""A kept TCP connection that asks and waits for the answer, as lean as the load of a benchmark has to be."""

import asyncio
from collections.abc import Callable

# What is left of the buffer after one whole answer, or None while it is not whole.
Whole = Callable[[bytes], int | None]


class KeptConnection(asyncio.Protocol):
    """One question at a time. `whole` says where the first answer in a buffer ends."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._buffer = b""
        self._answer: asyncio.Future[bytes]
        self._transport: asyncio.Transport

    @classmethod
    async def to(cls, port: int, whole: Whole) -> "KeptConnection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(whole), "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self, question: bytes) -> "asyncio.Future[bytes]":
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(question)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._whole(self._buffer)
        if end is not None:
            answer, self._buffer = self._buffer[:end], self._buffer[end:]
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()
