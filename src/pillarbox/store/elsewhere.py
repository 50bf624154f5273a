"""A store whose bodies are kept outside it: in pieces, each with the bodies of one account that came together.

Touches the place (store/places.py), in threads of its own, and the store, which
keeps everything else. Put together by app/opening.py. A piece is named
`day/account/hour-token`; in it bodies stand behind each other, each compressed
where that makes it smaller and preceded by its CRC. A reference is
`at:name:offset:length`.
"""

import asyncio
import contextlib
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.store.engine import Store
from pillarbox.store.groups import Group
from pillarbox.store.places import Place
from pillarbox.store.plan import Plan, PutAway

T = TypeVar("T")
Item = TypeVar("Item")

_MARK = "at:"
_HEADER = struct.Struct(">4sI")
_AS_IT_IS, _COMPRESSED = b"PBX2", b"PBZ2"
_PIECE_BYTES = 4 << 20  # of bodies after which the next ones go to another piece
_GAP_BYTES = 64 << 10  # that are read for nothing rather than asking twice
_THREADS = 16
_DAMAGED = (zlib.error, struct.error, ValueError)


class _Within(NamedTuple):
    """Where in a piece a body is."""

    offset: int
    length: int
    reference: str


def is_elsewhere(reference: str) -> bool:
    """Say whether a reference leads to a body that is kept outside the store."""
    return reference.startswith(_MARK)


def piece_of(reference: str) -> str:
    """Return the name of the piece that such a body is in."""
    return reference.removeprefix(_MARK).rsplit(":", 2)[0]


def beginning(account: str, at: Millis) -> str:
    """Return what the names of the pieces with an account's bodies of that hour begin with."""
    day, hour = time.strftime("%Y-%m-%d %H", time.gmtime(at // 1000)).split()
    return f"{day}/{account}/{hour}-"


class ElsewhereStore:
    """See store/engine.py for the promise. Bodies that the store itself has kept are read from it as before."""

    def __init__(self, store: Store, place: Place) -> None:
        self.store = store
        self.place = place
        self._threads = ThreadPoolExecutor(_THREADS, "bodies")
        self._loop = asyncio.get_running_loop()
        self._groups: dict[str, Group] = {}

    async def write(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self.store.write(planner, *args)

    async def commit(self, planner: Callable[[Sequence[Item]], Plan[list[T]]], item: Item) -> T:
        return await self.store.commit(planner, item)

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self.store.read(planner, *args)

    async def put_away(self, bodies: Sequence[bytes], account: str, at: Millis) -> list[PutAway]:
        under = beginning(account, at)
        group = self._groups.get(under)
        if group is None:
            day = under.partition("/")[0]
            self._groups = {name: one for name, one in self._groups.items() if name.startswith(day)}
            group = self._groups[under] = Group(partial(self._put, under))
        put: list[PutAway] = await group.add(bodies)
        return put

    async def body(self, reference: str) -> bytes:
        if not is_elsewhere(reference):
            return await self.store.body(reference)
        found = await self.bodies([reference])
        if reference not in found:
            raise Unavailable(f"the body {reference} is no longer kept, or damaged")
        return found[reference]

    async def bodies(self, references: Sequence[str]) -> dict[str, bytes]:
        here = [one for one in references if not is_elsewhere(one)]
        found = await self.store.bodies(here) if here else {}
        away = sorted({one for one in references if is_elsewhere(one)}, key=piece_of)
        pieces = [(name, [_within(one) for one in some]) for name, some in groupby(away, piece_of)]
        for some in await asyncio.gather(*(self._off_the_loop(self._read, name, wanted) for name, wanted in pieces)):
            found.update(some)
        return found

    def listen(self, topic: str, wake: Callable[[], None]) -> None:
        self.store.listen(topic, wake)

    @property
    def is_ours_alone(self) -> bool:
        return self.store.is_ours_alone

    async def close(self) -> None:
        await self.store.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _off_the_loop(self, work: Callable[..., T], *args: Any) -> "asyncio.Future[T]":
        return self._loop.run_in_executor(self._threads, work, *args)

    async def _put(self, under: str, asked: tuple[list[Sequence[bytes]]]) -> list[list[PutAway]]:
        return await self._off_the_loop(self._put_pieces, under, asked[0])

    # Below: in threads.

    def _put_pieces(self, under: str, asked: Sequence[Sequence[bytes]]) -> list[list[PutAway]]:
        """Put what was asked for together into as few pieces as it fits; what one caller asked for is in one piece."""
        name, piece = f"{under}{new_token()}", bytearray()
        answers = []
        for bodies in asked:
            if len(piece) >= _PIECE_BYTES:
                self.place.put(name, bytes(piece))
                name, piece = f"{under}{new_token()}", bytearray()
            put = []
            for body in bodies:
                record = _packed(body)
                put.append(PutAway(f"{_MARK}{name}:{len(piece)}:{len(record)}"))
                piece += record
            answers.append(put)
        self.place.put(name, bytes(piece))
        return answers

    def _read(self, name: str, wanted: Sequence[_Within]) -> dict[str, bytes]:
        """Return those bodies of a piece that are there and whole."""
        found = {}
        for some in _spans(sorted(wanted)):
            first, end = some[0].offset, some[-1].offset + some[-1].length
            there = self.place.get(name, first, end - first) or b""
            for one in some:
                with contextlib.suppress(*_DAMAGED):
                    found[one.reference] = _unpacked(there[one.offset - first :][: one.length])
        return found


async def put_away(store: Store, bodies: Sequence[bytes], account: str, at: Millis) -> list[PutAway] | None:
    """Put bodies where they are kept outside the store, before the transaction that refers to them.

    None where the store keeps them itself: then they go with `Keep` as they are. What no transaction refers to in
    the end is removed by upkeep. Unavailable when they cannot be put there.
    """
    return await store.put_away(bodies, account, at) if isinstance(store, ElsewhereStore) else None


def places(store: Store) -> tuple[Place, ...]:
    """Return where bodies are kept outside a store."""
    return (store.place,) if isinstance(store, ElsewhereStore) else ()


def engine_of(store: Store) -> Store:
    """Return what keeps everything but the bodies."""
    return store.store if isinstance(store, ElsewhereStore) else store


def _within(reference: str) -> _Within:
    _, offset, length = reference.rsplit(":", 2)
    return _Within(int(offset), int(length), reference)


def _spans(wanted: Sequence[_Within]) -> Iterator[list[_Within]]:
    """Yield those that are close enough to be read at once."""
    span: list[_Within] = []
    for one in wanted:
        if span:
            end = span[-1].offset + span[-1].length
            if one.offset > end + _GAP_BYTES or end - span[0].offset > _PIECE_BYTES:
                yield span
                span = []
        span.append(one)
    yield span


def _packed(body: bytes) -> bytes:
    small = zlib.compress(body, 1)
    if len(small) < len(body):
        return _HEADER.pack(_COMPRESSED, zlib.crc32(body)) + small
    return _HEADER.pack(_AS_IT_IS, zlib.crc32(body)) + body


def _unpacked(record: bytes) -> bytes:
    """Return a body, or raise one of `_DAMAGED`."""
    kind, checksum = _HEADER.unpack_from(record)
    content = record[_HEADER.size :]
    body = zlib.decompress(content) if kind == _COMPRESSED else content
    if kind not in (_COMPRESSED, _AS_IT_IS) or zlib.crc32(body) != checksum:
        raise ValueError("not what was kept")
    return body
