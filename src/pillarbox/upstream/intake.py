"""Takes posts that were answered and wait on disk into the event log: oldest first, some in one transaction.

Touches the store. Run by app/ in every server that takes posts; several may run
at once. A row of posts goes in the transaction that records what they tell, so
that a kill at any moment neither loses nor doubles an event. A post that cannot
be taken goes into quarantine as it came; those beside it are taken.
"""

import asyncio
import contextlib

from pillarbox.consumer import read
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.store import quarantine, waiting_posts
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.quarantine import QuarantineRow
from pillarbox.store.waiting_posts import Held, Waiting
from pillarbox.upstream.arrival import Arrival, Source, arrival_of, digest_of
from pillarbox.upstream.ingest import Taken, note, take

# Whoever else writes waits for one batch, some milliseconds.
_AT_ONCE = 128
# With so many behind it takes one batch after the other, whoever waits at the doors: what they hand in must be taken
# in as well, and long before so much waits that no post is answered any more.
_TOO_MANY_TO_GIVE_WAY = waiting_posts.MOST_POSTS // 4
_IDLE_SECONDS = 5.0
_GATHER_SECONDS = 0.03
_AFTER_FAULT_SECONDS = 1.0
_LONGEST_WHY = 500

WAITING = metrics.gauge(
    "upstream_posts_waiting",
    doc="""Posts of upstreams that were answered and are not in the history yet; servers over one PostgreSQL all show
    the same.

    Thousands in a burst are ordinary, and gone a minute later. When too many wait, posts are answered 503.""",
)
OLDEST = metrics.gauge(
    "upstream_posts_waiting_oldest_seconds",
    doc="""Age of the oldest post that was answered and is not in the history yet.

    More than a few minutes: events come faster than they can be taken in, or none is; the log says why.""",
)


class Intake:
    """Takes in what waits, one batch after the other, until cancelled.

    Whoever waits for an answer goes first: between two batches it gives way.
    """

    def __init__(self, store: Store, clock: Clock, courtesy: Courtesy | None = None) -> None:
        self._store = store
        self._clock = clock
        self._courtesy = courtesy or Courtesy()
        self._woken = asyncio.Event()
        self._more = False
        self._log = log.named("events-in")
        store.listen(waiting_posts.TOPIC, self._woken.set)

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                if not await self.step():
                    await self._wait()
                elif not self._more:  # let some gather: a batch costs little more for several than for one
                    await asyncio.sleep(_GATHER_SECONDS)
            except Unavailable as error:
                self._log.error("cannot take posts in", why=str(error))
                await asyncio.sleep(_AFTER_FAULT_SECONDS)
            except Exception:
                self._log.exception("posts could not be taken in; the same are tried again")
                await asyncio.sleep(_AFTER_FAULT_SECONDS)

    async def step(self) -> bool:
        """Take one batch in; say whether there was one."""
        held = await self._store.read(waiting_posts.held)
        self._show(held)
        if not held.posts:
            return False
        if held.posts < _TOO_MANY_TO_GIVE_WAY:
            await self._courtesy.give_way()
        try:
            taken = await self._store.write(take_waiting, _AT_ONCE)
        except Unavailable:
            raise
        except Exception as error:  # one of them is at fault
            self._log.warning("posts could not be taken in together and are taken one by one", why=repr(error))
            taken = await self._one_by_one()
        for source, one in taken:
            note(source, one)
            if one.quarantined:
                self._log.warning("event not readable", upstream=source.name)
        self._more = len(taken) < held.posts
        return bool(taken)

    async def _one_by_one(self) -> list[tuple[Source, Taken]]:
        """Take each post of the oldest row for itself.

        Who dies on the way leaves the row; what is taken again then is known, and kept in quarantine once.
        """
        row = await self._store.read(waiting_posts.oldest)
        if row is None:  # another process has taken it
            return []
        taken = []
        for post in row.posts():
            try:
                one = await self._store.write(_take_one, row, *post)
            except Unavailable:
                raise
            except Exception as error:
                one = await self._store.write(_put_away, row, *post, f"{type(error).__name__}: {error}")
            taken.append((_source(row), one))
        await self._store.write(waiting_posts.remove, row.number)
        return taken

    def _show(self, held: Held) -> None:
        WAITING.set(held.posts)
        OLDEST.set(max(0, self._clock.now() - held.oldest_at) / SECOND if held.posts else 0)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._woken.wait()


def take_waiting(most: int) -> Plan[list[tuple[Source, Taken]]]:
    """Take about so many of the oldest posts in, and say what became of each."""
    rows = yield from waiting_posts.take_out(most)
    arrivals = [_arrival(row, *post) for row in rows for post in row.posts()]
    taken = yield from take(arrivals)
    return [(arrival.source, one) for arrival, one in zip(arrivals, taken, strict=True)]


def _take_one(row: Waiting, post_id: bytes, text: bytes) -> Plan[Taken]:
    (taken,) = yield from take([_arrival(row, post_id, text)])
    return taken


def _put_away(row: Waiting, post_id: bytes, text: bytes, why: str) -> Plan[Taken]:
    upstream, account, region, _ = row.origin
    content = _storable(text.decode("utf-8", "surrogatepass"))
    key = f"{_storable(post_id.decode('utf-8', 'surrogatepass')) or digest_of(content)}/whole"
    reason = f"it could not be taken in: {_storable(why)[:_LONGEST_WHY]}"
    yield from quarantine.put(QuarantineRow(upstream, key, account, region, row.arrived_at, reason, content))
    return Taken(quarantined=1)


def _arrival(row: Waiting, post_id: bytes, text: bytes) -> Arrival:
    reading = read(text.decode("utf-8", "surrogatepass"))
    name = post_id.decode("utf-8", "surrogatepass")
    return arrival_of(_source(row), name, tuple(reading.events), tuple(reading.unreadable), row.arrived_at)


def _source(row: Waiting) -> Source:
    upstream, account, region, republish = row.origin
    return Source(upstream, Scope(account, region), bool(republish))


def _storable(text: str) -> str:
    """Write what no database keeps in a text, NUL and halves of surrogate pairs, as JSON would."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")
