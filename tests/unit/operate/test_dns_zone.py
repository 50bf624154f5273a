"""The zone that operators publish names every host that mail leaves from."""

import pytest

from pillarbox.app.egress import hosts
from pillarbox.operate import dns_zone
from pillarbox.operate.desk import Desk, Host
from pillarbox.settings import MxSetting, PoolSetting, Settings
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.support.preparer import KEYRING

DOMAIN = "post.example.org"
MTA = f"mta.{DOMAIN}"


async def of_zone(store: Store, settings: Settings) -> set[tuple[str, str, str]]:
    """Return the records of the zone but for keys."""
    desk = Desk(store, KEYRING, StandingClock(), service_domain=DOMAIN, hosts=hosts(settings))
    found = (await dns_zone.zone(desk)).records
    return {(one.name, one.type, one.value) for one in found if "_domainkey" not in one.name}


async def test_an_address_that_the_system_chooses_is_for_the_operator_to_fill_in(store: Store) -> None:
    assert await of_zone(store, Settings(service_domain=DOMAIN)) == {
        (MTA, "A", ""),
        (MTA, "TXT", "v=spf1 a -all"),
        (DOMAIN, "MX", f"10 {MTA}"),
        (DOMAIN, "TXT", f"v=spf1 a:{MTA} ~all"),
    }


async def test_every_source_is_allowed_and_has_the_name_that_it_greets_with(store: Store) -> None:
    settings = Settings(
        service_domain=DOMAIN,
        mx=MxSetting(source_ipv4="192.0.2.25", source_ipv6="2001:db8::25"),
        pools={
            "receipts": PoolSetting("192.0.2.26", helo=f"Receipts.{DOMAIN}"),
            "elsewhere": PoolSetting("192.0.2.27", helo="mail.example.com"),
        },
    )
    assert await of_zone(store, settings) == {
        (MTA, "A", "192.0.2.25"),
        (MTA, "AAAA", "2001:db8::25"),
        (MTA, "TXT", "v=spf1 a -all"),
        (f"receipts.{DOMAIN}", "A", "192.0.2.26"),
        (f"receipts.{DOMAIN}", "TXT", "v=spf1 a -all"),
        (DOMAIN, "MX", f"10 {MTA}"),
        (DOMAIN, "TXT", "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 ip4:192.0.2.26 ip4:192.0.2.27 ~all"),
    }


@pytest.mark.parametrize("pool", [PoolSetting("192.0.2.26"), PoolSetting("192.0.2.26", helo="mta.post.example.org")])
def test_a_pool_without_a_name_of_its_own_greets_as_all_mail_does(pool: PoolSetting) -> None:
    settings = Settings(service_domain=DOMAIN, mx=MxSetting(source_ipv4="192.0.2.25"), pools={"receipts": pool})
    assert hosts(settings) == (Host(MTA, ("192.0.2.25", "192.0.2.26")),)
