"""Events as they are recorded, for whoever watches.

Touches the store (reads). Called by the admin socket; one `Tail` serves all
who watch, and holds nothing for those who have left.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from pillarbox.events.tail import event_of
from pillarbox.events.types import recipients_of
from pillarbox.kit.clock import Millis
from pillarbox.operate.story import tell
from pillarbox.store import events
from pillarbox.store.engine import Store
from pillarbox.store.events import EventRow, Position

_BATCH = 200
# Other processes write too, and nobody wakes us for what they write.
_IDLE_SECONDS = 1.0


class Told(msgspec.Struct, frozen=True):
    """One event in words; `recipients` is empty when it is about the whole message."""

    at: Millis
    account: str
    region: str
    message_id: str
    kind: str
    recipients: list[str]
    story: str
    said: str | None


class Tail:
    """Follows the event log from now on, for any number of watchers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._woken = asyncio.Event()
        store.listen("events", self._wake)

    async def follow(self, account: str = "") -> AsyncIterator[Told]:
        """Return what is recorded from now on, of one account or of all, without an end."""
        return self._told_after(await self._store.read(events.last_position), account)

    async def _told_after(self, position: Position, account: str) -> AsyncIterator[Told]:
        while True:
            woken = self._woken
            found = await self._store.read(events.after, position, _BATCH)
            if not found:
                await _wait(woken)
                continue
            position = found[-1][0]
            for _, row in found:
                if account in ("", row.account):
                    yield told(row)

    def _wake(self) -> None:
        woken, self._woken = self._woken, asyncio.Event()
        woken.set()


def told(row: EventRow) -> Told:
    event = event_of(row)
    story = tell(event)
    return Told(
        at=row.happened_at,
        account=row.account,
        region=row.region,
        message_id=row.message_id,
        kind=row.kind,
        recipients=recipients_of(event.fact) or [],
        story=story.sentence,
        said=story.said,
    )


async def _wait(woken: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_IDLE_SECONDS):
            await woken.wait()
