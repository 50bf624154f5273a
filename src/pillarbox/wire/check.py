"""Refuse parameters that break the model's constraints, in the words of each service.

Pure. Called by edge/gateway.py between parse and the handler, which therefore
never checks what the model says.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pillarbox.wire.faults import Fault
from pillarbox.wire.route import Routed
from pillarbox.wire.rules import NOT_NULL, Path, Violation

MOST_REPORTED = 50
LONGEST_VALUE = 1_024


def check(routed: Routed, params: Mapping[str, Any]) -> None:
    """Raise the service's own fault when `params` break a constraint; the first 50 are named."""
    violations = routed.operation.violations(params)
    if violations:
        raise _STYLES[routed.service.name](violations)


def _validation_error(violations: list[Violation]) -> Fault:
    return Fault("ValidationError", _detected(violations))


def _bad_request(violations: list[Violation]) -> Fault:
    return Fault("BadRequestException", _detected(violations))


def _sqs(violations: list[Violation]) -> Fault:
    """SQS names the first failure only, by the parameter's name in its query protocol."""
    first = violations[0]
    name = _dotted(first.path, "")
    if first.constraint == NOT_NULL:
        return Fault(
            "MissingRequiredParameterException",
            f"The request must contain the parameter {name}.",
            query_code="MissingParameter",
        )
    return Fault(
        "InvalidParameterValueException",
        f"Value {_shown(first)} for parameter {name} is invalid. Reason: {first.constraint}.",
        query_code="InvalidParameterValue",
    )


# service -> its way to say what is wrong; the first three are AWS's common framework
_STYLES: dict[str, Callable[[list[Violation]], Fault]] = {
    "ses": _validation_error,
    "sns": _validation_error,
    "sts": _validation_error,
    "sesv2": _bad_request,
    "sqs": _sqs,
}


def _detected(violations: list[Violation]) -> str:
    count = len(violations)
    said = "; ".join(
        f"Value{_quoted(violation)} at '{_dotted(violation.path, '.member')}' "
        f"failed to satisfy constraint: {violation.constraint}"
        for violation in violations[:MOST_REPORTED]
    )
    return f"{count} validation error{'s' if count > 1 else ''} detected: {said}"


def _quoted(violation: Violation) -> str:
    if violation.sensitive:
        return ""
    return " null" if violation.value is None else f" '{_shown(violation)}'"


def _shown(violation: Violation) -> str:
    text = _plain(violation.value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "..."


def _plain(value: Any) -> str:
    """Write a value the way the JVM prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_plain(element)}" for key, element in value.items()) + "}"
    return str(value)


def _dotted(path: Path, after_index: str) -> str:
    """Spell a path as `tags.1.member.name`; indexes count from one."""
    steps: list[str] = []
    while path:
        path, step = path
        steps.append(f"{step + 1}{after_index}" if isinstance(step, int) else step)
    return ".".join(reversed(steps))
