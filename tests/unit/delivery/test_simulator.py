"""The simulator's addresses."""

import pytest

from pillarbox.delivery.outcome import Delivered, Refused
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.transport.simulator import fate_of
from pillarbox.kit.ids import Scope

SCOPE = Scope("123456789012", "us-east-1")


@pytest.mark.parametrize("address", ["bounce@simulator.amazonses.com", "Bounce+order-17@Simulator.AmazonSES.com"])
def test_bounce_is_refused_as_an_unknown_user(address: str) -> None:
    assert fate_of(address) == Refused("550 5.1.1 user unknown")


def test_suppressionlist_is_refused_by_a_rule() -> None:
    assert fate_of("suppressionlist@simulator.amazonses.com") == Refused(subtype="Suppressed")


@pytest.mark.parametrize(("mailbox", "complaint"), [("success", None), ("ooto", None), ("complaint", "abuse")])
def test_the_others_are_delivered(mailbox: str, complaint: str | None) -> None:
    fate = fate_of(f"{mailbox}@simulator.amazonses.com")

    assert isinstance(fate, Delivered)
    assert fate.complaint == complaint


def test_an_unknown_address_is_refused() -> None:
    assert isinstance(fate_of("nobody@simulator.amazonses.com"), Refused)


def test_the_simulator_serves_its_domain_whatever_the_routes_say() -> None:
    routes = RouteTable([Rule("smtp")])

    assert routes(SCOPE, None, "simulator.amazonses.com")[0] == "simulator"
    assert routes(SCOPE, None, "example.net") == ("smtp", "123456789012/us-east-1/smtp")


def test_mail_without_a_route_is_captured() -> None:
    routes = RouteTable([Rule("smtp", domain="example.org"), Rule("relay", configuration_set="bulk")])

    assert routes(SCOPE, None, "example.net")[0] == "capture"
    assert routes(SCOPE, "bulk", "example.net")[0] == "relay"
    assert routes(SCOPE, None, "example.org")[0] == "smtp"
