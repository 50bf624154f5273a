"""Policies of identities in v2."""

import json
from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server

OPERATIONS = [
    ("create_email_identity_policy", {"PolicyName": "p", "Policy": "{}"}),
    ("update_email_identity_policy", {"PolicyName": "p", "Policy": "{}"}),
    ("get_email_identity_policies", {}),
    ("delete_email_identity_policy", {"PolicyName": "p"}),
]


def policy(account: str, effect: str = "Allow") -> str:
    rule = {
        "Effect": effect,
        "Principal": {"AWS": "111122223333"},
        "Action": "ses:*",
        "Resource": f"arn:aws:ses:us-east-1:{account}:identity/example.com",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [rule]})


def test_create_email_identity_policy_is_told_with_the_identity_and_by_v1(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_email_identity_policy(EmailIdentity="example.com", PolicyName="p", Policy=policy(server.account))

    expected = {"p": policy(server.account)}
    assert ses.get_email_identity_policies(EmailIdentity="example.com")["Policies"] == expected
    assert ses.get_email_identity(EmailIdentity="example.com")["Policies"] == expected
    assert server.client("ses").list_identity_policies(Identity="example.com")["PolicyNames"] == ["p"]


def test_a_policy_is_created_once(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_email_identity_policy(EmailIdentity="example.com", PolicyName="p", Policy=policy(server.account))
    with refused("AlreadyExistsException", "Policy p already exists for identity example.com."):
        ses.create_email_identity_policy(EmailIdentity="example.com", PolicyName="p", Policy=policy(server.account))


def test_update_email_identity_policy_changes_one_that_is_there(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    asked = {"EmailIdentity": "example.com", "PolicyName": "p", "Policy": policy(server.account, "Deny")}
    with refused("NotFoundException", "Policy p does not exist for identity example.com.", 404):
        ses.update_email_identity_policy(**asked)
    ses.create_email_identity_policy(**asked | {"Policy": policy(server.account)})
    ses.update_email_identity_policy(**asked)
    assert ses.get_email_identity_policies(EmailIdentity="example.com")["Policies"] == {"p": asked["Policy"]}


def test_delete_email_identity_policy_does_not_mind_that_there_is_none(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_email_identity_policy(EmailIdentity="example.com", PolicyName="p", Policy=policy(server.account))
    ses.delete_email_identity_policy(EmailIdentity="example.com", PolicyName="p")
    ses.delete_email_identity_policy(EmailIdentity="example.com", PolicyName="p")
    assert ses.get_email_identity(EmailIdentity="example.com")["Policies"] == {}


def test_a_bad_document_is_a_bad_request(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with refused("BadRequestException", "Missing required field Statement"):
        ses.create_email_identity_policy(EmailIdentity="example.com", PolicyName="p", Policy="{}")


@pytest.mark.parametrize(("operation", "members"), OPERATIONS)
def test_a_policy_needs_its_identity(server: Server, operation: str, members: dict[str, Any]) -> None:
    with refused("NotFoundException", "Identity example.com does not exist.", 404):
        getattr(server.client("sesv2"), operation)(EmailIdentity="example.com", **members)


def test_create_email_identity_policy_stops_at_20(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    asked = {"EmailIdentity": "example.com", "Policy": policy(server.account)}
    for number in range(20):
        ses.create_email_identity_policy(**asked, PolicyName=f"p{number}")
    with refused("LimitExceededException"):
        ses.create_email_identity_policy(**asked, PolicyName="one-more")
