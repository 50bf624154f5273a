"""The words of filter policies, and the form in which they are read.

Pure. Called by filter_rules.py and filter_matching.py, which must mean the same
by them, and by filters.py.
https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pillarbox.pubsub.refusals import InvalidParameter

MESSAGE_ATTRIBUTES = "MessageAttributes"
MESSAGE_BODY = "MessageBody"

Policy = Mapping[str, Any]

# With these names an `$or` is an ordinary key, not the operator.
# https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html
_RESERVED = frozenset({
    "anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard",
})  # fmt: skip

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def parse(text: str) -> Policy:
    """Read a policy, or refuse what is none."""
    try:
        policy = json.loads(text or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise wrong("failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise wrong("Filter is not an object")
    return policy


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def nested(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members with dots in their names as what they are the short form of: `a.b` is b inside a."""
    spread: dict[str, Any] = {}
    for name, value in members.items():
        inner = _nested_value(value)
        first, *rest = name.split(".") if name.strip(".") else [name]
        for part in reversed(rest):
            inner = {part: inner}
        before = spread.get(first)
        spread[first] = {**before, **inner} if isinstance(before, dict) and isinstance(inner, dict) else inner
    return spread


def _nested_value(value: Any) -> Any:
    if isinstance(value, dict):
        return nested(value)
    return [_nested_value(inside) for inside in value] if isinstance(value, list) else value


def is_or(value: Any) -> bool:
    """Say whether what stands under `$or` are alternatives."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(one, dict) and one and not _RESERVED & one.keys() for one in value)
    )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def wrong(reason: str) -> InvalidParameter:
    return InvalidParameter(f"FilterPolicy: {reason}")
