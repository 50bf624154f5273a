"""Runs one duty when it is due, in one process at a time.

Touches the store. Run by app/ as a background task, one for each duty. A
duty says itself when it is due, from rows of the store, so nothing is
forgotten over a restart; it is done in small pieces, and stopping between two
of them leaves the rest for whoever comes next.
"""

import asyncio
import contextlib
from typing import Protocol

from pillarbox.kit import log
from pillarbox.kit.clock import MINUTE, SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.store.engine import Store
from pillarbox.upkeep import turns

# Longer than a piece of any duty takes.
_LEASE: Millis = MINUTE
_LOOK_AGAIN_SECONDS = 10.0


class Duty(Protocol):
    """Periodic work. `topic` is touched when something may have become due earlier.

    `work` does one piece of what is due, in less than half a minute; done twice it does no harm.
    """

    name: str
    topic: str

    async def due_at(self) -> Millis | None:
        """Return when there is something to do, or None when there is nothing."""
        ...

    async def work(self, now: Millis) -> None: ...


class Runner:
    """Runs a duty until cancelled; a failure is logged and tried again."""

    def __init__(self, store: Store, duty: Duty, clock: Clock) -> None:
        self._store = store
        self._duty = duty
        self._clock = clock
        self._holder = new_token()
        self._has_turn = False
        self._woken = asyncio.Event()
        self._log = log.named(f"upkeep.{duty.name}")
        store.listen(duty.topic, self._woken.set)

    async def run(self) -> None:
        try:
            while True:
                self._woken.clear()
                if not await self._step_safely():
                    await self._give_back()
                    await self._wait()
        finally:
            await self._give_back()

    async def step(self) -> bool:
        """Do one piece of the duty, if it is due and our turn; say whether it was done."""
        now = self._clock.now()
        due_at = await self._duty.due_at()
        if due_at is None or due_at > now:
            return False
        self._has_turn = True  # for all that is known, if this is where we are stopped
        self._has_turn = await self._store.write(turns.take, self._duty.name, self._holder, now, now + _LEASE)
        if self._has_turn:
            await self._duty.work(now)
        return self._has_turn

    async def _step_safely(self) -> bool:
        try:
            return await self.step()
        except Unavailable as error:
            self._log.error("cannot work", why=str(error))
        except Exception:
            self._log.exception("work failed; it is tried again")
        return False

    async def _give_back(self) -> None:
        """Let others have the turn. While the store is away they have it when its lease ends, if not before."""
        if self._has_turn:
            with contextlib.suppress(Unavailable):
                await self._store.write(turns.end, self._duty.name, self._holder, self._clock.now())
                self._has_turn = False

    async def _wait(self) -> None:
        """Sleep until something is due, is said to be, or some seconds have passed."""
        due_at = None
        with contextlib.suppress(Unavailable):
            due_at = await self._duty.due_at()
        left = _LOOK_AGAIN_SECONDS if due_at is None else (due_at - self._clock.now()) / SECOND
        # What is due and not done has failed, or is another's turn: not at once again.
        seconds = left if 0 < left < _LOOK_AGAIN_SECONDS else _LOOK_AGAIN_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
