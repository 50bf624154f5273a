"""Filter policies against a table of cases: what each operator takes, and what it does not."""

import json
from typing import Any

import pytest

from pillarbox.pubsub.filters import MESSAGE_ATTRIBUTES, MESSAGE_BODY, accepts, check

# A policy, a body, and whether the one lets the other pass. Where both are flat, attributes are asked the same.
CASES: list[tuple[Any, Any, bool]] = [
    # Values as they are.
    ({"a": ["x"]}, {"a": "x"}, True),
    ({"a": ["x"]}, {"a": "X"}, False),
    ({"a": ["x"]}, {"a": "xx"}, False),
    ({"a": ["x"]}, {"b": "x"}, False),
    ({"a": ["x", "y"]}, {"a": "y"}, True),
    ({"a": [""]}, {"a": "x"}, False),
    ({"a": [1]}, {"a": 1}, True),
    ({"a": [1]}, {"a": 1.0}, True),
    ({"a": [1]}, {"a": "1"}, False),
    ({"a": ["1"]}, {"a": 1}, False),
    ({"a": [True]}, {"a": True}, True),
    ({"a": [True]}, {"a": 1}, False),
    ({"a": [1]}, {"a": True}, False),
    ({"a": [None]}, {"a": None}, True),
    ({"a": [False]}, {"a": None}, False),
    ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y"}, True),
    ({"a": ["x"], "b": ["y"]}, {"a": "x"}, False),
    # Arrays: one of their elements is enough.
    ({"a": ["x"]}, {"a": ["y", "x"]}, True),
    ({"a": ["x"]}, {"a": ["y", ["x"]]}, True),
    ({"a": ["x"]}, {"a": []}, False),
    ({"a": [{"prefix": "x"}]}, {"a": ["a", "xy"]}, True),
    # prefix and suffix.
    ({"a": [{"prefix": "foo"}]}, {"a": "football"}, True),
    ({"a": [{"prefix": "foo"}]}, {"a": "Football"}, False),
    ({"a": [{"prefix": ""}]}, {"a": "x"}, True),
    ({"a": [{"prefix": "1"}]}, {"a": 12}, False),
    ({"a": [{"suffix": "ball"}]}, {"a": "football"}, True),
    ({"a": [{"suffix": "ball"}]}, {"a": "balls"}, False),
    ({"a": [{"suffix": "ball"}, {"prefix": "rug"}]}, {"a": "rugby"}, True),
    # equals-ignore-case.
    ({"a": [{"equals-ignore-case": "Tennis"}]}, {"a": "TENNIS"}, True),
    ({"a": [{"equals-ignore-case": "Tennis"}]}, {"a": "tennis "}, False),
    ({"a": [{"equals-ignore-case": "ü"}]}, {"a": "Ü"}, True),
    # wildcard.
    ({"a": [{"wildcard": "*ball"}]}, {"a": "football"}, True),
    ({"a": [{"wildcard": "*ball"}]}, {"a": "ball"}, True),
    ({"a": [{"wildcard": "*ball"}]}, {"a": "balls"}, False),
    ({"a": [{"wildcard": "foo*"}]}, {"a": "foo"}, True),
    ({"a": [{"wildcard": "f*b*l"}]}, {"a": "football"}, True),
    ({"a": [{"wildcard": "f*b*l"}]}, {"a": "football."}, False),
    ({"a": [{"wildcard": "ab*ba"}]}, {"a": "aba"}, False),
    ({"a": [{"wildcard": "*aab*"}]}, {"a": "aaab"}, True),
    ({"a": [{"wildcard": "*a*b*a*"}]}, {"a": "bab"}, False),
    ({"a": [{"wildcard": "*"}]}, {"a": ""}, True),
    ({"a": [{"wildcard": "x"}]}, {"a": "x"}, True),
    ({"a": [{"wildcard": "x?"}]}, {"a": "xy"}, False),
    ({"a": [{"wildcard": "*"}]}, {"a": 1}, False),
    # anything-but.
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}, True),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, False),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": ["x", "z"]}, True),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": ["x", "y"]}, False),
    ({"a": [{"anything-but": [100, 500]}]}, {"a": 101}, True),
    ({"a": [{"anything-but": [100, 500]}]}, {"a": 500.0}, False),
    ({"a": [{"anything-but": "x"}]}, {"b": "y"}, False),
    ({"a": [{"anything-but": {"prefix": "order-"}}]}, {"a": "data"}, True),
    ({"a": [{"anything-but": {"prefix": "order-"}}]}, {"a": "order-1"}, False),
    ({"a": [{"anything-but": {"prefix": ["a", "b"]}}]}, {"a": "b1"}, False),
    ({"a": [{"anything-but": {"suffix": "ball"}}]}, {"a": "rugby"}, True),
    ({"a": [{"anything-but": {"suffix": "ball"}}]}, {"a": "football"}, False),
    ({"a": [{"anything-but": {"wildcard": "*o*o*"}}]}, {"a": "football"}, False),
    ({"a": [{"anything-but": {"wildcard": "*o*o*"}}]}, {"a": "fotball"}, True),
    ({"a": [{"anything-but": {"equals-ignore-case": "tennis"}}]}, {"a": "TENNIS"}, False),
    ({"a": [{"anything-but": {"equals-ignore-case": ["tennis"]}}]}, {"a": "rugby"}, True),
    # numeric.
    ({"a": [{"numeric": ["=", 301.5]}]}, {"a": 301.5}, True),
    ({"a": [{"numeric": ["=", 301.5]}]}, {"a": 301.51}, False),
    ({"a": [{"numeric": ["<", 0]}]}, {"a": -1}, True),
    ({"a": [{"numeric": ["<", 0]}]}, {"a": 0}, False),
    ({"a": [{"numeric": ["<=", 0]}]}, {"a": 0}, True),
    ({"a": [{"numeric": [">", 0, "<=", 150]}]}, {"a": 150}, True),
    ({"a": [{"numeric": [">", 0, "<=", 150]}]}, {"a": 0}, False),
    ({"a": [{"numeric": [">=", 0, "<", 150]}]}, {"a": 150}, False),
    ({"a": [{"numeric": [">=", 0]}]}, {"a": "5"}, False),
    ({"a": [{"numeric": [">=", 0]}]}, {"a": True}, False),
    ({"a": [{"numeric": [">", 10]}, {"numeric": ["<", 5]}]}, {"a": 3}, True),
    # cidr.
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.255"}, True),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.0"}, False),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "localhost"}, False),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "2001:db8::1"}, False),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"}, True),
    ({"a": [{"cidr": "10.0.0.1/32"}]}, {"a": 167772161}, False),
    # exists.
    ({"a": [{"exists": True}]}, {"a": "x"}, True),
    ({"a": [{"exists": True}]}, {"b": "x"}, False),
    ({"a": [{"exists": False}]}, {"b": "x"}, True),
    ({"a": [{"exists": False}]}, {"a": "x"}, False),
    # $or.
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "y", "b": "x"}, False),
    ({"c": ["z"], "$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "x"}, False),
    ({"$or": [{"a": [{"numeric": [">", 1]}]}, {"a": [{"exists": False}]}]}, {"b": "x"}, True),
    ({"$or": [{"a": ["x"], "b": ["y"]}, {"c": ["z"]}]}, {"a": "x"}, False),
    # Bodies alone are nested.
    ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
    ({"a": {"b": ["x"]}}, {"a": {"b": "y"}}, False),
    ({"a": {"b": ["x"]}}, {"b": "x"}, False),
    ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "x"}, {"c": "y"}]}, False),
    ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "z"}, {"b": "x", "c": "y"}]}, True),
    ({"a": {"b": [{"exists": False}]}}, {"a": {"c": "x"}}, True),
    ({"a": {"$or": [{"b": ["x"]}, {"c": ["y"]}]}}, {"a": {"c": "y"}}, True),
    ({"a": {"b": {"c": {"d": [{"prefix": "x"}]}}}}, {"a": {"b": {"c": {"d": "xyz"}}}}, True),
]


