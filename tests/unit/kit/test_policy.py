"""What policy documents decide, as AWS documents it."""

import json
import time
from typing import Any

import pytest

from pillarbox.kit.policy import Asked, Decision, Malformed, Principal, decide, read

BOB = Principal("111122223333", "bob")
MAIL = "arn:aws:ses:us-east-1:444455556666:identity/example.com"
ALLOWED, DENIED, UNDECIDED = Decision.ALLOWED, Decision.DENIED, Decision.UNDECIDED


def statement(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "ses:SendEmail", "Resource": MAIL, **members}


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def decided(*statements: dict[str, Any], version: str = "2012-10-17", **asked: Any) -> Decision:
    given: dict[str, Any] = {"principal": BOB, "action": "ses:SendEmail", "resource": MAIL, **asked}
    return decide([read(document(*statements, version=version))], Asked(**given))


def holds(operator: str, key: str, values: Any, **context: Any) -> bool:
    given = {f"aws:{name}".lower(): value if isinstance(value, tuple) else (value,) for name, value in context.items()}
    return decided(statement(Condition={operator: {f"aws:{key}": values}}), context=given) is ALLOWED


@pytest.mark.parametrize(
    ("principal", "fits"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": "111122223333"}, True),
        ({"AWS": ["999999999999", "111122223333"]}, True),
        ({"AWS": "arn:aws:iam::111122223333:root"}, True),
        ({"AWS": "arn:aws:iam::111122223333:user/bob"}, True),
        ({"AWS": "arn:aws:iam::111122223333:user/alice"}, False),
        ({"AWS": "999999999999"}, False),
        ({"Service": "sns.amazonaws.com"}, False),
        ({"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"}, False),
    ],
)
def test_a_statement_is_for_the_principals_that_it_names(principal: Any, fits: bool) -> None:
    assert (decided(statement(Principal=principal)) is ALLOWED) is fits


def test_a_service_is_named_as_one() -> None:
    asking = Principal(service="sns.amazonaws.com")
    assert decided(statement(Principal={"Service": "sns.amazonaws.com"}), principal=asking) is ALLOWED
    assert decided(statement(Principal={"AWS": "111122223333"}), principal=asking) is UNDECIDED
    assert decided(statement(Principal={"Service": "ses.amazonaws.com"}), principal=asking) is UNDECIDED


def test_nobody_in_particular_is_in_no_account() -> None:
    assert decided(statement(Principal={"AWS": "arn:aws:iam::111122223333:root"}), principal=Principal()) is UNDECIDED
    assert decided(statement(Principal="*"), principal=Principal()) is ALLOWED


def test_what_is_denied_to_all_but_some_is_not_denied_to_those() -> None:
    rule = statement(Effect="Deny", Action="ses:*")
    del rule["Principal"]
    others = {**rule, "NotPrincipal": {"AWS": "111122223333"}}
    assert decided(others) is UNDECIDED
    assert decided(others, principal=Principal("999999999999", "eve")) is DENIED


@pytest.mark.parametrize(
    ("members", "action", "expected"),
    [
        ({"Action": "ses:*"}, "ses:SendEmail", ALLOWED),
        ({"Action": "*"}, "ses:SendEmail", ALLOWED),
        ({"Action": "ses:Send*"}, "ses:SendRawEmail", ALLOWED),
        ({"Action": "ses:send?mail"}, "ses:SendEmail", ALLOWED),
        ({"Action": ["ses:SendRawEmail", "SES:SENDEMAIL"]}, "ses:SendEmail", ALLOWED),
        ({"Action": "ses:SendRawEmail"}, "ses:SendEmail", UNDECIDED),
        ({"Action": "sns:*"}, "ses:SendEmail", UNDECIDED),
    ],
)
def test_actions_have_wildcards_and_no_case(members: dict[str, Any], action: str, expected: Decision) -> None:
    assert decided(statement(**members), action=action) is expected


def test_not_action_is_everything_else() -> None:
    rule = statement(NotAction="ses:SendRawEmail")
    del rule["Action"]
    assert decided(rule) is ALLOWED
    assert decided(rule, action="ses:SendRawEmail") is UNDECIDED


def test_resources_have_wildcards_and_case() -> None:
    assert decided(statement(Resource="arn:aws:ses:*:444455556666:identity/*.com")) is ALLOWED
    assert decided(statement(Resource="*")) is ALLOWED
    assert decided(statement(Resource=MAIL.upper().replace("ARN:", "arn:"))) is UNDECIDED
    rule = statement(NotResource=MAIL)
    del rule["Resource"]
    assert decided(rule) is UNDECIDED
    assert decided(rule, resource=MAIL + "x") is ALLOWED


def test_a_denial_outweighs_every_permission_in_whatever_order_and_document() -> None:
    allows, denies = statement(), statement(Effect="Deny", Principal={"AWS": "111122223333"})
    assert decided(denies, allows) is DENIED
    assert decided(allows, denies) is DENIED
    asked = Asked(BOB, "ses:SendEmail", MAIL)
    assert decide([read(document(allows)), read(document(denies))], asked) is DENIED
    assert decide([], asked) is UNDECIDED


