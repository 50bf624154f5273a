"""Posts that wait for their answer are put on disk together, while the next ones gather.

Touches the store. Built by edge/events_in.py. The busier the door, the larger the
groups; nobody waits for others that may come. Of all who wait a group takes
half: while it is written, the next half is verified, and neither the disk nor
the event loop stands still.
"""

import asyncio
from collections.abc import Callable

from pillarbox.kit.courtesy import Courtesy
from pillarbox.store import waiting_posts
from pillarbox.store.engine import Store
from pillarbox.store.waiting_posts import Posted

Told = Callable[[bool | Exception], None]
"""Hears whether a post is on disk: False when too many wait to be taken in, or what the store raised."""

_FEW, _MOST = 16, 512
# How much waits is looked at so often: until the next look it becomes a hundredth of the bound more at the most.
_LOOK_SECONDS = 0.1


class Keeping:
    """Keeps posts by `waiting_posts.add`; what works behind the doors gives way by `courtesy` while many wait."""

    def __init__(self, store: Store, courtesy: Courtesy) -> None:
        self._store = store
        self._courtesy = courtesy
        self._gathered: list[tuple[Posted, Told]] = []
        self._writing: asyncio.Task[None] | None = None
        self._looks_at = 0.0

    def keep(self, post: Posted, told: Told) -> None:
        """Keep a post with those that came with it; `told` hears when that is done, on the loop."""
        self._gathered.append((post, told))
        self._courtesy.came()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        group: list[tuple[Posted, Told]] = []
        while self._gathered:
            # Those of the last group may be back before this one is written.
            many = min(max((len(group) + len(self._gathered)) // 2, _FEW), _MOST)
            group, self._gathered = self._gathered[:many], self._gathered[many:]
            kept = await self._written([post for post, _ in group])
            self._courtesy.went(len(group))
            for _, told in group:
                loop.call_soon(told, kept)
        self._writing = None

    async def _written(self, posts: list[Posted]) -> bool | Exception:
        now = asyncio.get_running_loop().time()
        looks = now >= self._looks_at
        try:
            has_room = await self._store.write(waiting_posts.add, posts, looks)
            if looks and has_room:
                self._looks_at = now + _LOOK_SECONDS
            return has_room
        except Exception as error:  # whoever waits must hear of it, whatever it was
            return error
