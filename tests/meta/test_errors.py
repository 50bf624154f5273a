"""Each error that the model of a supported operation knows is shown by a test, or cannot happen, for a reason."""

import re
from functools import cache
from pathlib import Path

import pytest
from botocore.session import get_session

from pillarbox.api import registry
from tests.contract.sns import test_errors as sns_errors
from tests.contract.sqs import test_errors as sqs_errors
from tests.support.modelled import Case

TESTS = Path(__file__).parents[1]
LIST = Path(__file__).parent / "errors.txt"
TABLES: dict[str, list[Case]] = {"sns": sns_errors.CASES, "sqs": sqs_errors.CASES}
HANDLERS = {key: handler for key, handler in registry.load().items() if key[0] in ("ses", "sesv2", *TABLES)}


@cache
def errors_of(service: str, operation: str) -> dict[str, str]:
    """Return the error shapes of an operation with their codes on the wire."""
    shapes = get_session().get_service_model(service).operation_model(operation).error_shapes
    return {shape.name: shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


@cache
def text_of(path: Path) -> str:
    return path.read_text()


def excused() -> dict[tuple[str, str, str], str]:
    """Return the reasons of errors.txt, by service, operation (or `*`) and error."""
    lines = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    return {tuple(head.split()): why.strip() for head, _, why in (line.partition(":") for line in lines)}  # type: ignore[misc]


def unshown(service: str, operation: str) -> list[str]:
    if service in TABLES:  # there every error is shown for each operation
        shown = {case.error for case in TABLES[service] if case.operation == operation}
        return [shape for shape in errors_of(service, operation) if shape not in shown]
    family = HANDLERS[service, operation].__module__.rpartition(".")[2]
    text = text_of(TESTS / "contract" / service / f"test_{family}.py")
    found = errors_of(service, operation).items()
    return [shape for shape, code in found if not re.search(rf"\b({re.escape(code)}|{shape})\b", text)]


@pytest.mark.parametrize(("service", "operation"), sorted(HANDLERS))
def test_every_modelled_error_is_shown_or_excused(service: str, operation: str) -> None:
    reasons = excused()
    missing = [
        error
        for error in unshown(service, operation)
        if not reasons.get((service, operation, error)) and not reasons.get((service, "*", error))
    ]
    assert not missing, f"{service} {operation}: no contract test shows {missing}"


@pytest.mark.parametrize("entry", sorted(excused()), ids=" ".join)
def test_nothing_is_excused_that_is_shown_or_unknown(entry: tuple[str, str, str]) -> None:
    service, operation, error = entry
    operations = [name for of, name in HANDLERS if of == service and operation in ("*", name)]
    assert any(error in unshown(service, name) for name in operations)