@pytest.mark.parametrize(
    ("operator", "value", "given", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "A", "a", False),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringEqualsIgnoreCase", "STRASSE", "straße", True),
        ("StringNotEqualsIgnoreCase", "A", "a", False),
        ("StringLike", "*@example.com", "bob@example.com", True),
        ("StringLike", "?@example.com", "bob@example.com", False),
        ("StringNotLike", "*@example.com", "bob@example.com", False),
        ("ArnLike", "arn:aws:sns:*:111122223333:*", "arn:aws:sns:eu-west-1:111122223333:t:s", True),
        ("ArnLike", "arn:aws:*:t", "arn:aws:sns:eu-west-1:111122223333:t", False),
        ("ArnEquals", "arn:aws:sns:eu-west-1:111122223333:t", "arn:aws:sns:eu-west-1:111122223333:t", True),
        ("ArnNotEquals", "arn:aws:sns:eu-west-1:111122223333:t", "arn:aws:sns:eu-west-1:111122223333:t", False),
        ("ArnNotLike", "arn:aws:sns:*:*:t", "arn:aws:sns:eu-west-1:111122223333:x", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", 10, "10", False),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "9", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericEquals", "10", "ten", False),
        ("DateLessThan", "2030-01-01T00:00:00Z", "2029-12-31T23:59:59Z", True),
        ("DateGreaterThan", "2030-01-01", "2029-12-31T23:59:59Z", False),
        ("DateEquals", "2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", True),
        ("DateLessThanEquals", "1893456000", "2030-01-01T00:00:00Z", True),
        ("DateNotEquals", "2030-01-01T00:00:00Z", "yesterday", True),
        ("Bool", "true", "True", True),
        ("Bool", False, "true", False),
        ("IpAddress", "192.0.2.0/24", "192.0.2.77", True),
        ("IpAddress", "192.0.2.0/24", "::ffff:192.0.2.77", True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "192.0.2.0/24", "2001:db8::1", False),
        ("NotIpAddress", ["192.0.2.0/24", "198.51.100.1"], "198.51.100.1", False),
        ("BinaryEquals", "QQ==", "QQ==", True),
    ],
)
def test_a_condition_compares(operator: str, value: Any, given: str, expected: bool) -> None:
    assert holds(operator, "Key", value, Key=given) is expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("StringEquals", "a", False),
        ("StringNotEquals", "a", True),
        ("StringEqualsIfExists", "a", True),
        ("NumericLessThan", "1", False),
        ("IpAddressIfExists", "192.0.2.1", True),
        ("ForAllValues:StringEquals", "a", True),
        ("ForAnyValue:StringEquals", "a", False),
        ("ForAnyValue:StringNotEquals", "a", False),
        ("Null", "true", True),
        ("Null", "false", False),
    ],
)
def test_a_key_that_a_request_does_not_have(operator: str, value: str, expected: bool) -> None:
    assert holds(operator, "Key", value) is expected


def test_a_key_that_a_request_has_is_not_null() -> None:
    assert holds("Null", "Key", "false", Key="x")
    assert not holds("Null", "Key", True, Key="x")


@pytest.mark.parametrize(
    ("operator", "given", "expected"),
    [
        ("ForAllValues:StringLike", ("a@x.example", "b@x.example"), True),
        ("ForAllValues:StringLike", ("a@x.example", "b@y.example"), False),
        ("ForAnyValue:StringLike", ("a@x.example", "b@y.example"), True),
        ("ForAnyValue:StringLike", ("b@y.example",), False),
        ("ForAllValues:StringNotLike", ("b@y.example",), True),
        ("ForAllValues:StringNotLike", ("a@x.example", "b@y.example"), False),
        ("ForAnyValue:StringNotLike", ("a@x.example", "b@y.example"), True),
        ("ForAnyValue:StringNotLike", ("a@x.example",), False),
    ],
)
def test_a_key_with_many_values(operator: str, given: tuple[str, ...], expected: bool) -> None:
    assert holds(operator, "Recipients", "*@x.example", Recipients=given) is expected


def test_all_conditions_must_hold() -> None:
    both = {"StringEquals": {"aws:A": "1", "aws:B": "2"}}
    assert decided(statement(Condition=both), context={"aws:a": ("1",), "aws:b": ("2",)}) is ALLOWED
    assert decided(statement(Condition=both), context={"aws:a": ("1",), "aws:b": ("3",)}) is UNDECIDED


