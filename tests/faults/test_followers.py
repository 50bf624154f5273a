"""What must hold of followers when something goes wrong: nothing is skipped, nothing is done twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from pillarbox.events.follow import BEHIND, Follower
from pillarbox.events.record import record
from pillarbox.events.types import Event
from pillarbox.kit.errors import Unavailable
from pillarbox.store.engine import Store
from pillarbox.store.plan import Many, Plan, Rows
from pillarbox.store.postgres import PostgresStore, in_dialect
from tests.support.clock import StandingClock
from tests.unit.events.following import NOON, drain, happening, leave_trace, traces

LEASE_MS = 10_000


def _failing_after(times: int, done_first: Callable[[Sequence[Event]], Plan[None]]) -> Callable[..., Plan[None]]:
    """Work that fails as many times, after it has had its effect."""
    left = [times]

    def work(events: Sequence[Event]) -> Plan[None]:
        yield from done_first(events)
        if left[0]:
            left[0] -= 1
            raise RuntimeError("crashed between the work and the end of the transaction")

    return work


async def test_a_crash_between_work_and_cursor_undoes_the_work_and_repeats_it(store: Store) -> None:
    follower = Follower("f", store, _failing_after(2, leave_trace), StandingClock(NOON))
    await store.write(record, [happening(1), happening(2)])

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await follower.step()
        assert await store.read(traces) == []
    await drain(follower)

    assert await store.read(traces) == ["e00001", "e00002"]


async def test_a_process_that_dies_between_work_and_cursor_leaves_the_work_to_the_next(store: Store) -> None:
    clock = StandingClock(NOON)
    dying = Follower("f", store, _failing_after(1, leave_trace), clock)
    await store.write(record, [happening(1)])
    with pytest.raises(RuntimeError):
        await dying.step()
    heir = Follower("f", store, leave_trace, clock)

    assert await drain(heir) == 0  # the lease of the dead one is still good
    clock.at += LEASE_MS
    assert await drain(heir) == 1

    assert await store.read(traces) == ["e00001"]


async def test_events_that_fail_for_good_hold_up_what_is_behind_them_and_are_not_skipped(store: Store) -> None:
    def work(events: Sequence[Event]) -> Plan[None]:
        yield from leave_trace(events)
        if any(event.event_id == "e00002" for event in events):
            raise RuntimeError("cannot be done")

    follower = Follower("f", store, work, StandingClock(NOON))
    await store.write(record, [happening(1)])
    await drain(follower)
    await store.write(record, [happening(2)])
    await store.write(record, [happening(3)])

    for _ in range(3):
        with pytest.raises(RuntimeError):
            await follower.step()

    assert await store.read(traces) == ["e00001"]


async def test_a_running_follower_survives_its_failures(store: Store) -> None:
    arrived = asyncio.Event()

    def leave(events: Sequence[Event]) -> Plan[None]:
        yield from leave_trace(events)

    fails_once = _failing_after(1, leave)

    def work(events: Sequence[Event]) -> Plan[None]:
        yield from fails_once(events)
        arrived.set()

    await store.write(record, [happening(1)])
    running = asyncio.create_task(Follower("f", store, work, StandingClock(NOON)).run())
    async with asyncio.timeout(30):
        await arrived.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert await store.read(traces) == ["e00001"]


async def test_a_dead_process_loses_its_shards_when_its_lease_ends(store: Store) -> None:
    clock = StandingClock(NOON)
    await store.write(record, [happening(number) for number in range(100)])
    dead, heir = (Follower("f", store, leave_trace, clock) for _ in range(2))
    await drain(dead)
    await store.write(record, [happening(number) for number in range(100, 200)])

    assert await drain(heir) == 0
    clock.at += LEASE_MS
    await drain(heir)

    assert await store.read(traces) == [f"e{number:05}" for number in range(200)]


async def test_a_process_that_was_thought_dead_undoes_what_is_no_longer_its_own(store: Store) -> None:
    clock = StandingClock(NOON)
    slow, heir = (Follower("f", store, leave_trace, clock) for _ in range(2))
    await store.write(record, [happening(1)])
    await drain(slow)
    await store.write(record, [happening(2)])

    clock.at += LEASE_MS
    await drain(heir)  # takes over and does 2
    clock.at -= LEASE_MS  # the slow one has not noticed the time that went by
    assert not await slow.step()  # its work would fail on the trace that is there: the lease is looked at first
    await store.write(record, [happening(3)])
    assert not await slow.step()
    clock.at += LEASE_MS
    await drain(heir)

    assert await store.read(traces) == ["e00001", "e00002", "e00003"]


async def test_a_lease_that_is_lost_during_the_work_undoes_it(store: Store) -> None:
    """The other process must wait for the first one's rows, or take them before it: both end with one trace."""
    clock = StandingClock(NOON)
    await store.write(record, [happening(number) for number in range(50)])
    followers = [Follower("f", store, leave_trace, _Leaping(clock)) for _ in range(3)]

    for _ in range(4):
        await asyncio.gather(*(follower.step() for follower in followers))

    assert await store.read(traces) == [f"e{number:05}" for number in range(50)]


