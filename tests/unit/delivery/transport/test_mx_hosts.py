"""Which hosts of a domain are tried, and in which order."""

import random
from ipaddress import ip_address
from typing import Any

import pytest

from pillarbox.delivery.transport.mx_hosts import Bounds, Exchanger, NoWay, Target, Unwell, choose
from pillarbox.kit.dns import LookupFailed, NotThere
from pillarbox.kit.net import reason_to_refuse

DOMAIN = "example.net"
FAILED = LookupFailed("A of mx.example.net: no answer")
MISSING = NotThere("mx.example.net has no A record", name_exists=True)


def host(preference: int, name: str, *addresses: str) -> Exchanger:
    return Exchanger(preference, name, tuple(ip_address(address) for address in addresses))


def bounds(*own: str, families: Any = (4, 6)) -> Bounds:
    return Bounds(frozenset(own), reason_to_refuse, families)


def names(targets: list[Target]) -> list[str]:
    return [target.host for target in targets]


def chosen(*exchangers: Exchanger, within: Bounds | None = None, seed: int = 0) -> list[Target]:
    return choose(DOMAIN, exchangers, within or bounds(), random.Random(seed))


def test_preferred_hosts_come_first_and_equal_ones_in_any_order() -> None:
    four = [host(20, "c", "8.8.4.4"), host(10, "a", "8.8.8.8"), host(10, "b", "1.1.1.1"), host(30, "d", "9.9.9.9")]

    orders = {tuple(names(chosen(*four, seed=seed))) for seed in range(50)}

    assert orders == {("a", "b", "c", "d"), ("b", "a", "c", "d")}


def test_the_addresses_of_a_host_alternate_between_the_families() -> None:
    (target,) = chosen(host(10, "a", "2606::1", "2606::2", "2606::3", "8.8.8.8"))

    assert [address.version for address in target.addresses] == [6, 4, 6, 6]


def test_a_host_with_very_many_addresses_is_not_tried_at_all_of_them() -> None:
    (target,) = chosen(host(10, "a", *(f"8.8.8.{last}" for last in range(1, 200))))

    assert len(target.addresses) == 10


@pytest.mark.parametrize("own", ["ours.example.org", "8.8.4.4"])
def test_hosts_that_are_not_preferred_to_ours_are_left_out(own: str) -> None:
    hosts = [host(10, "a", "8.8.8.8"), host(20, "ours.example.org", "8.8.4.4"), host(20, "b", "1.1.1.1")]

    assert names(chosen(*hosts, within=bounds(own))) == ["a"]
    with pytest.raises(NoWay, match=r"^554 5\.4\.6 "):
        chosen(*hosts[1:], within=bounds(own))


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_addresses_of_special_purpose_are_never_tried(address: str) -> None:
    assert chosen(host(10, "a", address, "8.8.8.8")) == [Target("a", (ip_address("8.8.8.8"),))]
    with pytest.raises(NoWay, match=r"^550 5\.4\.4 a leads to .* where this server does not go$"):
        chosen(host(10, "a", address))


def test_a_host_that_cannot_be_looked_up_is_left_out_while_there_is_another() -> None:
    assert names(chosen(Exchanger(10, "a", FAILED), host(20, "b", "8.8.8.8"))) == ["b"]
    with pytest.raises(LookupFailed):
        chosen(Exchanger(10, "a", FAILED), Exchanger(20, "b", MISSING), host(30, "c", "10.0.0.1"))


def test_hosts_without_addresses_end_the_mail() -> None:
    with pytest.raises(NoWay, match=r"^550 5\.4\.4 no mail server of example\.net has an address"):
        chosen(Exchanger(10, "a", MISSING))


def test_a_family_that_is_switched_off_is_not_tried() -> None:
    both = host(10, "a", "2606::1", "8.8.8.8")

    assert chosen(both, within=bounds(families={4})) == [Target("a", (ip_address("8.8.8.8"),))]
    with pytest.raises(NoWay, match=r"^550 5\.4\.4 "):
        chosen(host(10, "a", "2606::1"), within=bounds(families={4}))


def test_an_address_that_is_unwell_comes_last_until_it_is_well_or_ten_minutes_are_over() -> None:
    first, second = ip_address("8.8.8.8"), ip_address("8.8.4.4")
    targets, unwell = [Target("a", (first,)), Target("b", (second,))], Unwell()

    unwell.add(first, 0.0)
    assert unwell.in_turn(targets, 599.0) == [("b", second), ("a", first)]
    assert unwell.in_turn(targets, 600.0) == [("a", first), ("b", second)]

    unwell.add(first, 700.0)
    unwell.remove(first)
    assert unwell.in_turn(targets, 700.0) == [("a", first), ("b", second)]
