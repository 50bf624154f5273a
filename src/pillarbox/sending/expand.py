"""Writes out split sends: a message for each recipient, some at a time, in the background.

Touches the store. Run by app.py; several may run at once. A chunk and how far
the send has come are one transaction under a lease, and the ids of the messages
follow from the first one's: a kill at any moment neither loses nor doubles one.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from pillarbox.events.record import record
from pillarbox.kit import log
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.resources.contacts import add_unknown
from pillarbox.sending import split
from pillarbox.sending.list_management import addressed
from pillarbox.sending.rows import Belongings, Route, belongings_of
from pillarbox.sending.split import Recipients
from pillarbox.store import large_sends, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.large_sends import LargeSendRow
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan

LEASE: Millis = 60 * SECOND
# Whoever else writes waits for one chunk, some milliseconds; SQLite takes so many rows in one statement.
_AT_ONCE = 128
_MOST_OPEN = 8
_IDLE_SECONDS = 5.0
_AFTER_FAULT_SECONDS = 1.0


@dataclass(slots=True)
class _Open:
    """A send that is ours to write out."""

    row: LargeSendRow
    first: MessageRow
    recipients: Recipients
    pool: str


class Expander:
    """Expands a chunk of each open send in turn, so that a long one does not keep a short one waiting."""

    def __init__(self, store: Store, route: Route, clock: Clock) -> None:
        self._store = store
        self._route = route
        self._clock = clock
        self._lease = new_token()
        self._open: list[_Open] = []
        self._woken = asyncio.Event()
        self._log = log.named("expand")
        store.listen(large_sends.TOPIC, self._woken.set)
        self._woken.set()

    async def run(self) -> None:
        """Expand until cancelled; what is open then comes due again when its lease ends."""
        while True:
            try:
                if not await self.step():
                    await self._wait()
            except Unavailable as error:
                self._log.error("cannot expand", why=str(error))
                await asyncio.sleep(_AFTER_FAULT_SECONDS)

    async def step(self) -> bool:
        """Write one chunk of each send that is due; say whether there was any."""
        if self._woken.is_set() and len(self._open) < _MOST_OPEN:
            self._woken.clear()
            await self._claim()
        for one in list(self._open):
            if not await self._goes_on(one):
                self._open.remove(one)
            await asyncio.sleep(0)  # whoever waits for the loop comes between two chunks
        return bool(self._open)

    async def _claim(self) -> None:
        now = self._clock.now()
        room = _MOST_OPEN - len(self._open)
        rows = await self._store.write(large_sends.claim, self._lease, now, now + LEASE, room)
        if len(rows) == room:  # there may be more when these are done
            self._woken.set()
        for row in rows:
            try:
                first = await self._store.read(messages.get, row.message_id)
                listed = await self._store.body(row.recipients)
                assert first is not None, "the first message was promised with the send"
                recipients = await asyncio.to_thread(split.read_recipients, listed)
            except Exception:  # it comes due again; other sends must not wait for it
                self._log.exception("cannot open a send", send=row.send_id, first=row.message_id)
                continue
            self._open.append(_Open(row, first, recipients, split.pool_of(first)))

    async def _goes_on(self, one: _Open) -> bool:
        try:
            return await self._next_chunk(one)
        except Unavailable:
            raise
        except Exception:  # it comes due again when its lease ends; other sends must not wait for it
            self._log.exception("cannot write out a send", send=one.row.send_id, first=one.row.message_id)
            return False

    async def _next_chunk(self, one: _Open) -> bool:
        """Write some recipients' messages; False when none are left, or the send is no longer ours."""
        now = self._clock.now()
        row = one.row
        numbers = range(row.written, min(row.written + _AT_ONCE, row.recipient_count))
        chunk = []
        for number, message in zip(numbers, split.parts(one.first, one.recipients, numbers), strict=True):
            address = one.recipients.addresses[number]
            own = belongings_of(message, [address], one.recipients.failure, self._route, now, one.pool)
            chunk.append((message, own))
        if not await self._store.write(write_chunk, row, chunk, now + LEASE):
            self._log.warning("lease lost", send=row.send_id, why="another process writes this send out")
            return False
        one.row = row._replace(written=row.written + len(chunk))
        return one.row.written < row.recipient_count

    async def _wait(self) -> None:
        due_at = await self._store.read(large_sends.next_due_at)
        pause = _IDLE_SECONDS
        if due_at is not None:
            pause = min(pause, max(0.01, (due_at - self._clock.now()) / SECOND))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), pause)
        self._woken.set()


def write_chunk(row: LargeSendRow, chunk: list[tuple[MessageRow, Belongings]], until: Millis) -> Plan[bool]:
    """Write messages with all that belongs to them, and count them, in this transaction; False if not ours to do."""
    if not (yield from large_sends.advance(row, len(chunk), until)):
        return False
    yield from messages.add(
        [message for message, _ in chunk], [recipient for _, own in chunk for recipient in own.recipients]
    )
    yield from outgoing.add([one for _, own in chunk for one in own.outgoing])
    yield from record([event for _, own in chunk for event in own.events])
    if contacts := addressed([(message, [one.address for one in own.recipients]) for message, own in chunk]):
        yield from add_unknown(contacts, row.accepted_at)
    return True
