"""A subscription gets what its filter policy describes, and a policy that describes nothing is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.pubsub.filters import MESSAGE_ATTRIBUTES, MESSAGE_BODY, accepts, check
from pillarbox.pubsub.refusals import InvalidParameter


def by_attributes(policy: Any, **attributes: tuple[str, str]) -> bool:
    text = json.dumps(policy)
    check(text, MESSAGE_ATTRIBUTES)
    told = {name: {"Type": kind, "Value": value} for name, (kind, value) in attributes.items()}
    return accepts(text, MESSAGE_ATTRIBUTES, "any message", told)


def by_body(policy: Any, body: Any) -> bool:
    text = json.dumps(policy)
    check(text, MESSAGE_BODY)
    return accepts(text, MESSAGE_BODY, body if isinstance(body, str) else json.dumps(body), {})


def refusal(policy: Any, scope: str = MESSAGE_BODY) -> str:
    with pytest.raises(InvalidParameter) as refused:
        check(policy if isinstance(policy, str) else json.dumps(policy), scope)
    return refused.value.reason.removeprefix("FilterPolicy: ")


@pytest.mark.parametrize(
    ("condition", "accepted", "rejected"),
    [
        ("rugby", "rugby", "Rugby"),
        ({"prefix": "bas"}, "baseball", "softball"),
        ({"suffix": "ball"}, "baseball", "ballet"),
        ({"anything-but": "rugby"}, "tennis", "rugby"),
        ({"anything-but": ["rugby", "tennis"]}, "golf", "tennis"),
        ({"anything-but": {"prefix": "order-"}}, "data-1", "order-1"),
        ({"equals-ignore-case": "TENNIS"}, "tennis", "tenni"),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.255", "10.1.1.0"),
        ({"cidr": "2001:db8::/32"}, "2001:db8::1", "10.0.0.1"),
    ],
)
def test_conditions_on_text(condition: Any, accepted: str, rejected: str) -> None:
    assert by_attributes({"key": [condition]}, key=("String", accepted))
    assert not by_attributes({"key": [condition]}, key=("String", rejected))
    assert by_body({"key": [condition]}, {"key": accepted})
    assert not by_body({"key": [condition]}, {"key": rejected})
    assert not by_body({"key": [condition]}, {"other": accepted})


@pytest.mark.parametrize(
    ("numeric", "accepted", "rejected"),
    [
        (["=", 301.5], "301.50", "301.6"),
        (["<", 10], "9.9", "10"),
        (["<=", 10], "10", "10.1"),
        ([">", 0, "<=", 150], "150", "0"),
        ([">=", -5, "<", 5], "-5", "5"),
    ],
)
def test_conditions_on_numbers(numeric: list[Any], accepted: str, rejected: str) -> None:
    policy = {"price": [{"numeric": numeric}]}
    assert by_attributes(policy, price=("Number", accepted))
    assert not by_attributes(policy, price=("Number", rejected))
    assert not by_attributes(policy, price=("String", accepted))
    assert by_body(policy, {"price": float(accepted)})
    assert not by_body(policy, {"price": accepted})


def test_all_keys_have_to_be_met_and_one_condition_of_each() -> None:
    policy = {"sport": ["rugby", {"prefix": "foot"}], "price": [{"numeric": [">", 5]}]}
    assert by_attributes(policy, sport=("String", "football"), price=("Number", "6"))
    assert not by_attributes(policy, sport=("String", "football"), price=("Number", "5"))
    assert not by_attributes(policy, sport=("String", "football"))


def test_an_array_attribute_is_met_by_any_of_its_elements() -> None:
    policy = {"sports": ["rugby", True, None, 7]}
    assert by_attributes(policy, sports=("String.Array", '["tennis", "rugby"]'))
    assert by_attributes(policy, sports=("String.Array", "[true]"))
    assert by_attributes(policy, sports=("String.Array", "[7.0]"))
    assert not by_attributes(policy, sports=("String.Array", '["true", 1, false]'))


def test_binary_attributes_are_passed_over() -> None:
    assert by_attributes({"raw": [{"exists": False}]}, raw=("Binary", "AgME"))


def test_whether_a_key_exists() -> None:
    assert by_attributes({"store": [{"exists": True}]}, store=("String", "x"))
    assert not by_attributes({"store": [{"exists": True}]}, other=("String", "x"))
    assert by_attributes({"store": [{"exists": False}]}, other=("String", "x"))
    assert not by_attributes({"store": [{"exists": False}]}, store=("String", "x"))


def test_null_stands_for_an_attribute_that_is_not_there() -> None:
    assert by_attributes({"attr": [None, {"anything-but": "whatever"}]})
    assert not by_attributes({"attr": [None, {"anything-but": "whatever"}]}, attr=("String", "whatever"))


def test_or_needs_one_of_its_alternatives() -> None:
    policy = {"source": ["ses"], "$or": [{"kind": ["Bounce"]}, {"size": [{"numeric": [">", 9]}]}]}
    assert by_body(policy, {"source": "ses", "kind": "Bounce"})
    assert by_body(policy, {"source": "ses", "size": 10})
    assert not by_body(policy, {"source": "ses", "kind": "Click", "size": 9})
    assert not by_body(policy, {"source": "s3", "kind": "Bounce"})


def test_the_events_of_ses_can_be_chosen_by_their_body() -> None:
    policy = {"eventType": ["Bounce", "Complaint"], "mail": {"tags": {"ses:configuration-set": ["main"]}}}
    event = {"eventType": "Bounce", "mail": {"tags": {"ses:configuration-set": ["main"], "x": ["y"]}}}
    assert by_body(policy, event)
    assert not by_body(policy, {**event, "eventType": "Delivery"})
    assert not by_body(policy, {**event, "mail": {"tags": {}}})
    assert not by_body(policy, "Successfully validated SNS topic for Amazon SES event publishing.")


def test_below_an_array_one_object_has_to_meet_everything() -> None:
    wanted = {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]}
    policy = {"Records": wanted}
    created = {"s3": {"object": [[{"key": "auto-1"}]]}, "eventName": "ObjectCreated:Put"}
    removed = {"s3": {"object": {"key": "home-1"}}, "eventName": "ObjectRemoved:Delete"}
    assert by_body(policy, {"Records": [removed, created]})
    crossed = [{**created, "eventName": "ObjectRemoved:Delete"}, {**removed, "eventName": "ObjectCreated:Put"}]
    assert not by_body(policy, {"Records": crossed})


def test_what_is_missing_inside_an_object_that_is_missing() -> None:
    assert by_body({"a": {"b": [{"exists": False}]}}, {})
    assert not by_body({"a": {"b": [{"exists": True}]}}, {"a": {"b": {"c": 1}}})


@pytest.mark.parametrize("policy", [{"a": {"b": {"c": ["x"]}}}, {"a.b.c": ["x"]}, {"a.b": {"c": ["x"]}}])
@pytest.mark.parametrize("body", [{"a": {"b": {"c": "x"}}}, {"a.b.c": "x"}, {"a": {"b.c": "x"}}])
def test_a_dot_in_a_key_is_the_short_form_of_nesting(policy: Any, body: Any) -> None:
    assert by_body(policy, body)


def test_an_empty_policy_accepts_everything() -> None:
    assert by_attributes({}, a=("String", "b"))
    assert by_body({}, "no JSON at all")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"key": [["value"]]}, "Match value must be String, number, true, false, or null"),
        ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator"),
        ({"key": [{"suffix": "value", "prefix": "value2"}]}, "Only one key allowed in match expression"),
        ({"key": [{"suffix": 100}]}, "suffix match pattern must be a string"),
        ({"key": [{"suffix": None}]}, "suffix match pattern must be a string"),
        ({"key": [{"suffix": []}]}, "suffix match pattern must be a string"),
        ({"key": {"suffix": "value", "prefix": "value"}}, '"suffix" must be an object or an array'),
        ({"key": {"not-an-operator": "value"}}, '"not-an-operator" must be an object or an array'),
        ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]"),
        ({"key": [{"numeric": ["operator"]}]}, "Unrecognized numeric range operator: operator"),
        ({"key": [{"numeric": [1, "<="]}]}, "Invalid member in numeric match: 1"),
        ({"key": [{"numeric": ["=", "000"]}]}, "Value of equals must be numeric"),
        ({"key": [{"numeric": [">="]}]}, "Value of >= must be numeric"),
        ({"key": [{"numeric": ["<", 100, ">", 10]}]}, "Too many elements in numeric expression"),
        ({"key": [{"numeric": [">=", 1, ">", 2]}]}, "Bad numeric range operator: >"),
        ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top"),
        ({"key": [{"numeric": [">", 20, "<="]}]}, "Value of <= must be numeric"),
        ({"key": [{"numeric": [">", 20, 30]}]}, "Bad value in numeric range: 30"),
        ({"key": [{"numeric": [">", 20, "test"]}]}, "Bad numeric range operator: test"),
        ({"key": [{"numeric": [">", "20", "<", "30"]}]}, "Value of > must be numeric"),
        ({"key": [{"numeric": [">", 20, "<", "30"]}]}, "Value of < must be numeric"),
        ({"key": [{"numeric": [">", 20, "<", 30, "<", 50]}]}, "Too many terms in numeric range expression"),
        ({"key": [{"exists": None}]}, "exists match pattern must be either true or false."),
        ({"key": [{"exists": "no"}]}, "exists match pattern must be either true or false."),
        ({"key": [{"anything-but": {"wrong-operator": None}}]}, "Unsupported anything-but pattern: wrong-operator"),
        ({"key": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}, "Unsupported anything-but pattern: cidr"),
        (
            {"key": [{"anything-but": {"prefix": "a", "suffix": "b"}}]},
            "Value of anything-but must be an array or single string/number value.",
        ),
        ({"key": [{"anything-but": {"wildcard": "a**b"}}]}, "Consecutive wildcard characters are not allowed"),
        ({"key": [{"wildcard": "a**b"}]}, "Consecutive wildcard characters are not allowed"),
        ({"key": [{"wildcard": 1}]}, "wildcard match pattern must be a string"),
        ({"key": [{"anything-but": {"prefix": False}}]}, "prefix match pattern must be a string"),
        ({"key_a": "value_one"}, '"key_a" must be an object or an array'),
        ({"key": [str(number) for number in range(151)]}, "Filter policy is too complex"),
        ({"a": {"b": {"c": ["x"] * 51}}}, "Filter policy is too complex"),
        (
            {"$or": [{"a": ["x"] * 76}, {"b": ["x"] * 75}]},
            "Filter policy is too complex",
        ),
        ({str(number): ["x"] for number in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"a": [{"numeric": ["=", 2e9]}]}, "Value must be between -1.0E9 and 1.0E9, inclusive"),
        ("[1]", "Filter is not an object"),
        ('{"a": [NaN]}', "failed to parse JSON."),
        ("{invalidjson}", "failed to parse JSON."),
        ('{"a":' * 50_000, "failed to parse JSON."),
        ('{"a":' * 300 + "[1]" + "}" * 300, "Filter policy is too complex"),
        (json.dumps({"a": ["x" * 256 * 1024]}), "Filter policy is too long"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_by_name(policy: Any, reason: str) -> None:
    assert refusal(policy) == reason


def test_nesting_needs_the_scope_of_the_body() -> None:
    assert (
        refusal({"object": {"key": [{"prefix": "auto-"}]}}, MESSAGE_ATTRIBUTES)
        == "Filter policy scope MessageAttributes does not support nested filter policy"
    )


scalars = st.none() | st.booleans() | st.integers(-99, 99) | st.text("ab", max_size=3)
bodies = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner)),
    max_size=3,
)
conditions = st.one_of(
    scalars,
    st.builds(lambda name, text: {name: text}, st.sampled_from(["prefix", "suffix"]), st.text("ab", max_size=2)),
    st.builds(lambda value: {"anything-but": value}, st.integers(-99, 99) | st.text("ab", max_size=3)),
    st.builds(lambda value: {"exists": value}, st.booleans()),
    st.builds(lambda op, bound: {"numeric": [op, bound]}, st.sampled_from(["=", "<", ">="]), st.integers(-99, 99)),
)
policies = st.dictionaries(st.sampled_from("abc"), st.lists(conditions, min_size=1, max_size=3), max_size=3)


@given(policies, bodies)
def test_each_further_key_only_narrows(policy: dict[str, Any], body: dict[str, Any]) -> None:
    each_key_alone = all(by_body({key: wanted}, body) for key, wanted in policy.items())
    assert by_body(policy, body) == each_key_alone


@given(st.lists(conditions, min_size=1, max_size=4), bodies)
def test_each_further_condition_only_widens(wanted: list[Any], body: dict[str, Any]) -> None:
    assert by_body({"a": wanted}, body) == any(by_body({"a": [condition]}, body) for condition in wanted)


@given(policies, policies, bodies)
def test_or_is_the_union_of_its_alternatives(one: dict[str, Any], other: dict[str, Any], body: dict[str, Any]) -> None:
    if one and other:
        assert by_body({"$or": [one, other]}, body) == (by_body(one, body) or by_body(other, body))


@given(scalars, bodies)
def test_exists_is_the_opposite_of_not_exists(_value: Any, body: dict[str, Any]) -> None:
    assert by_body({"a": [{"exists": True}]}, body) != by_body({"a": [{"exists": False}]}, body)


@given(st.integers(-99, 99), st.text("ab", min_size=1, max_size=3))
def test_attributes_and_a_flat_body_are_treated_alike(number: int, text: str) -> None:
    for policy in ({"n": [{"numeric": [">", 0]}]}, {"t": [{"prefix": "a"}]}, {"n": [number], "t": [text]}):
        told = by_attributes(policy, n=("Number", str(number)), t=("String", text))
        assert told == by_body(policy, {"n": number, "t": text})


@given(st.text(max_size=60))
def test_no_text_makes_the_check_fail_in_another_way(text: str) -> None:
    try:
        check(text, MESSAGE_BODY)
    except InvalidParameter:
        return
    assert accepts(text, MESSAGE_BODY, "{}", {}) in (True, False)


def test_a_body_nested_beyond_reason_is_no_match() -> None:
    assert not by_body({"a": ["x"]}, '{"a":' + "[" * 900 + "]" * 900 + "}")
    assert not by_body({"a": ["x"]}, "[" * 100_000)