class _Leaping:
    """A clock by which every lease is over whenever somebody looks."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock

    def now(self) -> int:
        self._clock.at += LEASE_MS
        return self._clock.at


class _LosesAnswers:
    """A store whose connection breaks after the commit, so that nobody knows what became of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.losing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, planner: Callable[..., Plan[Any]], *args: Any) -> Any:
        answer = await self._store.write(planner, *args)
        if self.losing:
            self.losing = False
            raise Unavailable("the connection was lost")
        return answer


async def test_a_commit_whose_answer_was_lost_is_not_done_again(store: Store) -> None:
    losing = _LosesAnswers(store)
    follower = Follower("f", losing, leave_trace, StandingClock(NOON))
    await store.write(record, [happening(0)])
    await drain(follower)
    await store.write(record, [happening(1)])
    losing.losing = True

    with pytest.raises(Unavailable):
        await follower.step()
    await store.write(record, [happening(2)])
    await drain(follower)

    assert await store.read(traces) == ["e00000", "e00001", "e00002"]


async def test_many_writers_and_followers_at_once_lose_and_repeat_nothing(store: Store) -> None:
    """Transactions of any length commit in any order while two processes follow."""
    chance = random.Random(11)
    clock = StandingClock(NOON)
    followers = [Follower("f", store, leave_trace, clock) for _ in range(2)]
    writing = True

    async def write(first: int) -> None:
        for number in range(first, first + 20):
            await store.write(_slowly, happening(number), chance.random() / 100)

    async def follow(follower: Follower) -> None:
        while writing:
            await follower.step()
            clock.at += 1_500  # leases end and are taken over while transactions run
        await drain(follower)

    async def write_all() -> None:
        nonlocal writing
        await asyncio.gather(*(write(first) for first in range(0, 200, 20)))
        writing = False

    async with asyncio.timeout(60):
        await asyncio.gather(write_all(), *(follow(follower) for follower in followers))
    clock.at += LEASE_MS
    for follower in followers:
        await drain(follower)

    assert await store.read(traces) == [f"e{number:05}" for number in range(200)]


def _slowly(event: Event, seconds: float) -> Plan[None]:
    """Record at once and commit later, where the engine lets others commit meanwhile."""
    yield from record([event])
    yield Rows(f"SELECT 1 /*pg: , pg_sleep({seconds:.4f}) */")


@pytest.fixture
async def postgres_store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(postgres_url)
    yield store
    await store.close()


@pytest.fixture
async def other_session(postgres_url: str, postgres_store: PostgresStore) -> AsyncIterator[Any]:
    """A connection whose transactions the test begins and ends by hand."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def _record_by_hand(connection: Any, event: Event) -> None:
    plan = record([event])
    answer: Any = None
    try:
        while True:
            statement = plan.send(answer)
            if isinstance(statement, Many):
                await connection.executemany(in_dialect(statement.sql), statement.each)
    except StopIteration:
        return


async def test_what_commits_late_is_not_stepped_over(postgres_store: PostgresStore, other_session: Any) -> None:
    """The late transaction has the lower sequence number."""
    follower = Follower("late", postgres_store, leave_trace, StandingClock(NOON + 9_000))
    late = other_session.transaction()
    await late.start()
    await _record_by_hand(other_session, happening(1))
    await postgres_store.write(record, [happening(2)])

    assert await drain(follower) == 0
    assert BEHIND.labels("late")._value.get() == 9.0  # what has to wait can be seen
    await late.commit()
    await drain(follower)

    assert await postgres_store.read(traces) == ["e00001", "e00002"]


async def test_what_was_begun_first_and_written_last_is_not_stepped_over(
    postgres_store: PostgresStore, other_session: Any
) -> None:
    """The late transaction has the lower transaction id, but the higher sequence number."""
    follower = Follower("f", postgres_store, leave_trace, StandingClock(NOON))
    late = other_session.transaction()
    await late.start()
    await other_session.execute("SELECT pg_current_xact_id()")
    await postgres_store.write(record, [happening(1)])

    assert await drain(follower) == 0
    await _record_by_hand(other_session, happening(2))
    assert await drain(follower) == 0
    await late.commit()
    await drain(follower)

    assert await postgres_store.read(traces) == ["e00001", "e00002"]


async def test_a_late_transaction_that_is_undone_holds_nothing_up(
    postgres_store: PostgresStore, other_session: Any
) -> None:
    follower = Follower("f", postgres_store, leave_trace, StandingClock(NOON))
    late = other_session.transaction()
    await late.start()
    await _record_by_hand(other_session, happening(1))
    await postgres_store.write(record, [happening(2)])
    assert await drain(follower) == 0

    await late.rollback()
    await drain(follower)

    assert await postgres_store.read(traces) == ["e00002"]


async def test_transactions_that_only_read_hold_nothing_up(postgres_store: PostgresStore, other_session: Any) -> None:
    follower = Follower("f", postgres_store, leave_trace, StandingClock(NOON))
    async with other_session.transaction(isolation="repeatable_read", readonly=True):
        await other_session.fetch("SELECT count(*) FROM events")
        await postgres_store.write(record, [happening(1)])
        await drain(follower)

        assert await postgres_store.read(traces) == ["e00001"]
