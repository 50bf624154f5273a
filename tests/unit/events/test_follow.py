"""A follower sees every event once, in order within a shard, from where it stood."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from pillarbox.events.follow import BEHIND, Follower
from pillarbox.events.record import record
from pillarbox.events.types import Event, Open
from pillarbox.kit.ids import EVENT_SHARDS, shard_of_message
from pillarbox.store import events as stored
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.unit.events.following import NOON, SCOPE, cursors, drain, happening, leave_trace, traces


class Listener:
    """Work that only remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, events: Sequence[Event]) -> Plan[None]:
        self.batches.append([event.event_id for event in events])
        yield from ()


def _follower(store: Store, work: Listener, name: str = "f", clock: StandingClock | None = None) -> Follower:
    return Follower(name, store, work, clock or StandingClock(NOON))


async def test_events_come_once_and_in_the_order_of_the_log(store: Store) -> None:
    heard = Listener()
    follower = _follower(store, heard)
    await store.write(record, [happening(number) for number in range(5)])

    assert await drain(follower) == 1
    await store.write(record, [happening(number) for number in range(5, 8)])
    assert await drain(follower) == 1

    assert heard.batches == [[f"e{number:05}" for number in range(5)], [f"e{number:05}" for number in range(5, 8)]]


async def test_a_long_log_comes_in_batches(store: Store) -> None:
    heard = Listener()
    await store.write(record, [happening(number) for number in range(1_201)])

    assert await drain(_follower(store, heard)) == 3

    assert [len(batch) for batch in heard.batches] == [500, 500, 201]
    assert [event for batch in heard.batches for event in batch] == [f"e{number:05}" for number in range(1_201)]


async def test_an_event_is_given_as_it_was_recorded(store: Store) -> None:
    told = Event("e", SCOPE, "m", NOON - 77, NOON, Open("203.0.113.5", "browser"))
    given: list[Event] = []

    def work(events: Sequence[Event]) -> Plan[None]:
        given.extend(events)
        yield from ()

    await store.write(record, [told])
    await drain(Follower("f", store, work, StandingClock(NOON)))

    assert given == [told]


async def test_the_next_process_goes_on_where_the_last_one_stood(store: Store) -> None:
    await store.write(record, [happening(1)])
    await drain(_follower(store, Listener()))
    await store.write(record, [happening(2)])
    heard = Listener()

    await drain(_follower(store, heard, clock=StandingClock(NOON + 60_000)))

    assert heard.batches == [["e00002"]]


async def test_followers_of_different_names_each_see_everything(store: Store) -> None:
    one, other = Listener(), Listener()
    await store.write(record, [happening(1)])

    await drain(_follower(store, one, "one"))
    await drain(_follower(store, other, "other"))

    assert one.batches == other.batches == [["e00001"]]


async def test_a_new_follower_begins_at_the_beginning_of_the_log(store: Store) -> None:
    await store.write(record, [happening(1)])
    await drain(_follower(store, Listener(), "early"))
    late = Listener()

    await drain(_follower(store, late, "late"))

    assert late.batches == [["e00001"]]


async def test_only_events_of_shards_that_are_held_are_done(store: Store) -> None:
    clock = StandingClock(NOON)
    mine = set(range(0, EVENT_SHARDS, 2))
    others = sorted(set(range(EVENT_SHARDS)) - mine)
    await store.write(stored.lease_cursors, "f", others, "stranger", NOON, NOON + 1_000)
    await store.write(record, [happening(number) for number in range(700)])
    heard = Listener()
    follower = _follower(store, heard, clock=clock)

    await drain(follower)
    first = {event_id for batch in heard.batches for event_id in batch}
    assert first == {f"e{number:05}" for number in range(700) if shard_of_message(f"m-{number}") in mine}

    clock.at += 6_000  # the stranger's lease is over
    await drain(follower)
    later = [event_id for batch in heard.batches for event_id in batch]
    assert sorted(later) == [f"e{number:05}" for number in range(700)]


async def test_shards_that_are_idle_move_along_with_the_busy_ones(store: Store) -> None:
    await store.write(record, [happening(1), happening(2)])

    await drain(_follower(store, Listener()))

    assert len(set((await cursors(store, "f")).values())) == 1


async def test_how_far_behind_it_is_can_be_seen(store: Store) -> None:
    clock = StandingClock(NOON)
    follower = _follower(store, Listener(), "gauged", clock)
    await store.write(record, [happening(1)])
    clock.at += 7_000

    await follower.step()
    assert BEHIND.labels("gauged")._value.get() == 7.0
    await follower.step()
    assert BEHIND.labels("gauged")._value.get() == 0.0


async def test_a_running_follower_is_woken_by_what_is_recorded(store: Store) -> None:
    arrived = asyncio.Event()

    def work(events: Sequence[Event]) -> Plan[None]:
        yield from leave_trace(events)
        arrived.set()

    running = asyncio.create_task(Follower("f", store, work, StandingClock(NOON)).run())
    try:
        for number in range(3):
            arrived.clear()
            await store.write(record, [happening(number)])
            async with asyncio.timeout(20):
                await arrived.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert await store.read(traces) == ["e00000", "e00001", "e00002"]


async def test_a_follower_that_stops_hands_its_shards_over_at_once(store: Store) -> None:
    begun = asyncio.Event()

    def work(events: Sequence[Event]) -> Plan[None]:
        yield from leave_trace(events)
        begun.set()

    await store.write(record, [happening(1)])
    running = asyncio.create_task(Follower("f", store, work, StandingClock(NOON)).run())
    async with asyncio.timeout(20):
        await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.write(record, [happening(2)])

    await drain(Follower("f", store, leave_trace, StandingClock(NOON)))

    assert await store.read(traces) == ["e00001", "e00002"]


@pytest.mark.parametrize("count, patient, seconds", [(20, True, 0.25), (20, False, 0.03), (2, True, 0.03)])
async def test_only_who_is_patient_lets_a_stream_gather(
    count: int, patient: bool, seconds: float, tmp_path: Path
) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.write(record, [happening(number) for number in range(count)])
    follower = Follower("f", store, Listener(), StandingClock(NOON), patient=patient)

    assert await follower.step()

    assert follower._gather_seconds() == seconds
    await store.close()
