"""Which notifications a filter policy lets pass.

Pure. Called by filters.py for each notification and subscription. Keys of a
policy are all to be met, one of each key's conditions is enough.
https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import json
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from pillarbox.pubsub.filter_language import COMPARISONS, Policy, is_number, is_or

_ABSENT: list[Any] = []  # the values of a key that is not there


def meets(policy: Policy, present: Mapping[str, Any]) -> bool:
    """Say whether what is present, by key, has all that a checked policy asks for."""
    return all(
        any(meets(alternative, present) for alternative in wanted)
        if key == "$or" and is_or(wanted)
        else _meets_key(wanted, present.get(key, _ABSENT))
        for key, wanted in policy.items()
    )


def _meets_key(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, dict):
        # Below an array, one of its objects has to meet all of what is nested.
        return any(meets(wanted, inside) for inside in _objects(value))
    values = _leaves(value)
    return any(_meets_condition(condition, values) for condition in wanted)


def _meets_condition(condition: Any, values: list[Any]) -> bool:
    if not isinstance(condition, dict):
        # AWS lets null stand for a key that is not there, too.
        return any(_same(condition, value) for value in values) or (condition is None and not values)
    ((operator, operand),) = condition.items()
    if operator == "exists":
        return (len(values) > 0) is operand
    matches = _MATCHES[operator]
    return any(matches(operand, value) for value in values)


def _is_anything_but(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        ((name, patterns),) = operand.items()
        return not any(
            _MATCHES[name](pattern, value) for pattern in (patterns if isinstance(patterns, list) else [patterns])
        )
    unwanted = operand if isinstance(operand, list) else [operand]
    return not any(_same(one, value) for one in unwanted)


def _fits_wildcard(pattern: str, text: str) -> bool:
    """Say whether a text is what stands between the asterisks, in that order, and anything where they are."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or end < len(first):
        return False
    at = len(first)
    for part in middle:  # the first place is as good as any: what follows has the most room then
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _is_in_range(operand: Any, value: Any) -> bool:
    return is_number(value) and all(
        COMPARISONS[operand[place]](value, operand[place + 1]) for place in range(0, len(operand), 2)
    )


def _is_in_network(operand: str, value: Any) -> bool:
    try:
        return ip_address(value) in ip_network(operand, strict=False)
    except ValueError:
        return False


def values_of(attribute: Mapping[str, str]) -> Any:
    """Return what a message attribute is compared by; binary ones are passed over."""
    kind, value = attribute["Type"], attribute["Value"]
    if kind.startswith("Binary"):
        return _ABSENT
    try:
        if kind.startswith("Number"):
            return float(value)
        if kind == "String.Array":
            listed = json.loads(value)
            return listed if isinstance(listed, list) else value
    except (ValueError, RecursionError):
        return value
    return value


def _same(wanted: Any, value: Any) -> bool:
    if is_number(wanted):
        return is_number(value) and wanted == value
    return type(wanted) is type(value) and bool(wanted == value)


def _leaves(value: Any) -> list[Any]:
    """Return the plain values of a key; arrays are looked into, objects are not values."""
    if isinstance(value, list):
        return [leaf for inside in value for leaf in _leaves(inside)]
    return [] if isinstance(value, dict) else [value]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, list) and value:
        return [found for inside in value for found in _objects(inside)]
    return [value if isinstance(value, dict) else {}]


_MATCHES: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda operand, value: isinstance(value, str) and value.startswith(operand),
    "suffix": lambda operand, value: isinstance(value, str) and value.endswith(operand),
    "equals-ignore-case": lambda operand, value: isinstance(value, str) and value.lower() == operand.lower(),
    "wildcard": lambda operand, value: isinstance(value, str) and _fits_wildcard(operand, value),
    "anything-but": _is_anything_but,
    "numeric": _is_in_range,
    "cidr": lambda operand, value: isinstance(value, str) and _is_in_network(operand, value),
}
