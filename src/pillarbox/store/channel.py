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

from pillarbox.store.packing import packed

_LENGTH = struct.Struct(">Q")
_BUFFER_BYTES = 1 << 18


class Channel(asyncio.BufferedProtocol):
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
        self._buffer = bytearray(_BUFFER_BYTES)
        self._filled = 0
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

    def get_buffer(self, _sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        start = 0
        with memoryview(self._buffer) as view:
            while (end := self._end_of_frame(start)) <= self._filled:
                self._heard(pickle.loads(view[start + _LENGTH.size : end]))  # noqa: S301 - our own process is there
                start = end
        self._make_room(start, end - start)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._lost()

    def _end_of_frame(self, start: int) -> int:
        end = start + _LENGTH.size
        return end + _LENGTH.unpack_from(self._buffer, start)[0] if end <= self._filled else end

    def _make_room(self, start: int, frame_bytes: int) -> None:
        """Keep what begins at `start` of a frame that is so long, in a buffer that the whole frame goes into."""
        begun = self._buffer[start : self._filled]
        most = max(frame_bytes, _BUFFER_BYTES)
        if most != len(self._buffer):
            self._buffer = bytearray(most)
        self._filled = len(begun)
        self._buffer[: self._filled] = begun

    def _flush(self) -> None:
        said, self._said = self._said, []
        if not said or self._transport is None or self._transport.is_closing():
            return
        try:
            frame = packed(said)
        except Exception:  # whatever a value's own way into a pickle raises
            frame = packed([one for one in said if self._can_travel(one)])
        self._transport.writelines((_LENGTH.pack(sum(map(len, frame))), *frame))

    def _can_travel(self, value: Any) -> bool:
        try:
            packed(value)
        except Exception as error:
            self._stuck(value, error)
            return False
        return True
