"""Writes out split sends and bulk sends: the messages that were promised with a list, some at a time.

Touches the store. Run by app.py in the background; several may run at once. A
chunk and how far the send has come are one transaction under a lease, and the
ids of the messages follow from the first one's: a kill at any moment neither
loses nor doubles one.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from pillarbox.events.record import record
from pillarbox.kit import log
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.resources.contacts import add_unknown
from pillarbox.sending import deferred, split
from pillarbox.sending.list_management import addressed
from pillarbox.sending.rows import Route, Written
from pillarbox.store import elsewhere, large_sends, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.large_sends import LargeSendRow
from pillarbox.store.plan import Keep, Plan, PutAway

LEASE: Millis = 60 * SECOND
# Whoever else writes waits for one chunk, some milliseconds; SQLite takes so many rows in one statement.
_AT_ONCE = 128
_MOST_BYTES_AT_ONCE = 8 * 1024 * 1024
_MOST_OPEN = 8
_IDLE_SECONDS = 5.0
_AFTER_FAULT_SECONDS = 1.0


class _Making(Protocol):
    """Makes the messages of a send, those behind so many recipients, at most so many; made anew each time."""

    def following(self, written: int, most: int, route: Route, now: Millis) -> Iterator[Written]: ...


class _Open(NamedTuple):
    """A send that is ours to write out."""

    row: LargeSendRow
    making: _Making


class Expander:
    """Expands a chunk of each open send in turn, so that a long one does not keep a short one waiting.

    Whoever waits for an answer goes first: between two turns it gives way.
    """

    def __init__(self, store: Store, route: Route, clock: Clock, courtesy: Courtesy | None = None) -> None:
        self._store = store
        self._route = route
        self._clock = clock
        self._courtesy = courtesy or Courtesy()
        self._lease = new_token()
        self._open: list[_Open] = []
        self._woken = asyncio.Event()
        self._log = log.named("expand")
        store.listen(large_sends.TOPIC, self._woken.set)
        self._woken.set()

    async def run(self) -> None:
        """Expand until cancelled; another may go on with what is open then."""
        try:
            while True:
                try:
                    if await self.step():
                        await self._courtesy.give_way()
                    else:
                        await self._wait()
                except Unavailable as error:
                    self._log.error("cannot expand", why=str(error))
                    await asyncio.sleep(_AFTER_FAULT_SECONDS)
        finally:
            with contextlib.suppress(Unavailable):
                await self._store.write(large_sends.release, self._lease, self._clock.now())

    async def step(self) -> bool:
        """Write one chunk of each send that is due; say whether there may be more to do."""
        if self._woken.is_set() and len(self._open) < _MOST_OPEN:
            self._woken.clear()
            await self._claim()
        turn, self._open = self._open, []
        for place, one in enumerate(turn):
            try:
                if (left := await self._goes_on(one)) is not None:
                    self._open.append(left)
            except Unavailable:
                self._open += turn[place:]
                raise
            await asyncio.sleep(0)  # whoever waits for the loop comes between two chunks
        return bool(self._open) or self._woken.is_set()

    async def _claim(self) -> None:
        now = self._clock.now()
        room = _MOST_OPEN - len(self._open)
        rows = await self._store.write(large_sends.claim, self._lease, now, now + LEASE, room)
        if len(rows) >= room:  # there may be more when these are done
            self._woken.set()
        for row in rows:
            try:
                self._open.append(_Open(row, await self._making(row)))
            except Exception:  # it comes due again; other sends must not wait for it
                self._log.exception("cannot open a send", send=row.send_id, first=row.message_id)

    async def _making(self, row: LargeSendRow) -> _Making:
        listed = await self._store.body(row.recipients)
        if row.entries:
            return await asyncio.to_thread(deferred.Making, row, listed)
        first = await self._store.read(messages.get, row.message_id)
        assert first is not None, "the first message was promised with the send"
        return await asyncio.to_thread(split.Making, first, listed)

    async def _goes_on(self, one: _Open) -> _Open | None:
        """Write the next chunk; return what is left to do, if anything is and the send is still ours."""
        try:
            return await self._next_chunk(one)
        except Unavailable:
            raise
        except Exception:  # it comes due again when its lease ends; other sends must not wait for it
            self._log.exception("cannot write out a send", send=one.row.send_id, first=one.row.message_id)
            return None

    async def _next_chunk(self, one: _Open) -> _Open | None:
        now, row = self._clock.now(), one.row
        chunk = await asyncio.to_thread(_chunk, one.making.following(row.written, _AT_ONCE, self._route, now))
        bodies = [own.body for own in chunk if own.body is not None]
        put = await elsewhere.put_away(self._store, bodies, row.account, row.accepted_at) if bodies else None
        if not await self._store.write(write_chunk, row, chunk, bodies if put is None else put, now + LEASE):
            self._log.warning("lease lost", send=row.send_id, why="another process writes this send out")
            return None
        row = row._replace(written=row.written + _count(chunk))
        return one._replace(row=row) if row.written < row.recipient_count else None

    async def _wait(self) -> None:
        due_at = await self._store.read(large_sends.next_due_at)
        pause = _IDLE_SECONDS
        if due_at is not None:
            pause = min(pause, max(0.01, (due_at - self._clock.now()) / SECOND))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), pause)
        self._woken.set()


def _chunk(following: Iterator[Written]) -> list[Written]:
    """Make the next messages, fewer when they are large."""
    chunk, size = [], 0
    for one in following:
        chunk.append(one)
        size += len(one.body or b"")
        if size > _MOST_BYTES_AT_ONCE:
            break
    return chunk


def _count(chunk: Sequence[Written]) -> int:
    return sum(one.message.recipient_count for one in chunk)


def write_chunk(
    row: LargeSendRow, chunk: Sequence[Written], bodies: Sequence[bytes | PutAway], until: Millis
) -> Plan[bool]:
    """Write messages with all that belongs to them, and count them, in this transaction; False if not ours to do.

    `bodies` are those of the messages, or none where their rows refer to one already.
    """
    if not (yield from large_sends.advance(row, _count(chunk), until)):
        return False
    rows = [message for message, _, _ in chunk]
    if bodies:
        references = yield Keep(bodies, [row.account] * len(bodies), row.accepted_at)
        rows = [message._replace(body=at) for message, at in zip(rows, references, strict=True)]
    yield from messages.add(rows, [recipient for _, own, _ in chunk for recipient in own.recipients])
    yield from outgoing.add([one for _, own, _ in chunk for one in own.outgoing])
    yield from record([event for _, own, _ in chunk for event in own.events])
    if contacts := addressed([(message, [one.address for one in own.recipients]) for message, own, _ in chunk]):
        yield from add_unknown(contacts, row.accepted_at)
    return True
