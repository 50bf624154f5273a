"""A domain from the first search of its records to their loss, as time goes by."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from pillarbox.kit.clock import DAY, HOUR, MINUTE, SECOND
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys, dkim_rotation, identities, identity_dkim, identity_dns, identity_mail_from
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.resources.identities import Identity
from pillarbox.resources.identity_dkim import Asked
from pillarbox.resources.identity_dns import Site, Wanted
from pillarbox.store.engine import Store
from pillarbox.upkeep.identity_checks import IdentityChecks
from pillarbox.upkeep.runner import Runner
from tests.support.clock import StandingClock
from tests.support.name_server import NameServer

HERE = Scope("111111111111", "eu-west-1")
KEYRING = Keyring({"1": bytes(32)})
SERVICE = "post.example.org"
LOCAL = "pillarbox.localhost"
DOMAIN = "example.com"


@dataclass
class Town:
    """A store, the DNS, and two processes that look after identities."""

    store: Store
    zone: NameServer
    clock: StandingClock
    service_domain: str = SERVICE

    def __post_init__(self) -> None:
        self.first, self.second = self.process(), self.process()

    def process(self) -> Runner:
        checks = IdentityChecks(self.store, self.zone.names(timeout_seconds=2), KEYRING, self.service_domain)
        return Runner(self.store, checks, self.clock)

    async def verify_domain(self) -> Identity:
        return await self.store.write(identities.verify_domain, HERE, DOMAIN, self.clock.at, False)

    async def verify_dkim(self, *, bits: int = 1024) -> Identity:
        asked = Asked(dkim_keys.seal(HERE, DOMAIN, dkim_keys.make_rsa(bits), KEYRING), at_once=False)
        return await self.store.write(identity_dkim.verify_domain_dkim, HERE, DOMAIN, asked, self.clock.at)

    async def identity(self) -> Identity:
        return await self.store.read(identities.existing, HERE, DOMAIN)

    async def keys(self) -> list[StoredKey]:
        return await self.store.read(dkim_keys.of_domain, HERE, DOMAIN)

    async def signing(self) -> list[str]:
        return [key.selector for key in await self.store.read(dkim_keys.signing_keys, HERE, f"jo@{DOMAIN}")]

    async def wanted(self, *purposes: str) -> list[Wanted]:
        asked = identity_dns.wanted_by(await self.identity(), await self.keys(), Site(self.service_domain, HERE.region))
        return [one for one in asked if one.purpose in purposes]

    async def publish(self, *purposes: str) -> None:
        for one in await self.wanted(*purposes):
            self.zone.add(one.name, one.type, one.value if one.type == "TXT" else f"{one.value}.")

    async def withdraw(self, *purposes: str) -> None:
        for one in await self.wanted(*purposes):
            self.zone.remove(one.name, one.type)

    async def after(self, milliseconds: int) -> Identity:
        """Let time pass, with every look that falls into it."""
        end = self.clock.at + milliseconds
        while (at := (await self.identity()).look_at) is not None and at <= end:
            self.clock.at = max(at, self.clock.at)
            assert await self.first.step()
        self.clock.at = end
        return await self.identity()


@pytest.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    async with NameServer() as zone:
        yield Town(store, zone, StandingClock())


async def test_a_token_that_is_published_verifies_the_domain(town: Town) -> None:
    await town.verify_domain()
    found = await town.after(MINUTE)
    assert (found.status, found.verification.error) == ("Pending", "HOST_NOT_FOUND")

    await town.publish("ownership")

    found = await town.after(MINUTE)
    assert (found.status, found.verified_by, found.verification.error) == ("Success", "dns", "")
    assert await town.signing() == []


async def test_three_aliases_verify_the_domain_and_its_mail_is_signed(town: Town) -> None:
    tokens = (await town.verify_dkim()).dkim.tokens
    aliases = await town.wanted("dkim")
    assert [(one.name, one.type, one.value) for one in aliases] == [
        (f"{token}._domainkey.{DOMAIN}", "CNAME", f"{token}.dkim.{SERVICE}") for token in tokens
    ]
    for one in aliases[:2]:
        town.zone.add(one.name, one.type, one.value + ".")
    found = await town.after(MINUTE)
    assert (found.dkim.verification.status, found.dkim.verification.error) == ("Pending", "HOST_NOT_FOUND")
    assert await town.signing() == []

    town.zone.add(aliases[2].name, "CNAME", aliases[2].value.upper() + ".")

    found = await town.after(MINUTE)
    assert (found.dkim.verification.status, found.status, found.verified_by) == ("Success", "Success", "dns")
    assert await town.signing() == tokens[:1]


async def test_without_a_service_domain_the_key_itself_is_published(town: Town) -> None:
    town = Town(town.store, town.zone, town.clock, LOCAL)
    await town.verify_dkim()
    (wanted,) = await town.wanted("dkim")
    assert (wanted.type, wanted.value[:17]) == ("TXT", "v=DKIM1; k=rsa; p")
    town.zone.add(wanted.name, "TXT", wanted.value.replace("v=DKIM1; k=rsa; p=", "p = "))
    found = await town.after(0)
    assert (found.status, found.dkim.verification.status) == ("Success", "Success")


async def test_another_key_than_ours_is_not_ours(town: Town) -> None:
    town = Town(town.store, town.zone, town.clock, LOCAL)
    await town.verify_dkim()
    (wanted,) = await town.wanted("dkim")
    town.zone.add(wanted.name, "TXT", "v=DKIM1; k=rsa; p=AAAA")
    found = await town.after(0)
    assert (found.dkim.verification.status, found.dkim.verification.error) == ("Pending", "INVALID_VALUE")


async def test_a_search_is_given_up_after_72_hours_and_begins_again_when_asked_for(town: Town) -> None:
    await town.verify_dkim()
    assert (await town.after(71 * HOUR)).status == "Pending"

    found = await town.after(2 * HOUR)

    assert (found.status, found.dkim.verification.status, found.look_at) == ("Failed", "Failed", None)
    await town.publish("dkim")
    assert (await town.after(DAY)).status == "Failed"
    await town.verify_dkim()
    found = await town.after(0)
    assert (found.status, found.dkim.verification.status) == ("Success", "Success")


async def test_a_search_looks_often_at_first_and_less_and_less(town: Town) -> None:
    await town.verify_domain()
    gaps = []
    while (identity := await town.identity()).look_at is not None:
        gaps.append(identity.look_at - town.clock.at)
        await town.after(identity.look_at - town.clock.at)
    assert gaps[:3] == [0, 10 * SECOND, 10 * SECOND]
    assert max(gaps) == HOUR and gaps == sorted(gaps)


async def test_what_is_lost_still_holds_for_72_hours_and_then_fails(town: Town) -> None:
    await town.verify_dkim()
    await town.publish("dkim")
    assert (await town.after(10 * DAY)).status == "Success"
    await town.withdraw("dkim")

    found = await town.after(DAY)
    assert (found.status, found.dkim.verification.status, found.verified) == (
        "TemporaryFailure",
        "TemporaryFailure",
        True,
    )
    assert len(await town.signing()) == 1

    found = await town.after(4 * DAY)
    assert (found.status, found.dkim.verification.status, found.verified) == ("Failed", "Failed", False)
    assert await town.signing() == []


async def test_what_comes_back_in_time_is_as_if_it_had_never_gone(town: Town) -> None:
    await town.verify_domain()
    await town.publish("ownership")
    await town.after(0)
    await town.withdraw("ownership")
    assert (await town.after(2 * DAY)).status == "TemporaryFailure"
    await town.publish("ownership")
    assert (await town.after(HOUR)).status == "Success"


async def test_name_servers_that_do_not_answer_take_nothing_away_for_two_days(town: Town) -> None:
    await town.verify_domain()
    await town.publish("ownership")
    await town.after(0)
    town.zone.break_(f"_amazonses.{DOMAIN}")

    found = await town.after(DAY)
    assert (found.status, found.verification.error) == ("Success", "DNS_SERVER_ERROR")
    found = await town.after(7 * DAY)
    assert (found.status, found.verified) == ("TemporaryFailure", True)  # nobody has said that it is gone

    town.zone.mend(f"_amazonses.{DOMAIN}")
    assert (await town.after(HOUR)).status == "Success"


async def test_the_word_of_the_operator_is_not_taken_back_by_the_dns(town: Town) -> None:
    await town.store.write(identities.vouch, HERE, DOMAIN, town.clock.at)
    await town.verify_dkim()
    found = await town.after(5 * DAY)
    assert (found.status, found.dkim.verification.status) == ("Success", "Failed")


async def test_a_mail_from_domain_is_verified_by_its_exchanger(town: Town) -> None:
    await town.store.write(identities.vouch, HERE, DOMAIN, town.clock.at)
    asked = identity_mail_from.Asked(f"bounce.{DOMAIN}", None, SERVICE, False)
    await town.store.write(identity_mail_from.set_domain, HERE, DOMAIN, asked, town.clock.at)
    (exchanger,) = await town.wanted("mail from")
    assert exchanger.value == f"10 feedback-smtp.eu-west-1.{SERVICE}"
    await town.publish("mail from")
    town.zone.add(f"bounce.{DOMAIN}", "MX", "20 elsewhere.example.")
    await town.after(0)
    mail_from = await town.store.read(identity_mail_from.of_sender, HERE, f"jo@{DOMAIN}")
    assert mail_from is not None
    assert (mail_from.verification.status, mail_from.verification.error) == ("Pending", "INVALID_VALUE")

    town.zone.remove(f"bounce.{DOMAIN}", "MX")
    await town.publish("mail from")
    await town.after(MINUTE)

    mail_from = await town.store.read(identity_mail_from.of_sender, HERE, f"jo@news.{DOMAIN}")
    assert mail_from is not None
    assert (mail_from.domain, mail_from.verification.status) == (f"bounce.{DOMAIN}", "Success")


async def test_two_processes_do_not_double_the_work(town: Town) -> None:
    await town.verify_domain()
    assert [await town.first.step(), await town.second.step()] == [True, False]
    assert town.zone.asked[f"_amazonses.{DOMAIN}", "TXT"] == 1

    town.clock.at += 11 * SECOND
    assert not await town.second.step()  # the first may be working still
    town.clock.at += MINUTE  # it has died
    assert await town.second.step()
    assert not await town.first.step()
    assert town.zone.asked[f"_amazonses.{DOMAIN}", "TXT"] == 2


async def test_a_key_is_turned_over_once_the_next_one_has_been_seen(town: Town) -> None:
    tokens = (await town.verify_dkim()).dkim.tokens
    await town.publish("dkim")
    await town.after(HOUR)
    assert await town.signing() == tokens[:1]

    await town.after(dkim_rotation.TURNED_OVER_AFTER + DAY)
    assert [(key.selector, key.state) for key in sorted(await town.keys(), key=lambda key: key.made_at)] == [
        (tokens[0], "active"),
        (tokens[1], "next"),
    ]
    await town.after(30 * DAY)
    assert await town.signing() == tokens[:1]  # nobody could verify by a key that is not published

    (key,) = [key for key in await town.keys() if key.state == "next"]
    town.zone.add(f"{tokens[1]}.dkim.{SERVICE}", "TXT", key.record)
    await town.after(DAY)
    assert await town.signing() == tokens[:1]  # some resolvers still remember that there was none
    found = await town.after(3 * DAY)
    assert await town.signing() == tokens[1:2]
    assert found.dkim.key_made_at == key.made_at
    assert len(await town.keys()) == 2  # mail that the old one signed is under way

    await town.after(9 * DAY)
    assert [key.selector for key in await town.keys()] == tokens[1:2]
    assert (await town.identity()).dkim.verification.status == "Success"


async def test_a_key_of_another_length_is_made_when_asked_for(town: Town) -> None:
    await town.verify_dkim(bits=1024)
    await town.publish("dkim")
    await town.after(2 * DAY)
    asked = Asked(dkim_keys.seal(HERE, DOMAIN, dkim_keys.make_rsa(1024), KEYRING), at_once=False)
    await town.store.write(identity_dkim.set_signing, HERE, DOMAIN, asked, "RSA_2048_BIT", town.clock.at)
    await town.after(0)
    assert sorted((key.bits, key.state) for key in await town.keys()) == [(1024, "active"), (2048, "next")]


@pytest.mark.parametrize("service_domain", [SERVICE, LOCAL])
async def test_an_ed25519_key_signs_beside_the_first_while_its_record_is_there(town: Town, service_domain: str) -> None:
    town = Town(town.store, town.zone, town.clock, service_domain)
    await town.verify_dkim()
    await town.publish("dkim")
    await town.after(MINUTE)
    sealed = dkim_keys.seal(HERE, DOMAIN, dkim_keys.make_ed25519(), KEYRING)
    key = await town.store.write(identity_dkim.add_ed25519, HERE, DOMAIN, sealed, False, town.clock.at)
    again = await town.store.write(identity_dkim.add_ed25519, HERE, DOMAIN, sealed, False, town.clock.at)
    assert again == key
    await town.after(MINUTE)
    assert len(await town.signing()) == 1

    await town.publish("second dkim key")
    found = await town.after(DAY)
    assert (len(await town.signing()), found.dkim.verification.status) == (2, "Success")
    assert key.selector in await town.signing()

    town.zone.break_(key.record_name)
    await town.after(DAY)
    assert len(await town.signing()) == 2
    town.zone.mend(key.record_name)
    await town.withdraw("second dkim key")
    found = await town.after(DAY)
    assert (len(await town.signing()), found.dkim.verification.status) == (1, "Success")