def test_variables_are_text_of_the_request_and_no_patterns() -> None:
    condition = {"StringLike": {"aws:From": "${aws:username}@*"}}
    rule = statement(Condition=condition)
    bob = {"aws:username": ("bob",), "aws:from": ("bob@example.com",)}
    assert decided(rule, context=bob) is ALLOWED
    assert decided(rule, context={**bob, "aws:username": ("*",)}) is UNDECIDED
    assert decided(rule, context={"aws:from": ("bob@example.com",)}) is UNDECIDED
    assert decided(rule, version="2008-10-17", context=bob) is UNDECIDED
    fallback = statement(Condition={"StringEquals": {"aws:From": "${aws:team, 'none'}"}})
    assert decided(fallback, context={"aws:from": ("none",)}) is ALLOWED
    star = statement(Condition={"StringLike": {"aws:From": "a${*}"}})
    assert decided(star, context={"aws:from": ("a*",)}) is ALLOWED
    assert decided(star, context={"aws:from": ("ab",)}) is UNDECIDED


def test_a_pattern_made_to_be_slow_is_not() -> None:
    rule = statement(Condition={"StringLike": {"aws:From": "*a" * 1500 + "b"}})
    began = time.process_time()
    assert decided(rule, context={"aws:from": ("a" * 3000,)}) is UNDECIDED
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
        ("[" * 4000, "Syntax errors in policy."),
        ("9" * 5000, "Syntax errors in policy."),
        ('{"Version":"2012-10-17","Version":"2012-10-17"}', "Duplicate keys in policy."),
        (json.dumps({"Statement": [statement()], "Rules": []}), "Syntax errors in policy."),
        (document(statement(), version="2013-01-01"), "The policy must contain a valid version string"),
        (json.dumps({"Version": "2012-10-17"}), "Missing required field Statement"),
        (json.dumps({"Version": "2012-10-17", "Statement": []}), "Missing required field Statement"),
        (json.dumps({"Id": 1, "Statement": [statement()]}), "Invalid policy id"),
        (json.dumps({"Statement": ["x"]}), "Syntax errors in policy."),
        (document(statement(Effect="allow")), "Invalid effect: allow"),
        (document(statement(Sid="a"), statement(Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
        (document(statement(Principals="*")), "Unknown field Principals"),
        (document(statement(Principal="bob")), "Invalid principal in policy"),
        (document(statement(Principal={"AWS": "bob"})), "Invalid principal in policy"),
        (document(statement(Principal={"AWS": []})), "Invalid principal in policy"),
        (document(statement(Principal={"Person": "bob"})), "Invalid principal in policy"),
        (document(statement(Principal={"AWS": "arn:aws:iam::111122223333:user/*"})), "Invalid principal in policy"),
        (document(statement(Action="SendEmail")), "Policy has invalid action"),
        (document(statement(Action=[])), "Policy has invalid action"),
        (document(statement(Action=7)), "Policy has invalid action"),
        (document(statement(NotAction="ses:*")), "Action and NotAction exclude each other"),
        (document(statement(Resource="example.com")), "Policy has invalid resource"),
        (document(statement(Condition=[])), "Policy has an invalid condition"),
        (document(statement(Condition={"Bool": {}})), "Policy has an invalid condition"),
        (document(statement(Condition={"Bool": {"aws:K": [{}]}})), "Policy has an invalid condition"),
        (document(statement(Condition={"Sounds": {"aws:K": "x"}})), "Invalid Condition type : Sounds"),
        (document(statement(Condition={"NullIfExists": {"aws:K": "true"}})), "Invalid Condition type : NullIfExists"),
        (document(statement(Condition={"ForSome:Bool": {"aws:K": "true"}})), "Invalid Condition type : ForSome:Bool"),
        (
            document(statement(Condition={"IpAddress": {"aws:K": "here"}})),
            "Invalid value of condition IpAddress for key aws:K",
        ),
        (
            document(statement(Condition={"DateEquals": {"aws:K": "soon"}})),
            "Invalid value of condition DateEquals for key aws:K",
        ),
        (
            document(statement(Condition={"NumericEquals": {"aws:K": "inf"}})),
            "Invalid value of condition NumericEquals for key aws:K",
        ),
    ],
)
def test_a_document_that_means_nothing_is_refused(text: str, why: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(text)
    assert str(refused.value) == why


@pytest.mark.parametrize("name", ["Effect", "Principal", "Action", "Resource"])
def test_what_a_statement_needs(name: str) -> None:
    rule = statement()
    del rule[name]
    with pytest.raises(Malformed, match=f"Missing required field {name}"):
        read(document(rule))


def test_a_policy_of_a_user_names_no_principals() -> None:
    rule = statement()
    with pytest.raises(Malformed, match="should not specify a principal"):
        read(document(rule), attached=True)
    del rule["Principal"]
    assert decide([read(document(rule), attached=True)], Asked(BOB, "ses:SendEmail", MAIL)) is ALLOWED


def test_nobody_is_allowed_by_leaving_somebody_out() -> None:
    rule = statement(NotPrincipal={"AWS": "111122223333"})
    del rule["Principal"]
    with pytest.raises(Malformed, match="Allow with NotPrincipal"):
        read(document(rule))
