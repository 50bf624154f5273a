"""What a filter policy may be: its operators with what they take, and how large it may grow.

Pure. Called by filters.py when a policy is set.
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

import json
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

from pillarbox.pubsub.filter_language import COMPARISONS, MESSAGE_ATTRIBUTES, Policy, is_number, is_or, parse, wrong
from pillarbox.pubsub.refusals import InvalidParameter

_LONGEST = 256 * 1024
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_MOST_NUMBER = 1e9


def check(text: str, scope: str) -> None:
    """Refuse a policy that is malformed or too large."""
    if len(text.encode()) > _LONGEST:
        raise wrong("Filter policy is too long")
    policy = parse(text)
    _check_object(policy, scope, depth=1)
    if _keys(policy) > _MOST_KEYS:
        raise wrong(f"Filter policy can not have more than {_MOST_KEYS} keys")
    if _combinations(policy, 1) > _MOST_COMBINATIONS:
        raise wrong("Filter policy is too complex")


def _check_object(policy: Policy, scope: str, depth: int) -> None:
    if depth > _MOST_COMBINATIONS:  # each level counts into the product
        raise wrong("Filter policy is too complex")
    for key, value in policy.items():
        if key == "$or" and is_or(value):
            for alternative in value:
                _check_object(alternative, scope, depth)
        elif isinstance(value, dict):
            if scope == MESSAGE_ATTRIBUTES:
                raise InvalidParameter(f"Filter policy scope {scope} does not support nested filter policy")
            if not value:
                raise wrong("Empty objects are not allowed")
            _check_object(value, scope, depth + 1)
        elif isinstance(value, list):
            if not value:
                raise wrong("Empty arrays are not allowed")
            for condition in value:
                _check_condition(condition)
        else:
            raise wrong(f'"{key}" must be an object or an array')


def _check_condition(condition: Any) -> None:
    if isinstance(condition, list):
        raise wrong("Match value must be String, number, true, false, or null")
    if not isinstance(condition, dict):
        _check_number(condition)
        return
    if len(condition) != 1:
        raise wrong("Only one key allowed in match expression")
    ((operator, operand),) = condition.items()
    if operator not in _CHECKS:
        raise wrong(f"Unrecognized match type {operator}")
    _CHECKS[operator](operator, operand)


def _check_text(operator: str, operand: Any) -> None:
    if not isinstance(operand, str):
        raise wrong(f"{operator} match pattern must be a string")


def _check_exists(_operator: str, operand: Any) -> None:
    if not isinstance(operand, bool):
        raise wrong("exists match pattern must be either true or false.")


def _check_cidr(operator: str, operand: Any) -> None:
    _check_text(operator, operand)
    try:
        if "/" not in operand:
            raise ValueError
        ip_network(operand, strict=False)
    except ValueError:
        raise wrong(f"Malformed CIDR: {operand}") from None


def _check_wildcard(operator: str, operand: Any) -> None:
    _check_text(operator, operand)
    if "**" in operand:
        raise wrong("Consecutive wildcard characters are not allowed")


def _check_anything_but(_operator: str, operand: Any) -> None:
    if isinstance(operand, dict):
        _check_no_pattern(operand)
        return
    values = operand if isinstance(operand, list) else [operand]
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if is_number(value)]
    if not values or len(texts) + len(numbers) < len(values):
        raise wrong("Value of anything-but must be an array or single string/number value.")
    if texts and numbers:
        raise wrong("Inside anything but list, either all values are number or string, mixed type is not supported")
    for number in numbers:
        _check_number(number)


def _check_no_pattern(operand: Mapping[str, Any]) -> None:
    """Refuse what stands under anything-but when it is not one pattern on text, or a list of such patterns."""
    if len(operand) != 1:
        raise wrong("Value of anything-but must be an array or single string/number value.")
    ((name, patterns),) = operand.items()
    if name not in _NEGATED:
        raise wrong(f"Unsupported anything-but pattern: {name}")
    for pattern in patterns if isinstance(patterns, list) and patterns else [patterns]:
        _CHECKS[name](name, pattern)


def _check_numeric(_operator: str, operand: Any) -> None:
    terms = operand if isinstance(operand, list) else [operand]
    if not terms or not isinstance(terms[0], str):
        raise wrong(f"Invalid member in numeric match: {json.dumps(terms[0]) if terms else ']'}")
    first = terms[0]
    if first not in COMPARISONS:
        raise wrong(f"Unrecognized numeric range operator: {first}")
    bottom = _number_after("equals" if first == "=" else first, terms, 1)
    if len(terms) == 2:
        return
    if first not in (">", ">="):
        raise wrong("Too many elements in numeric expression")
    second = terms[2]
    if not isinstance(second, str):
        raise wrong(f"Bad value in numeric range: {json.dumps(second)}")
    if second not in ("<", "<="):
        raise wrong(f"Bad numeric range operator: {second}")
    if _number_after(second, terms, 3) <= bottom:
        raise wrong("Bottom must be less than top")
    if len(terms) > 4:
        raise wrong("Too many terms in numeric range expression")


def _number_after(operator: str, terms: list[Any], place: int) -> float:
    if len(terms) <= place or not is_number(terms[place]):
        raise wrong(f"Value of {operator} must be numeric")
    _check_number(terms[place])
    return float(terms[place])


def _check_number(value: Any) -> None:
    if is_number(value) and not -_MOST_NUMBER <= value <= _MOST_NUMBER:
        raise wrong("Value must be between -1.0E9 and 1.0E9, inclusive")


_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "prefix": _check_text,
    "suffix": _check_text,
    "equals-ignore-case": _check_text,
    "wildcard": _check_wildcard,
    "anything-but": _check_anything_but,
    "numeric": _check_numeric,
    "exists": _check_exists,
    "cidr": _check_cidr,
}
# What anything-but takes besides values.
_NEGATED = frozenset({"prefix", "suffix", "wildcard", "equals-ignore-case"})


def _keys(policy: Policy) -> int:
    """Count the keys that have conditions; of alternatives, the one with most."""
    count = 0
    for key, value in policy.items():
        if key == "$or" and is_or(value):
            count += max(_keys(alternative) for alternative in value)
        else:
            count += _keys(value) if isinstance(value, dict) else 1
    return count


def _combinations(policy: Policy, depth: int) -> int:
    """Multiply the numbers of conditions, each by how deep it is nested; alternatives add up."""
    product = 1
    for key, value in policy.items():
        if key == "$or" and is_or(value):
            product *= sum(_combinations(alternative, depth) for alternative in value)
        elif isinstance(value, dict):
            product *= _combinations(value, depth + 1)
        else:
            product *= len(value) * depth
    return product
