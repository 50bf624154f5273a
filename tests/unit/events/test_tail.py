"""Followers of one process share what they read, and none is given what is no longer so."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

from pillarbox.events.follow import Follower
from pillarbox.events.record import record
from pillarbox.events.tail import Tail
from pillarbox.events.types import Event, Open
from pillarbox.kit.clock import SECOND
from pillarbox.store import events as stored
from pillarbox.store import upstream_ids
from pillarbox.store.engine import Store
from pillarbox.store.events import Position
from pillarbox.store.plan import Plan
from pillarbox.store.upstream_ids import UpstreamId
from tests.support.clock import StandingClock
from tests.unit.events.following import NOON, SCOPE, drain, happening, leave_trace, traces

BEGIN = Position(0, 0)


class Watched:
    """A store that counts looks into the log, and lets their answers go when it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.looks = 0
        self.looked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, planner: Callable[..., Plan[Any]], *args: Any) -> Any:
        answer = await self._store.read(planner, *args)
        if planner is stored.after:
            self.looks += 1
            self.looked.set()
            await self.may_answer.wait()
        return answer


def _watched(store: Store) -> tuple[Watched, StandingClock, Tail]:
    watched, clock = Watched(store), StandingClock(NOON)
    return watched, clock, Tail(cast(Store, watched), clock)


def idle(_events: Sequence[Event]) -> Plan[None]:
    yield from ()


async def test_what_one_follower_has_read_the_others_are_given(store: Store) -> None:
    watched, clock, tail = _watched(store)
    await store.write(record, [happening(number) for number in range(3)])

    for name, work in (("one", leave_trace), ("other", idle), ("third", idle)):
        assert await Follower(name, store, work, clock, tail=tail).step()

    assert watched.looks == 1
    assert await store.read(traces) == ["e00000", "e00001", "e00002"]


async def test_who_looks_at_the_same_time_shares_one_look(store: Store) -> None:
    watched, _, tail = _watched(store)
    await store.write(record, [happening(1)])

    one, other = await asyncio.gather(tail.after(BEGIN), tail.after(BEGIN))

    assert (one, watched.looks) == (other, 1)


async def test_who_looks_after_something_was_recorded_sees_it_though_another_is_still_looking(store: Store) -> None:
    watched, _, tail = _watched(store)
    watched.may_answer.clear()
    early = asyncio.create_task(tail.after(BEGIN))
    await watched.looked.wait()

    await store.write(record, [happening(1)])
    late = asyncio.create_task(tail.after(BEGIN))
    watched.may_answer.set()

    assert (await early).entries == []
    assert [one.event.event_id for one in (await late).entries] == ["e00001"]


async def test_events_that_move_to_another_message_are_read_again(store: Store) -> None:
    tail = Tail(store, StandingClock(NOON))
    theirs = Event("e", SCOPE, "theirs", NOON, NOON, Open("203.0.113.5", "browser"))
    await store.write(upstream_ids.note_witnessed, "far", ["theirs"], NOON)
    await store.write(record, [theirs])
    assert [one.event.message_id for one in (await tail.after(BEGIN)).entries] == ["theirs"]

    await store.write(upstream_ids.link, [UpstreamId("far", "theirs", "ours", NOON)])

    assert [one.event.message_id for one in (await tail.after(BEGIN)).entries] == ["ours"]


async def test_what_was_read_is_remembered_for_a_moment_only(store: Store) -> None:
    watched, clock, tail = _watched(store)
    await store.write(record, [happening(1)])

    await tail.after(BEGIN)
    clock.at += 2 * SECOND
    await tail.after(BEGIN)

    assert watched.looks == 2


async def test_what_one_has_read_piece_by_piece_another_is_given_as_one(store: Store) -> None:
    watched, _, tail = _watched(store)
    pieces = []
    position = BEGIN
    for number in range(3):
        await store.write(record, [happening(number)])
        pieces += (await tail.after(position)).entries
        position = pieces[-1].position

    assert (await tail.after(BEGIN)).entries == pieces
    assert watched.looks == 3


async def test_followers_that_share_a_tail_go_through_a_long_log_together(store: Store) -> None:
    watched, clock, tail = _watched(store)
    await store.write(record, [happening(number) for number in range(1_001)])
    one = Follower("one", store, leave_trace, clock, tail=tail)
    other = Follower("other", store, idle, clock, tail=tail)

    batches = await asyncio.gather(drain(one), drain(other))

    assert list(batches) == [3, 3]
    assert watched.looks < 6
    assert len(await store.read(traces)) == 1_001
