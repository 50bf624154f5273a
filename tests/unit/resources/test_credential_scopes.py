"""What a key of each scope may do."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.policy import Asked, Decision, Principal, decide
from pillarbox.resources.credential_scopes import checked, grants

ACCOUNT = "123456789012"


def allows(scope: str, action: str, resource: str = "*") -> bool:
    granted = grants(scope, ACCOUNT)
    assert granted is not None
    return decide([granted], Asked(Principal(ACCOUNT, "bob"), action, resource)) is Decision.ALLOWED


def test_a_key_without_a_scope_is_good_for_everything() -> None:
    assert grants("", ACCOUNT) is None


@pytest.mark.parametrize(
    ("scope", "action", "allowed"),
    [
        ("send-only", "ses:SendEmail", True),
        ("send-only", "ses:SendBounce", True),
        ("send-only", "ses:GetSendQuota", False),
        ("send-only", "ses:DeleteIdentity", False),
        ("send-only", "SNS:Publish", False),
        ("read-only", "ses:GetSendQuota", True),
        ("read-only", "ses:ListIdentities", True),
        ("read-only", "SNS:ListTopics", True),
        ("read-only", "sqs:GetQueueUrl", True),
        ("read-only", "sqs:ReceiveMessage", False),
        ("read-only", "ses:SendEmail", False),
        ("read-only", "ses:CreateTemplate", False),
    ],
)
def test_a_scope_is_a_list_of_actions(scope: str, action: str, allowed: bool) -> None:
    assert allows(scope, action) is allowed


def test_the_key_of_an_identity_sends_as_that_one_alone() -> None:
    arn = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/"
    scope = checked("identity=Example.com")
    assert scope == "identity=example.com"
    assert allows(scope, "ses:SendEmail", arn + "example.com")
    assert allows(scope, "ses:SendRawEmail", arn.replace("us-east-1", "eu-west-1") + "example.com")
    assert not allows(scope, "ses:SendEmail", arn + "example.org")
    assert not allows(scope, "ses:SendEmail", arn.replace(ACCOUNT, "999999999999") + "example.com")
    assert not allows(scope, "ses:GetSendQuota")


def test_the_key_of_a_tenant_sends_for_that_one_alone() -> None:
    granted = grants(checked("tenant=acme"), ACCOUNT)
    assert granted is not None

    def may(action: str, **context: tuple[str, ...]) -> bool:
        asked = Asked(Principal(ACCOUNT, "bob"), action, f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/a.example", context)
        return decide([granted], asked) is Decision.ALLOWED

    assert may("ses:SendEmail", **{"ses:tenantname": ("acme",)})
    assert not may("ses:SendEmail", **{"ses:tenantname": ("other",)})
    assert not may("ses:SendEmail")
    assert not may("ses:GetSendQuota", **{"ses:tenantname": ("acme",)})


def test_a_star_in_an_address_is_no_wildcard() -> None:
    arn = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/"
    assert allows(checked("identity=a*b@example.com"), "ses:SendEmail", arn + "a*b@example.com")
    assert not allows(checked("identity=a*b@example.com"), "ses:SendEmail", arn + "axb@example.com")


@pytest.mark.parametrize(
    "text", ["everything", "identity=", "identity=not a name", "Send-Only", "tenant=", "tenant=not a name"]
)
def test_a_scope_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        checked(text)
