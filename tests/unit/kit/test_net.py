"""Strangers can send us to the Internet, and nowhere else."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.net import AddressRefused, CheckedResolver, Outside, reason_to_refuse

SPECIAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.7", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.9", "203.0.113.5", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:db8::1", "3fff::1", "5f00::1",
    "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "2002:0a00:0001::1", "2002:7f00:0001::1",
]  # fmt: skip
ORDINARY = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.31.196.1", "223.255.255.1",
    "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:0808:0808::1",
]  # fmt: skip


@pytest.mark.parametrize("text", SPECIAL)
def test_special_purpose_addresses_are_refused(text: str) -> None:
    assert reason_to_refuse(ip_address(text))


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_addresses_are_not(text: str) -> None:
    assert reason_to_refuse(ip_address(text)) is None


@given(st.ip_addresses(v=4))
def test_no_spelling_of_a_refused_address_gets_through(address: object) -> None:
    inner = int(address)  # type: ignore[call-overload]
    spellings = [
        IPv6Address((0xFFFF << 32) | inner),
        IPv6Address((0x0064FF9B << 96) | inner),
        IPv6Address((0x2002 << 112) | (inner << 80)),
    ]
    verdicts = {reason_to_refuse(spelling) for spelling in spellings}
    assert verdicts == {reason_to_refuse(address)}  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_can_be_allowed_and_nothing_else_with_it(text: str) -> None:
    assert reason_to_refuse(ip_address(text), allow_loopback=True) is None
    assert reason_to_refuse(ip_address(text), allow_private=True) == "loopback"


@pytest.mark.parametrize("text", ["10.1.2.3", "172.16.9.9", "192.168.0.1", "100.64.0.1", "fd00::1"])
def test_private_addresses_can_be_allowed(text: str) -> None:
    assert reason_to_refuse(ip_address(text), allow_private=True) is None
    assert reason_to_refuse(ip_address(text), allow_loopback=True) == "private use"


@pytest.mark.parametrize("text", ["169.254.169.254", "0.0.0.0", "fe80::1", "64:ff9b::127.0.0.1", "2002:7f00:1::1"])
def test_some_addresses_cannot_be_allowed(text: str) -> None:
    assert reason_to_refuse(ip_address(text), allow_loopback=True, allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]:8025/",
        "http://[::ffff:169.254.169.254]/latest/",
        "http://user:secret@10.0.0.1/",
        "https://192.168.0.1/",
    ],
)
async def test_an_address_in_the_url_is_refused_before_anything_is_sent(url: str) -> None:
    outside = Outside()
    with pytest.raises(AddressRefused) as refused:
        await outside.request("POST", url, headers={}, timeout_seconds=1)
    assert "secret" not in str(refused.value)
    await outside.close()


async def test_a_name_that_leads_to_loopback_is_refused() -> None:
    with pytest.raises(AddressRefused, match="localhost leads to"):
        await CheckedResolver(allow_loopback=False, allow_private=False).resolve("localhost", 80)
    assert await CheckedResolver(allow_loopback=True, allow_private=False).resolve("localhost", 80)


async def test_a_request_to_a_name_that_leads_to_loopback_is_refused() -> None:
    outside = Outside()
    with pytest.raises(AddressRefused, match="loopback"):
        await outside.request("POST", "http://localhost:1/", headers={}, timeout_seconds=5)
    await outside.close()


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.", "localhost."])
async def test_other_spellings_of_loopback_are_not_reached(host: str) -> None:
    outside = Outside()
    with pytest.raises(Exception) as refused:
        await outside.request("POST", f"http://{host}:1/", headers={}, timeout_seconds=5)
    assert type(refused.value).__name__ in ("AddressRefused", "Unreachable")
    assert "refused" not in str(refused.value).lower() or isinstance(refused.value, AddressRefused)
    await outside.close()
