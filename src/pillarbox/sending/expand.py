"""Writes out what was promised with a list: split sends, bulk sends and single sends of a burst, some at a time.

Touches the store. Run by app/ in the background; several may run at once. A
chunk and how far the send has come are one transaction under a lease, and the
ids of the messages follow from the first one's: a kill at any moment neither
loses nor doubles one. What cannot be written out is tried again, as long as
delivery would be, and ends as a Rendering Failure then: nothing promised is
silently gone, and no message keeps the others of its send waiting for longer.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pillarbox.events.record import record
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import MINUTE, SECOND, Clock, Millis
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.resources.contacts import add_unknown
from pillarbox.sending import promised
from pillarbox.sending.list_management import addressed
from pillarbox.sending.promised import Making
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


# A place that is away comes back: with the pauses below that is tried for 14 hours, as long as delivery is.
_MOST_TRIES = 60
# A fault of ours that comes again and again is none that passes.
_MOST_FAULTS = 4
_LONGEST_PAUSE: Millis = 15 * MINUTE

NOT_MADE = metrics.counter(
    "messages_not_made_total",
    labels=("account",),
    doc="""Messages of bulk and split sends that were promised and could not be made: each ended as a Rendering Failure.

    There should be none. The log says of each why: what its content became in this release of the program, a list that
    is damaged, or a place of bodies that was away for half a day.""",
)
TO_COME = metrics.gauge(
    "messages_to_come",
    doc="""Recipients of split sends, bulk sends and bursts that were promised and whose message is still to be written.

    Servers over one store all show the same. Many in a burst are ordinary, and gone some minutes later.""",
)


class _Open(NamedTuple):
    """A send that is ours to write out; the next `alone` messages one by one, to see which of them is at fault."""

    row: LargeSendRow
    making: Making
    alone: int = 0


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
        room = 1 if self._courtesy.is_burst else _MOST_OPEN - len(self._open)
        rows = await self._store.write(large_sends.claim, self._lease, now, now + LEASE, room)
        if len(rows) >= room:  # there may be more when these are done
            self._woken.set()
        if rows:
            TO_COME.set((await self._store.read(large_sends.to_come)).recipients)
        for row in rows:
            try:
                making = await promised.making_of(self._store, row)
            except Exception as trouble:
                await self._not_opened(row, trouble)
            else:
                self._open.append(_Open(row, making))

    async def _goes_on(self, one: _Open) -> _Open | None:
        """Write the next chunk; return what is left to do, if anything is and the send is still ours."""
        now, row = self._clock.now(), one.row
        following = one.making.following(row.written, 1 if one.alone else _AT_ONCE, self._route, now)
        try:
            chunk = await asyncio.to_thread(_chunk, following)
            bodies = [own.body for own in chunk if own.body is not None]
            put = await elsewhere.put_away(self._store, bodies, row.account, row.accepted_at) if bodies else None
        except Exception as trouble:
            return await self._in_trouble(one, trouble)
        try:
            left = await self._written(one, chunk, bodies if put is None else put)
        except Unavailable:  # the store: then nothing of this can be said either
            raise
        except Exception as trouble:
            return await self._in_trouble(one, trouble)
        return left and left._replace(row=left.row._replace(tries=0), alone=max(0, one.alone - 1))

    async def _written(self, one: _Open, chunk: Sequence[Written], bodies: Sequence[bytes | PutAway]) -> _Open | None:
        """Write a chunk and tell of what could not be made."""
        row = one.row
        count = sum(own.message.recipient_count for own in chunk)
        if not await self._store.write(write_chunk, row, chunk, count, bodies, self._clock.now() + LEASE):
            self._log.warning("lease lost", send=row.send_id, why="another process writes this send out")
            return None
        self._tell_faults(chunk)
        row = row._replace(written=row.written + count)
        return one._replace(row=row) if row.written < row.recipient_count else None

    async def _in_trouble(self, one: _Open, trouble: Exception) -> _Open | None:
        """Find the message at fault; have it tried again later, or end it and go on behind it."""
        row, passes = one.row, isinstance(trouble, Unavailable)
        if not one.alone and not passes:
            return one._replace(alone=_AT_ONCE)
        if row.tries < (_MOST_TRIES if passes else _MOST_FAULTS):
            await self._put_off(row, trouble)
            return None
        failed = one.making.failed(row.written, str(trouble) or repr(trouble)).written(self._route, self._clock.now())
        left = await self._written(one, [failed], [])
        return left and left._replace(alone=0)

    async def _not_opened(self, row: LargeSendRow, trouble: Exception) -> None:
        """Have a send tried again later whose list cannot be read; end its messages when that was often enough."""
        if row.tries < _MOST_TRIES:
            await self._put_off(row, trouble)
            return
        now = self._clock.now()
        while row.written < row.recipient_count:
            made = await promised.lost(self._store, row, _AT_ONCE, str(trouble) or repr(trouble))
            chunk = [one.written(self._route, now) for one in made]
            left = row.recipient_count - row.written
            count = left if row.entries else min(left, _AT_ONCE)
            if not await self._store.write(write_chunk, row, chunk, count, [], now + LEASE):
                return
            self._tell_faults(chunk)
            row = row._replace(written=row.written + count)

    async def _put_off(self, row: LargeSendRow, trouble: Exception) -> None:
        pause = min(MINUTE << min(max(row.tries - 1, 0), 10), _LONGEST_PAUSE)
        await self._store.write(large_sends.put_off, row, self._clock.now() + pause)
        self._log.error(
            "cannot write out a send",
            send=row.send_id, first=row.message_id, tries=row.tries, again_in_seconds=pause // SECOND,
            exc_info=trouble,
        )  # fmt: skip

    def _tell_faults(self, chunk: Sequence[Written]) -> None:
        for message, fault in ((one.message, one.fault) for one in chunk if one.fault):
            NOT_MADE.labels(message.account).inc()
            self._log.error("message not made", message=message.message_id, send=message.send_id, why=fault)

    async def _wait(self) -> None:
        to_come = await self._store.read(large_sends.to_come)
        TO_COME.set(to_come.recipients)
        pause = _IDLE_SECONDS
        if to_come.due_at is not None:
            pause = min(pause, max(0.01, (to_come.due_at - self._clock.now()) / SECOND))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()
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


def write_chunk(
    row: LargeSendRow, chunk: Sequence[Written], count: int, bodies: Sequence[bytes | PutAway], until: Millis
) -> Plan[bool]:
    """Write messages with all that belongs to them, to `count` recipients; False if that is not ours to do.

    `bodies` are those of the messages that have one of their own.
    """
    if not (yield from large_sends.advance(row, count, until)):
        return False
    rows = [one.message for one in chunk]
    if bodies:
        references = iter((yield Keep(bodies, [row.account] * len(bodies), row.accepted_at)))
        rows = [one.message if one.body is None else one.message._replace(body=next(references)) for one in chunk]
    yield from messages.add(rows, [recipient for one in chunk for recipient in one.own.recipients])
    yield from outgoing.add([row for one in chunk for row in one.own.outgoing])
    yield from record([event for one in chunk for event in one.own.events])
    if contacts := addressed([(one.message, [to.address for to in one.own.recipients]) for one in chunk]):
        yield from add_unknown(contacts, row.accepted_at)
    return True
