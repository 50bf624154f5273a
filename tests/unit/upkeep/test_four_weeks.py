"""Sums of four weeks become what their days come to, whoever counted those without them."""

import msgspec

from pillarbox.kit.clock import DAY, HOUR, Millis
from pillarbox.stats.follow import count
from pillarbox.stats.spans import FOUR_WEEKS
from pillarbox.store import counters, messages
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from pillarbox.upkeep.four_weeks import FourWeekSums
from pillarbox.upkeep.runner import Runner
from tests.support.clock import StandingClock
from tests.unit.events.examples import FACTS, KINDS, SCOPE, event, message, recipients

BEGAN_AT: Millis = 730 * FOUR_WEEKS
NOW: Millis = BEGAN_AT + 3 * DAY
TENANT = msgspec.structs.replace(FACTS, recipients=["a@x.example"], tenant="acme")


async def sent(store: Store, *days_ago: int) -> None:
    await store.write(count, [event(KINDS["send"], message_id="m", at=NOW - day * DAY) for day in days_ago])


async def sent_before_the_rollout(store: Store, *days_ago: int) -> None:
    """Count as the program of before does."""
    row = message(TENANT, message_id="m")
    await store.write(messages.add_if_absent, [row], recipients(row))
    await sent(store, *days_ago)
    await store.write(_without_four_weeks)


def _without_four_weeks() -> Plan[None]:
    yield Rows(f"DELETE FROM counters WHERE step = {FOUR_WEEKS}")


async def by_four_weeks(store: Store) -> dict[Millis, int]:
    since = BEGAN_AT - 2 * FOUR_WEEKS
    found = await store.read(counters.series, SCOPE, "tenant", "acme", FOUR_WEEKS, since, BEGAN_AT + FOUR_WEEKS)
    return {(row.bucket_at - BEGAN_AT) // FOUR_WEEKS: row.total for row in found if row.name == "sent"}


async def finish(runner: Runner) -> int:
    pieces = 0
    while await runner.step():
        pieces += 1
    return pieces


async def test_what_a_program_of_before_counted_is_added_once(store: Store) -> None:
    await sent_before_the_rollout(store, 0, 1, 2, 5, 9)
    await sent(store, 1)
    assert await by_four_weeks(store) == {0: 1}

    assert await finish(Runner(store, FourWeekSums(store, StandingClock(NOW)), StandingClock(NOW)))
    assert await by_four_weeks(store) == {0: 4, -1: 2}
    await finish(Runner(store, FourWeekSums(store, StandingClock(NOW)), StandingClock(NOW + HOUR)))
    assert await by_four_weeks(store) == {0: 4, -1: 2}


async def test_what_is_counted_meanwhile_stays(store: Store) -> None:
    await sent_before_the_rollout(store, 0, 1)
    lacking = await store.read(counters.astray, SCOPE, "tenant", FOUR_WEEKS, BEGAN_AT, BEGAN_AT + FOUR_WEEKS)
    await sent(store, 0)
    await store.write(counters.add, lacking)
    assert await by_four_weeks(store) == {0: 3}


async def test_it_is_looked_at_again_after_an_hour_and_then_once_a_day(store: Store) -> None:
    clock = StandingClock(NOW)
    await sent_before_the_rollout(store, 0)
    runner = Runner(store, FourWeekSums(store, clock), clock)
    looked = []
    for hour in range(60):
        clock.at = NOW + hour * HOUR
        if await finish(runner):
            looked.append(hour)
    assert looked == [0, 1, 25, 49]
