"""Frames between the processes of one server: lists of Python values, several to a frame under load.

Touches one stream between a parent and its child, made by `socket.socketpair`
and inherited, so that nobody else can be at its other end; that is why what
comes over it may be unpickled. Functions travel as names. Called by
store/keeper.py and store/shared.py.
https://docs.python.org/3/library/pickle.html
"""

import asyncio
import pickle
import struct
from collections.abc import Callable
from typing import Any, cast

_LENGTH = struct.Struct(">Q")


class Channel(asyncio.Protocol):
    """One end of the stream: `say` collects what is said in one turn of the loop into one frame.

    Every frame that arrives is given to `heard`. A value that cannot travel (a function that is nobody's by name) is
    given to `stuck` with the reason. `lost` is called once when the other process is gone.
    """

    def __init__(
        self,
        heard: Callable[[list[Any]], None],
        stuck: Callable[[Any, Exception], None],
        lost: Callable[[], None],
    ) -> None:
        self._heard = heard
        self._stuck = stuck
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._said: list[Any] = []
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent

    def say(self, value: Any) -> None:
        """Send a value; it is lost when the other process is."""
        if not self._said:
            self._loop.call_soon(self._flush)
        self._said.append(value)

    def close(self) -> None:
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            with memoryview(self._buffer) as view:
                values = pickle.loads(view[_LENGTH.size : end])  # noqa: S301 - our own process is at the other end
            del self._buffer[:end]
            self._heard(values)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._lost()

    def _flush(self) -> None:
        said, self._said = self._said, []
        if not said or self._transport is None or self._transport.is_closing():
            return
        try:
            frame = pickle.dumps(said, pickle.HIGHEST_PROTOCOL)
        except Exception:  # whatever a value's own way into a pickle raises
            frame = pickle.dumps([one for one in said if self._can_travel(one)], pickle.HIGHEST_PROTOCOL)
        self._transport.writelines((_LENGTH.pack(len(frame)), frame))

    def _can_travel(self, value: Any) -> bool:
        try:
            pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            self._stuck(value, error)
            return False
        return True
