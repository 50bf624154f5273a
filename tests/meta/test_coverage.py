"""Every operation of the five services is done or declined with a reason, and the page says which."""

from pathlib import Path

import pytest

from pillarbox.api import registry
from pillarbox.api.coverage import page
from pillarbox.api.declined import DECLINED, decline
from pillarbox.wire.models import load

COVERAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
SERVICES = sorted(load().services)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_either_done_or_declined(service: str) -> None:
    done = {operation for owner, operation in registry.load() if owner == service}
    declined = {operation for owner, operation in DECLINED if owner == service}
    assert done & declined == set()
    assert done | declined == set(load().service(service).operations)


def test_a_reason_is_a_sentence() -> None:
    assert all(reason.endswith(".") and reason[0].isupper() for reason in DECLINED.values())


@pytest.mark.parametrize(("service", "operation"), sorted(DECLINED))
def test_a_declined_operation_says_why(service: str, operation: str) -> None:
    fault = decline(service, operation)
    assert fault.code == "UnknownOperationException"
    assert fault.query_code == "InvalidAction"
    assert operation in fault.message
    assert DECLINED[service, operation] in fault.message


def test_the_coverage_page_is_what_the_code_says() -> None:
    assert COVERAGE.read_text() == page(), "run `make docs`"
