"""What is demanded of a connection, by what the domain and the sender ask for."""

import pytest

from pillarbox.delivery.transport.mta_sts import Policy
from pillarbox.delivery.transport.mx_tls import Demand, demand
from pillarbox.delivery.transport.smtp_dial import Broken
from pillarbox.kit.dns import Tlsa

HOST, DOMAIN = "mx.example.net", "example.net"
GOOD = Tlsa(3, 1, 1, bytes(32))
UNUSABLE = Tlsa(0, 0, 1, bytes(32))


def policy(mode: str, *mx: str) -> Policy:
    return Policy(mode, mx or (HOST,), 86_400)


def test_nothing_is_demanded_when_nobody_asks() -> None:
    assert demand(HOST, DOMAIN, None, [], encrypted=False) == Demand()
    assert demand(HOST, DOMAIN, policy("testing", "other.example.net"), [], encrypted=False) == Demand()


def test_a_sender_who_requires_tls_gets_it_with_any_certificate() -> None:
    assert demand(HOST, DOMAIN, None, [], encrypted=True) == Demand(encrypted=True)


def test_an_enforced_policy_demands_a_certificate_for_a_name_that_it_knows() -> None:
    assert demand(HOST, DOMAIN, policy("enforce"), [], encrypted=False) == Demand(encrypted=True, by_name=True)
    with pytest.raises(Broken, match="is not a mail server of"):
        demand(HOST, DOMAIN, policy("enforce", "other.example.net"), [], encrypted=False)


def test_dane_decides_about_the_certificate_where_both_are_published() -> None:
    proven = Demand(encrypted=True, tlsa=(GOOD,), names=(HOST, DOMAIN))

    assert demand(HOST, DOMAIN, None, [GOOD, UNUSABLE], encrypted=False) == proven
    assert demand(HOST, DOMAIN, policy("enforce"), [GOOD], encrypted=False) == proven
    with pytest.raises(Broken):
        demand(HOST, DOMAIN, policy("enforce", "other.example.net"), [GOOD], encrypted=False)


def test_records_that_cannot_be_used_still_demand_encryption() -> None:
    assert demand(HOST, DOMAIN, None, [UNUSABLE], encrypted=False) == Demand(encrypted=True)


def test_records_that_cannot_be_used_do_not_set_a_policy_aside() -> None:
    asked = demand(HOST, DOMAIN, policy("enforce"), [UNUSABLE], encrypted=False)

    assert asked == Demand(encrypted=True, by_name=True)
