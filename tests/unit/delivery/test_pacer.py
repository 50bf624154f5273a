"""How one process keeps to the pace that all share: time that is given back is not used as well."""

import asyncio

from pillarbox.delivery.lanes import OTHER_SES, Hop, Lane
from pillarbox.delivery.pacer import Pacer
from pillarbox.kit.clock import SECOND
from pillarbox.store import pace
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock

RATE = 20.0


async def test_time_that_is_given_back_for_a_large_call_is_not_used_by_a_small_one_meanwhile(store: Store) -> None:
    await store.write(pace.change, OTHER_SES, "eu", lambda limits: (limits._replace(far_rate=RATE), None))
    clock = StandingClock()
    pacer = Pacer(store, clock, "worker")
    lane = Lane("123456789012", "us-east-1", Hop(OTHER_SES, "eu"))
    await pacer.refresh()
    assert await pacer.room([lane.hop]) and await pacer.turn(lane)
    clock.at += SECOND // 2
    assert not await pacer.turn(lane, 25), "more than is left of this second"

    giving_back = asyncio.create_task(pacer.room([lane.hop]))
    await asyncio.sleep(0)  # until it waits for the store
    assert not await pacer.turn(lane), "whose time would be that of the large one, too"
    assert await giving_back and await pacer.turn(lane, 25)
