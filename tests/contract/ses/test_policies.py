"""Policies of identities in v1."""

import json
from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server


def policy(account: str, **members: Any) -> str:
    rule = {
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": ["ses:SendEmail", "ses:SendRawEmail"],
        "Resource": f"arn:aws:ses:us-east-1:{account}:identity/example.com",
        **members,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [rule]})


def test_put_identity_policy_keeps_the_document_as_it_was_given(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    document = json.dumps(json.loads(policy(server.account)), indent=3)
    ses.put_identity_policy(Identity="example.com", PolicyName="others", Policy=document)
    ses.put_identity_policy(Identity="Example.COM", PolicyName="Another_1", Policy=policy(server.account))

    assert ses.list_identity_policies(Identity="example.com")["PolicyNames"] == ["Another_1", "others"]
    found = ses.get_identity_policies(Identity="example.com", PolicyNames=["others", "absent"])["Policies"]
    assert found == {"others": document}


def test_put_identity_policy_replaces_one_of_that_name(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    ses.put_identity_policy(Identity="example.com", PolicyName="others", Policy=policy(server.account))
    changed = policy(server.account, Effect="Deny")
    ses.put_identity_policy(Identity="example.com", PolicyName="others", Policy=changed)
    found = ses.get_identity_policies(Identity="example.com", PolicyNames=["others"])["Policies"]
    assert found == {"others": changed}


def test_delete_identity_policy_does_not_mind_that_there_is_none(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    ses.put_identity_policy(Identity="example.com", PolicyName="others", Policy=policy(server.account))
    ses.delete_identity_policy(Identity="example.com", PolicyName="others")
    ses.delete_identity_policy(Identity="example.com", PolicyName="others")
    assert ses.list_identity_policies(Identity="example.com")["PolicyNames"] == []


def test_policies_go_with_their_identity(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    ses.put_identity_policy(Identity="example.com", PolicyName="others", Policy=policy(server.account))
    ses.delete_identity(Identity="example.com")
    ses.verify_domain_identity(Domain="example.com")
    assert ses.list_identity_policies(Identity="example.com")["PolicyNames"] == []


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"Principal": {"AWS": "nobody"}}, "Invalid principal in policy"),
        ({"Action": "sns:Publish"}, "Policy has invalid action"),
        ({"Resource": "arn:aws:ses:us-east-1:999999999999:identity/example.com"}, "Policy has invalid resource"),
        ({"Effect": "Maybe"}, "Invalid effect: Maybe"),
    ],
)
def test_a_document_that_is_none_for_the_identity_is_refused(server: Server, members: dict[str, Any], why: str) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    with refused("InvalidPolicy", why):
        ses.put_identity_policy(Identity="example.com", PolicyName="p", Policy=policy(server.account, **members))


def test_a_document_that_is_too_long_or_has_a_bad_name_is_refused(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    with refused("InvalidPolicy", "Policy exceeds the maximum size of 4096 bytes."):
        ses.put_identity_policy(Identity="example.com", PolicyName="p", Policy=policy(server.account) + " " * 4096)
    why = "Invalid policy name a.b: only alphanumeric ASCII characters, '_' and '-' are allowed."
    with refused("InvalidPolicy", why):
        ses.put_identity_policy(Identity="example.com", PolicyName="a.b", Policy=policy(server.account))


def test_an_identity_has_twenty_policies_at_the_most(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    for number in range(20):
        ses.put_identity_policy(Identity="example.com", PolicyName=f"p{number}", Policy=policy(server.account))
    with refused("LimitExceeded", "You have reached the maximum of 20 policies for identity example.com."):
        ses.put_identity_policy(Identity="example.com", PolicyName="p20", Policy=policy(server.account))
    ses.put_identity_policy(Identity="example.com", PolicyName="p19", Policy=policy(server.account))
    assert len(ses.list_identity_policies(Identity="example.com")["PolicyNames"]) == 20
    with refused("InvalidParameterValue", "At most 20 policies can be asked for at a time."):
        ses.get_identity_policies(Identity="example.com", PolicyNames=[f"p{number}" for number in range(21)])


def test_a_policy_needs_its_identity(server: Server) -> None:
    with refused("InvalidParameterValue", "Identity example.com does not exist."):
        server.client("ses").put_identity_policy(Identity="example.com", PolicyName="p", Policy=policy(server.account))
