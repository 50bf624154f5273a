"""The keys of the service itself, turned over as time goes by and as its operator publishes them."""

import msgspec

from pillarbox.kit.clock import DAY, HOUR
from pillarbox.kit.secrets import Keyring
from pillarbox.operate import dns_zone
from pillarbox.operate.desk import Desk
from pillarbox.resources import service_key
from pillarbox.resources.dkim_keys import ACTIVE, NEXT, RETIRED
from pillarbox.store import secrets
from pillarbox.store.engine import Store
from pillarbox.upkeep.runner import Runner
from pillarbox.upkeep.service_keys import ServiceKeys
from tests.support.clock import StandingClock
from tests.support.name_server import NameServer

DOMAIN = "post.example.org"
KEYRING = Keyring({"1": bytes(32)})


async def test_a_key_is_followed_by_one_that_the_dns_has_shown(store: Store) -> None:
    clock = StandingClock()
    (first,) = await service_key.load(store, KEYRING, DOMAIN, clock.at)

    async def pass_time(millis: int) -> list[str]:
        """Let upkeep look once an hour, and return the states of the keys."""
        until = clock.at + millis
        while clock.at < until:
            clock.at += min(HOUR, until - clock.at)
            while await upkeep.step():
                pass
        return [key.state for key in await store.read(service_key.of, DOMAIN)]

    async with NameServer() as zone:
        duty = ServiceKeys(store, zone.names(timeout_seconds=2), KEYRING, DOMAIN)
        upkeep = Runner(store, duty, clock)
        assert await duty.due_at() == clock.at + 180 * DAY
        clock.at += 180 * DAY - HOUR
        assert await pass_time(HOUR) == [ACTIVE, NEXT]
        assert await pass_time(5 * HOUR) == [ACTIVE, NEXT], "nobody has published it, so it never signs"

        desk = Desk(store, KEYRING, clock, service_domain=DOMAIN)
        printed = {one.name: one.value for one in (await dns_zone.zone(desk)).records if "_domainkey" in one.name}
        assert len(printed) == 2
        for name, record in printed.items():
            zone.add(name, "TXT", record)
        assert await pass_time(2 * DAY) == [ACTIVE, NEXT]
        assert await pass_time(HOUR) == [RETIRED, ACTIVE]
        (signs,) = await store.read(service_key.signing, DOMAIN)
        assert signs.selector != first.selector

        assert await duty.due_at() is not None
        clock.at += 7 * DAY - HOUR
        assert await pass_time(HOUR) == [ACTIVE]


async def test_the_one_key_of_older_servers_is_still_known(store: Store) -> None:
    clock = StandingClock()
    old = await service_key.make(KEYRING, DOMAIN, clock.at)
    await store.write(secrets.put, f"dkim/{DOMAIN}", msgspec.json.encode(old), clock.at)

    assert await service_key.load(store, KEYRING, DOMAIN, clock.at) == [old]
