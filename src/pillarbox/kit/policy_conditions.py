"""The conditions of policy documents.

Pure. `read` refuses an operator or a value that means nothing; `Condition.holds`
never raises. Called by policy.py.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pillarbox.kit.wildcards import Context, fits, tokens

# (the request's value, the policy's value, variables) -> whether they agree
_Agree = Callable[[str, str, Context | None], bool]


class _Operator(NamedTuple):
    agree: _Agree
    negated: bool = False
    is_value: Callable[[str], bool] = lambda _: True


@dataclass(slots=True, frozen=True)
class Condition:
    """One key of one operator. `quantifier` is empty, ForAnyValue or ForAllValues."""

    operator: str
    quantifier: str
    if_exists: bool
    key: str
    values: tuple[str, ...]

    def holds(self, context: Context, variables: Context | None) -> bool:
        """Say whether a request fits; `variables` None when the document's version knows none."""
        given = context.get(self.key, ())
        if self.operator == _NULL:
            return any((value.lower() == "true") == (not given) for value in self.values)
        operator = _OPERATORS[self.operator]
        if not given:
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
            return self.if_exists or self.quantifier == _ALL or (operator.negated and not self.quantifier)
        agreeing = [any(operator.agree(one, value, variables) for value in self.values) for one in given]
        if self.quantifier == _ALL:
            return not any(agreeing) if operator.negated else all(agreeing)
        if self.quantifier == _ANY:
            return not all(agreeing) if operator.negated else any(agreeing)
        return any(agreeing) is not operator.negated


def read(operator: str, key: str, values: tuple[str, ...]) -> Condition:
    """Return a condition, or raise ValueError with what is wrong in it."""
    quantifier, colon, name = operator.rpartition(":")
    if colon and quantifier not in (_ANY, _ALL):
        raise ValueError(f"Invalid Condition type : {operator}")
    plain = name.removesuffix(_IF_EXISTS)
    if plain == _NULL and plain == name and not quantifier:
        if not all(map(_is_bool, values)):
            raise ValueError(f"Invalid value of condition {operator} for key {key}")
    elif plain not in _OPERATORS:
        raise ValueError(f"Invalid Condition type : {operator}")
    elif not all(map(_OPERATORS[plain].is_value, values)):
        raise ValueError(f"Invalid value of condition {operator} for key {key}")
    return Condition(plain, quantifier, plain != name, key.lower(), values)


_ANY, _ALL, _IF_EXISTS, _NULL = "ForAnyValue", "ForAllValues", "IfExists", "Null"


def _equals(given: str, value: str, variables: Context | None) -> bool:
    return fits(tokens(value, variables, wild=False), given)


def _equals_in_any_case(given: str, value: str, variables: Context | None) -> bool:
    expected = tokens(value, variables, wild=False)
    return expected is not None and "".join(map(str, expected)).casefold() == given.casefold()


def _like(given: str, value: str, variables: Context | None) -> bool:
    return fits(tokens(value, variables), given)


def _arn_like(given: str, value: str, variables: Context | None) -> bool:
    """Compare part by part: no wildcard reaches over a colon, but in the last of the six parts."""
    given_parts, parts = given.split(":", 5), value.split(":", 5)
    if len(parts) != 6 or len(given_parts) != 6:
        return value == "*"
    return all(fits(tokens(part, variables), one) for one, part in zip(given_parts, parts, strict=True))


def _same_bool(given: str, value: str, _: Context | None) -> bool:
    return given.lower() == value.lower()


def _in_network(given: str, value: str, _: Context | None) -> bool:
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address) in ipaddress.ip_network(value, strict=False)


def _number(text: str) -> float:
    return float(text) if text.isascii() else math.nan


def _moment(text: str) -> float:
    """Read ISO 8601, or seconds since 1970."""
    if text.replace(".", "", 1).isdigit():
        return _number(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is(read_value: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            value = read_value(text)
        except (ValueError, OverflowError):
            return False
        return not (isinstance(value, float) and not math.isfinite(value))

    return check


def _is_bool(text: str) -> bool:
    return text.lower() in ("true", "false")


def _is_network(text: str) -> bool:
    return _is(lambda value: ipaddress.ip_network(value, strict=False))(text)


def _ordered(prefix: str, read_value: Callable[[str], float]) -> dict[str, _Operator]:
    """Return the six comparisons of one kind of value; what cannot be read agrees with nothing."""

    def comparing(compare: Callable[[float, float], bool]) -> _Agree:
        def agree(given: str, value: str, _: Context | None) -> bool:
            try:
                return compare(read_value(given), read_value(value))
            except (ValueError, OverflowError):
                return False

        return agree

    is_value = _is(read_value)
    equal = comparing(lambda one, other: one == other)
    return {
        f"{prefix}Equals": _Operator(equal, is_value=is_value),
        f"{prefix}NotEquals": _Operator(equal, negated=True, is_value=is_value),
        f"{prefix}LessThan": _Operator(comparing(lambda one, other: one < other), is_value=is_value),
        f"{prefix}LessThanEquals": _Operator(comparing(lambda one, other: one <= other), is_value=is_value),
        f"{prefix}GreaterThan": _Operator(comparing(lambda one, other: one > other), is_value=is_value),
        f"{prefix}GreaterThanEquals": _Operator(comparing(lambda one, other: one >= other), is_value=is_value),
    }


_OPERATORS: dict[str, _Operator] = {
    "StringEquals": _Operator(_equals),
    "StringNotEquals": _Operator(_equals, negated=True),
    "StringEqualsIgnoreCase": _Operator(_equals_in_any_case),
    "StringNotEqualsIgnoreCase": _Operator(_equals_in_any_case, negated=True),
    "StringLike": _Operator(_like),
    "StringNotLike": _Operator(_like, negated=True),
    "ArnEquals": _Operator(_arn_like),
    "ArnNotEquals": _Operator(_arn_like, negated=True),
    "ArnLike": _Operator(_arn_like),
    "ArnNotLike": _Operator(_arn_like, negated=True),
    "BinaryEquals": _Operator(_equals),
    "Bool": _Operator(_same_bool, is_value=_is_bool),
    "IpAddress": _Operator(_in_network, is_value=_is_network),
    "NotIpAddress": _Operator(_in_network, negated=True, is_value=_is_network),
    **_ordered("Numeric", _number),
    **_ordered("Date", _moment),
}
