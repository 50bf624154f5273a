"""Questions to a name server that answers over real sockets."""

from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from pillarbox.kit.dns import LookupFailed, MailExchanger, NotThere, Tlsa
from tests.support.name_server import NameServer


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    async with NameServer() as zone:
        yield zone


async def test_the_strings_of_a_text_record_are_joined(zone: NameServer) -> None:
    zone.add("_amazonses.example.com", "TXT", '"one " "text"', "another")
    assert sorted(await zone.names().texts("_amazonses.example.com")) == ["another", "one text"]


async def test_a_record_too_long_for_a_datagram_is_asked_for_again_over_a_stream(zone: NameServer) -> None:
    zone.add("example.com", "TXT", "k" * 3000)
    assert await zone.names().texts("example.com") == ["k" * 3000]
    assert zone.asked["example.com", "TXT"] == 2


async def test_mail_exchangers_come_the_preferred_first_and_without_the_last_dot(zone: NameServer) -> None:
    zone.add("example.com", "MX", "20 Second.example.com.", "10 first.example.com.")
    found = await zone.names().mail_exchangers("example.com")
    assert found == [MailExchanger(10, "first.example.com"), MailExchanger(20, "second.example.com")]


async def test_a_domain_that_takes_no_mail_has_an_exchanger_without_a_name(zone: NameServer) -> None:
    zone.add("example.com", "MX", "0 .")
    assert await zone.names().mail_exchangers("example.com") == [MailExchanger(0, "")]


async def test_addresses_of_both_families_are_found_behind_an_alias(zone: NameServer) -> None:
    zone.add("www.example.com", "CNAME", "host.example.net.")
    zone.add("host.example.net", "A", "192.0.2.7")
    zone.add("host.example.net", "AAAA", "2001:db8::7")
    names = zone.names()
    assert set(await names.addresses("www.example.com")) == {ip_address("192.0.2.7"), ip_address("2001:db8::7")}
    assert await names.alias("www.example.com") == "host.example.net"


async def test_the_name_of_an_address_is_found(zone: NameServer) -> None:
    zone.add("7.2.0.192.in-addr.arpa", "PTR", "host.example.net.")
    assert await zone.names().pointer(ip_address("192.0.2.7")) == "host.example.net"


async def test_a_missing_name_is_told_from_a_missing_record(zone: NameServer) -> None:
    zone.add("example.com", "A", "192.0.2.7")
    with pytest.raises(NotThere, match=r"example\.com has no MX record") as no_record:
        await zone.names().mail_exchangers("example.com")
    with pytest.raises(NotThere, match=r"nowhere\.example does not exist") as no_name:
        await zone.names().mail_exchangers("nowhere.example")
    assert (no_record.value.name_exists, no_name.value.name_exists) == (True, False)


async def test_a_server_that_fails_is_no_answer(zone: NameServer) -> None:
    zone.add("example.com", "MX", "10 mx.example.com.")
    zone.break_("example.com")
    names = zone.names()
    with pytest.raises(LookupFailed, match=r"MX of example\.com"):
        await names.mail_exchangers("example.com")
    with pytest.raises(LookupFailed):
        await names.addresses("example.com")
    zone.mend("example.com")
    assert await names.mail_exchangers("example.com")


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "two..dots.example", "x." * 130 + "example", ""])
async def test_what_cannot_be_a_name_is_not_there(zone: NameServer, name: str) -> None:
    with pytest.raises(NotThere):
        await zone.names().texts(name)


async def test_tlsa_records_count_only_when_they_were_validated(zone: NameServer) -> None:
    record = "3 1 1 " + "ab" * 32
    zone.add("_25._tcp.mx.example.com", "TLSA", record)
    assert await zone.names().tlsa("_25._tcp.mx.example.com") == []
    async with NameServer(signed=True) as signed:
        signed.add("_25._tcp.mx.example.com", "TLSA", record)
        assert await signed.names().tlsa("_25._tcp.mx.example.com") == [Tlsa(3, 1, 1, b"\xab" * 32)]
