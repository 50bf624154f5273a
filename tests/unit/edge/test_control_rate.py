"""How often operations that send nothing may be called."""

import pytest

from pillarbox.edge.control_rate import ControlRate
from pillarbox.kit.ids import Scope
from pillarbox.sending.policy import RateExceeded

HERE, THERE = Scope("111111111111", "us-east-1"), Scope("111111111111", "eu-west-1")
NOON = 1_790_000_000_000


def test_each_operation_of_an_account_in_a_region_has_its_own_rate() -> None:
    limit = ControlRate(1.0)
    limit.check(HERE, "ses", "ListIdentities", NOON)
    with pytest.raises(RateExceeded, match="Rate exceeded"):
        limit.check(HERE, "ses", "ListIdentities", NOON + 999)
    limit.check(HERE, "ses", "ListTemplates", NOON)
    limit.check(THERE, "ses", "ListIdentities", NOON)
    limit.check(HERE, "ses", "ListIdentities", NOON + 1_000)


@pytest.mark.parametrize(("service", "operation"), [("ses", "SendRawEmail"), ("sesv2", "SendEmail"), ("sqs", "X")])
def test_sends_and_other_services_are_not_counted(service: str, operation: str) -> None:
    limit = ControlRate(1.0)
    for _ in range(5):
        limit.check(HERE, service, operation, NOON)
