"""Which transport serves which mail: the first rule that fits decides."""

import pytest

from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.kit.ids import Scope

SCOPE = Scope("123456789012", "us-east-1")
OTHER = Scope("999999999999", "us-east-1")
ROUTES = RouteTable(
    [
        Rule("capture", account=OTHER.account),
        Rule("smtp", pool="bulk"),
        Rule("ses", configuration_set="letters", upstream="eu"),
        Rule("smtp", domain="inside.example"),
        Rule("mx"),
    ],
    lambda domain: f"host-of-{domain}",
)


@pytest.mark.parametrize(
    ("scope", "configuration_set", "domain", "pool", "transport", "hop"),
    [
        (OTHER, "letters", "example.net", "bulk", "capture", "capture"),
        (SCOPE, None, "example.net", "bulk", "smtp", "smtp"),
        (SCOPE, "letters", "example.net", "", "ses", "ses/eu"),
        (SCOPE, None, "inside.example", "receipts", "smtp", "smtp"),
        (SCOPE, None, "example.net", "", "mx", "mx/host-of-example.net"),
        (SCOPE, None, "example.net", "receipts", "mx:receipts", "mx:receipts/host-of-example.net"),
        (OTHER, None, "simulator.amazonses.com", "bulk", "simulator", "simulator"),
    ],
)
def test_mail_goes_by_account_set_pool_and_domain(
    scope: Scope, configuration_set: str | None, domain: str, pool: str, transport: str, hop: str
) -> None:
    assert ROUTES(scope, configuration_set, domain, pool) == (transport, f"{scope.account}/us-east-1/{hop}")


def test_mail_that_fits_no_rule_is_captured() -> None:
    assert RouteTable([Rule("mx", pool="receipts")])(SCOPE, None, "example.net")[0] == "capture"
