"""Filter policies: which notifications a subscription wants.

Pure. `check` is called when a policy is set (subscriptions.py), `accepts` for
each notification and subscription (publish.py). Keys of a policy are all to be
met, one of each key's conditions is enough.
https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from pillarbox.pubsub.refusals import InvalidParameter

MESSAGE_ATTRIBUTES = "MessageAttributes"
MESSAGE_BODY = "MessageBody"

MOST_POLICIES_PER_TOPIC = 200
_LONGEST = 256 * 1024
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_MOST_NUMBER = 1e9

Policy = Mapping[str, Any]
_ABSENT: list[Any] = []  # the values of a key that is not there

# With these names an `$or` is an ordinary key, not the operator.
# https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html
_RESERVED = frozenset({
    "anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard",
})  # fmt: skip


def check(text: str, scope: str) -> None:
    """Refuse a policy that is malformed or too large."""
    if len(text.encode()) > _LONGEST:
        raise _wrong("Filter policy is too long")
    policy = _parse(text)
    _check_object(policy, scope, depth=1)
    if _keys(policy) > _MOST_KEYS:
        raise _wrong(f"Filter policy can not have more than {_MOST_KEYS} keys")
    if _combinations(policy, 1) > _MOST_COMBINATIONS:
        raise _wrong("Filter policy is too complex")


def accepts(text: str, scope: str, message: str, attributes: Mapping[str, Mapping[str, str]]) -> bool:
    """Say whether a notification passes; `attributes` are in the form of posts: name -> Type and Value."""
    if scope == MESSAGE_ATTRIBUTES:
        return _meets(_parsed(text), {name: _values_of(attribute) for name, attribute in attributes.items()})
    policy = _parsed_nested(text)
    try:
        body = _body_of(message)
        return not policy or (body is not None and _meets(policy, body))
    except RecursionError:  # nobody's filter looks that deep
        return False


# How a policy is checked.


def _check_object(policy: Policy, scope: str, depth: int) -> None:
    if depth > _MOST_COMBINATIONS:  # each level counts into the product
        raise _wrong("Filter policy is too complex")
    for key, value in policy.items():
        if key == "$or" and _is_or(value):
            for alternative in value:
                _check_object(alternative, scope, depth)
        elif isinstance(value, dict):
            if scope == MESSAGE_ATTRIBUTES:
                raise InvalidParameter(f"Filter policy scope {scope} does not support nested filter policy")
            if not value:
                raise _wrong("Empty objects are not allowed")
            _check_object(value, scope, depth + 1)
        elif isinstance(value, list):
            if not value:
                raise _wrong("Empty arrays are not allowed")
            for condition in value:
                _check_condition(condition)
        else:
            raise _wrong(f'"{key}" must be an object or an array')


def _check_condition(condition: Any) -> None:
    if isinstance(condition, list):
        raise _wrong("Match value must be String, number, true, false, or null")
    if not isinstance(condition, dict):
        _check_number(condition)
        return
    if len(condition) != 1:
        raise _wrong("Only one key allowed in match expression")
    ((operator, operand),) = condition.items()
    if operator not in _CHECKS:
        raise _wrong(f"Unrecognized match type {operator}")
    _CHECKS[operator](operator, operand)


def _check_text(operator: str, operand: Any) -> None:
    if not isinstance(operand, str):
        raise _wrong(f"{operator} match pattern must be a string")


def _check_exists(_operator: str, operand: Any) -> None:
    if not isinstance(operand, bool):
        raise _wrong("exists match pattern must be either true or false.")


def _check_cidr(operator: str, operand: Any) -> None:
    _check_text(operator, operand)
    try:
        if "/" not in operand:
            raise ValueError
        ip_network(operand, strict=False)
    except ValueError:
        raise _wrong(f"Malformed CIDR: {operand}") from None


def _check_wildcard(operator: str, operand: Any) -> None:
    _check_text(operator, operand)
    if "**" in operand:
        raise _wrong("Consecutive wildcard characters are not allowed")


def _check_anything_but(_operator: str, operand: Any) -> None:
    if isinstance(operand, dict):
        _check_no_pattern(operand)
        return
    values = operand if isinstance(operand, list) else [operand]
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if _is_number(value)]
    if not values or len(texts) + len(numbers) < len(values):
        raise _wrong("Value of anything-but must be an array or single string/number value.")
    if texts and numbers:
        raise _wrong("Inside anything but list, either all values are number or string, mixed type is not supported")
    for number in numbers:
        _check_number(number)


def _check_no_pattern(operand: Mapping[str, Any]) -> None:
    """Refuse what stands under anything-but when it is not one pattern on text, or a list of such patterns."""
    if len(operand) != 1:
        raise _wrong("Value of anything-but must be an array or single string/number value.")
    ((name, patterns),) = operand.items()
    if name not in _NEGATED:
        raise _wrong(f"Unsupported anything-but pattern: {name}")
    for pattern in patterns if isinstance(patterns, list) and patterns else [patterns]:
        _CHECKS[name](name, pattern)


def _check_numeric(_operator: str, operand: Any) -> None:
    terms = operand if isinstance(operand, list) else [operand]
    if not terms or not isinstance(terms[0], str):
        raise _wrong(f"Invalid member in numeric match: {json.dumps(terms[0]) if terms else ']'}")
    first = terms[0]
    if first not in _COMPARISONS:
        raise _wrong(f"Unrecognized numeric range operator: {first}")
    bottom = _number_after("equals" if first == "=" else first, terms, 1)
    if len(terms) == 2:
        return
    if first not in (">", ">="):
        raise _wrong("Too many elements in numeric expression")
    second = terms[2]
    if not isinstance(second, str):
        raise _wrong(f"Bad value in numeric range: {json.dumps(second)}")
    if second not in ("<", "<="):
        raise _wrong(f"Bad numeric range operator: {second}")
    if _number_after(second, terms, 3) <= bottom:
        raise _wrong("Bottom must be less than top")
    if len(terms) > 4:
        raise _wrong("Too many terms in numeric range expression")


def _number_after(operator: str, terms: list[Any], place: int) -> float:
    if len(terms) <= place or not _is_number(terms[place]):
        raise _wrong(f"Value of {operator} must be numeric")
    _check_number(terms[place])
    return float(terms[place])


def _check_number(value: Any) -> None:
    if _is_number(value) and not -_MOST_NUMBER <= value <= _MOST_NUMBER:
        raise _wrong("Value must be between -1.0E9 and 1.0E9, inclusive")


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
        if key == "$or" and _is_or(value):
            count += max(_keys(alternative) for alternative in value)
        else:
            count += _keys(value) if isinstance(value, dict) else 1
    return count


def _combinations(policy: Policy, depth: int) -> int:
    """Multiply the numbers of conditions, each by how deep it is nested; alternatives add up."""
    product = 1
    for key, value in policy.items():
        if key == "$or" and _is_or(value):
            product *= sum(_combinations(alternative, depth) for alternative in value)
        elif isinstance(value, dict):
            product *= _combinations(value, depth + 1)
        else:
            product *= len(value) * depth
    return product


# How a policy is applied.


def _meets(policy: Policy, present: Mapping[str, Any]) -> bool:
    return all(
        any(_meets(alternative, present) for alternative in wanted)
        if key == "$or" and _is_or(wanted)
        else _meets_key(wanted, present.get(key, _ABSENT))
        for key, wanted in policy.items()
    )


def _meets_key(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, dict):
        # Below an array, one of its objects has to meet all of what is nested.
        return any(_meets(wanted, inside) for inside in _objects(value))
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
    return _is_number(value) and all(
        _COMPARISONS[operand[place]](value, operand[place + 1]) for place in range(0, len(operand), 2)
    )


def _is_in_network(operand: str, value: Any) -> bool:
    try:
        return ip_address(value) in ip_network(operand, strict=False)
    except ValueError:
        return False


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}

_MATCHES: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda operand, value: isinstance(value, str) and value.startswith(operand),
    "suffix": lambda operand, value: isinstance(value, str) and value.endswith(operand),
    "equals-ignore-case": lambda operand, value: isinstance(value, str) and value.lower() == operand.lower(),
    "wildcard": lambda operand, value: isinstance(value, str) and _fits_wildcard(operand, value),
    "anything-but": _is_anything_but,
    "numeric": _is_in_range,
    "cidr": lambda operand, value: isinstance(value, str) and _is_in_network(operand, value),
}


def _same(wanted: Any, value: Any) -> bool:
    if _is_number(wanted):
        return _is_number(value) and wanted == value
    return type(wanted) is type(value) and bool(wanted == value)


def _values_of(attribute: Mapping[str, str]) -> Any:
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


def _leaves(value: Any) -> list[Any]:
    """Return the plain values of a key; arrays are looked into, objects are not values."""
    if isinstance(value, list):
        return [leaf for inside in value for leaf in _leaves(inside)]
    return [] if isinstance(value, dict) else [value]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, list) and value:
        return [found for inside in value for found in _objects(inside)]
    return [value if isinstance(value, dict) else {}]


@lru_cache(maxsize=64)  # many subscriptions of a topic look at the same message
def _body_of(message: str) -> Mapping[str, Any] | None:
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return _nested(body) if isinstance(body, dict) else None


def _nested(members: Mapping[str, Any]) -> dict[str, Any]:
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
        return _nested(value)
    return [_nested_value(inside) for inside in value] if isinstance(value, list) else value


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Policy:
    return _parse(text)


@lru_cache(maxsize=1024)
def _parsed_nested(text: str) -> Policy:
    return _nested(_parse(text))


def _parse(text: str) -> Policy:
    try:
        policy = json.loads(text or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _wrong("failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise _wrong("Filter is not an object")
    return policy


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _is_or(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(one, dict) and one and not _RESERVED & one.keys() for one in value)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(reason: str) -> InvalidParameter:
    return InvalidParameter(f"FilterPolicy: {reason}")
