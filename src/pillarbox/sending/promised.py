"""Messages that are promised with a list of several, before each is written out.

Touches the store (reads). Called by the expander, which writes them out, and by
whoever is asked for one meanwhile: it is shown as it will be written.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Protocol

import msgspec

from pillarbox.events.types import MailFacts
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import part_message_id
from pillarbox.sending import deferred, split, unmade
from pillarbox.sending.rows import Made, Promised, Route, Written
from pillarbox.store import large_sends, messages
from pillarbox.store.engine import Store
from pillarbox.store.large_sends import LargeSendRow
from pillarbox.store.messages import MessageRow


class Making(Protocol):
    """Makes the messages of one send."""

    def following(self, written: int, most: int, route: Route, now: Millis) -> Iterator[Written]:
        """Yield the messages behind those of `written` recipients, at most so many; made anew each time."""
        ...

    def failed(self, written: int, fault: str) -> Made: ...

    def made(self, message_id: str) -> Made: ...


async def making_of(store: Store, row: LargeSendRow) -> Making:
    """Return what makes the messages of a send; Unavailable when its list cannot be read."""
    listed = await store.body(row.recipients)
    if row.table == large_sends.BULK:
        return await asyncio.to_thread(deferred.making, row, listed)
    if row.table == large_sends.UNMADE:
        return await asyncio.to_thread(unmade.making, row, listed)
    first = await store.read(messages.get, row.message_id)
    assert first is not None, "the first message was promised with the send"
    return await asyncio.to_thread(split.Making, first, listed)


async def find(store: Store, message_id: str) -> Promised | None:
    """Return a message that is promised and still to be written out, or was a moment ago.

    Whoever looks for it among those that are written looks here first: it may be written in this moment.
    """
    row = await store.read(large_sends.to_write, message_id)
    if row is None:
        return None
    making = await making_of(store, row)
    made = await asyncio.to_thread(making.made, message_id)
    return made.promised()


async def lost(store: Store, row: LargeSendRow, most: int, fault: str) -> list[Made]:
    """Return the next messages of a send whose list can no longer be read, as far as they are known without it.

    Where few are listed by name, as of a bulk send, they are returned all.
    """
    ids = _ids(row, most)
    written = await store.read(messages.get_many, [row.message_id, *ids])
    if row.table != large_sends.UNMADE and (first := written.get(row.message_id)):
        mail = msgspec.structs.replace(msgspec.json.decode(first.mail, type=MailFacts), recipients=[], only_to="")
    else:
        first = MessageRow("", *row.scope, row.send_id, row.accepted_at, "", "", "", "", 0, 0, "", "")
        mail = MailFacts("", "", None, "", "", [], [], False, {}, "")
    known = first._replace(subject="", recipient_count=0, mail=msgspec.json.encode(mail).decode())
    return [
        Made(known._replace(message_id=one, send_id=row.send_id or one), []).failed(mail.template, fault)
        for one in ids
        if one not in written
    ]


def _ids(row: LargeSendRow, most: int) -> list[str]:
    entries = json.loads(row.entries or "[]")
    if row.table == large_sends.UNMADE:
        return list(entries)
    numbers = entries or range(row.written, min(row.written + most, row.recipient_count))
    return [part_message_id(row.message_id, number) for number in numbers]