@pytest.mark.parametrize(("policy", "body", "passes"), CASES, ids=str)
def test_a_body(policy: Any, body: Any, passes: bool) -> None:
    text = json.dumps(policy)
    check(text, MESSAGE_BODY)
    assert accepts(text, MESSAGE_BODY, json.dumps(body), {}) is passes


FLAT = [
    (policy, body, passes)
    for policy, body, passes in CASES
    if not any(isinstance(wanted, dict) for wanted in policy.values())
    # What attributes cannot say: a bare boolean or null, and a list in a list.
    and not any(value is None or isinstance(value, bool) or value == ["y", ["x"]] for value in body.values())
]


@pytest.mark.parametrize(("policy", "body", "passes"), FLAT, ids=str)
def test_attributes_that_say_the_same(policy: Any, body: Any, passes: bool) -> None:
    text = json.dumps(policy)
    check(text, MESSAGE_ATTRIBUTES)
    assert accepts(text, MESSAGE_ATTRIBUTES, "", {name: as_attribute(value) for name, value in body.items()}) is passes


def as_attribute(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"Type": "String", "Value": value}
    return {"Type": "String.Array" if isinstance(value, list) else "Number", "Value": json.dumps(value)}


def test_the_table_is_as_long_as_it_should_be() -> None:
    assert len(CASES) >= 80
    assert len(FLAT) >= 80


@pytest.mark.parametrize(
    "operator", ["prefix", "suffix", "wildcard", "equals-ignore-case", "cidr", "numeric", "exists"]
)
def test_every_operator_is_in_the_table(operator: str) -> None:
    verdicts = {passes for policy, _, passes in CASES if f'"{operator}"' in json.dumps(policy)}
    assert verdicts == {True, False}
