"""Prints docs/coverage.md: what of the five services works, and what does not and why.

Pure but for the printing. Run as `python -m pillarbox.api.coverage`; a test
keeps the page true.
"""

import sys

from pillarbox.api import registry
from pillarbox.api.declined import DECLINED
from pillarbox.wire.models import load

_TITLES = {
    "ses": "Amazon SES, version 1 (`ses`)",
    "sesv2": "Amazon SES, version 2 (`sesv2`)",
    "sns": "Amazon SNS (`sns`)",
    "sqs": "Amazon SQS (`sqs`)",
    "sts": "AWS STS (`sts`)",
}
_OPENING = """# Operations

Printed by `make docs` from the code. An operation that is not supported answers `InvalidAction` (query
protocol) or `UnknownOperationException` (JSON) with the reason given here. A member of a request that is not
supported is accepted at AWS's default value and refused by name at any other.
"""


def page() -> str:
    """Return docs/coverage.md."""
    return "\n".join([_OPENING, _summary(), *(_section(service) for service in _TITLES)])


def _summary() -> str:
    rows = [f"| {service} | {len(_done(service))} | {len(load().service(service).operations)} |" for service in _TITLES]
    return "\n".join(["| service | supported | of |", "| --- | ---: | ---: |", *rows]) + "\n"


def _section(service: str) -> str:
    done = ", ".join(f"`{operation}`" for operation in _done(service))
    lines = [f"## {_TITLES[service]}\n", f"Supported: {done}."]
    by_reason: dict[str, list[str]] = {}
    for (owner, operation), reason in DECLINED.items():
        if owner == service:
            by_reason.setdefault(reason, []).append(f"`{operation}`")
    if by_reason:
        lines += ["\n| not supported | why |", "| --- | --- |"]
    lines += [f"| {', '.join(sorted(operations))} | {reason} |" for reason, operations in by_reason.items()]
    return "\n".join(lines) + "\n"


def _done(service: str) -> list[str]:
    return sorted(operation for owner, operation in registry.load() if owner == service)


if __name__ == "__main__":
    sys.stdout.write(page())
