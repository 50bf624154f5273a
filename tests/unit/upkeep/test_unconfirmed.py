"""Addresses that nobody confirms are given up when their time is over, and not before."""

from pillarbox.kit.clock import HOUR
from pillarbox.kit.ids import Scope
from pillarbox.resources import address_verification, identities
from pillarbox.store.engine import Store
from pillarbox.upkeep.unconfirmed import Unconfirmed
from tests.support.clock import NOON, StandingClock

SCOPE = Scope("123456789012", "us-east-1")


async def test_each_address_is_given_up_at_its_own_time(store: Store) -> None:
    clock = StandingClock(NOON)
    for number, name in enumerate(("a@example.com", "b@example.com")):
        at = NOON + number * HOUR
        identity = await store.write(identities.verify_address, SCOPE, name, at, False)
        await store.write(address_verification.wait, SCOPE, identity, at)
    upkeep = Unconfirmed(store, clock)

    seen = []
    for hours in (23, 24, 25):
        clock.at = NOON + hours * HOUR
        while await upkeep.step():
            pass
        found = await store.read(identities.asked_for, SCOPE, ["a@example.com", "b@example.com"])
        seen.append([identity.status for identity in found.values()])

    assert seen == [["Pending", "Pending"], ["Failed", "Pending"], ["Failed", "Failed"]]
