"""An operation is where its name says."""

import inspect
from pathlib import Path

import pytest
from botocore import xform_name

from pillarbox.api import registry

ROOT = Path(__file__).parents[2]
HANDLERS = registry.load()
LONGEST_HANDLER = 15


@pytest.mark.parametrize(("service", "name"), sorted(HANDLERS))
def test_an_operation_is_the_function_of_its_name(service: str, name: str) -> None:
    handler = HANDLERS[service, name]
    assert handler.__module__.startswith(f"pillarbox.api.{service}.")
    assert handler.__name__ == xform_name(name)


@pytest.mark.parametrize(("service", "name"), sorted(HANDLERS))
def test_a_handler_only_translates(service: str, name: str) -> None:
    lines, _ = inspect.getsourcelines(HANDLERS[service, name])
    assert len(lines) - 1 <= LONGEST_HANDLER + 6, f"{name} has {len(lines)} lines"


@pytest.mark.parametrize(("service", "name"), sorted(HANDLERS))
def test_an_operation_has_a_contract_test(service: str, name: str) -> None:
    family = HANDLERS[service, name].__module__.rpartition(".")[2]
    tests = (ROOT / "tests" / "contract" / service / f"test_{family}.py").read_text()
    assert xform_name(name) in tests or name in tests, f"tests/contract/{service}/test_{family}.py: {name}"
