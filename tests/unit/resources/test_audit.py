"""The audit log tells what changed, in the transaction of the change."""

import pytest

from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.resources import audit, identities
from pillarbox.store.audit import AuditRow
from pillarbox.store.engine import Store

SCOPE = Scope("123456789012", "us-east-1")


def entry(subject: str, account: str = SCOPE.account, at: int = 1) -> AuditRow:
    return AuditRow(at, account, SCOPE.region, "bob (AKIA)", "192.0.2.1", "ses:DeleteIdentity", subject)


async def test_a_change_and_its_entry_are_written_together(store: Store) -> None:
    told = audit.audited_store(store, entry("a@example.com"))
    await told.write(identities.verify_address, SCOPE, "a@example.com", 1, True)
    assert await store.read(audit.entries, SCOPE.account, 10) == [entry("a@example.com")]


async def test_a_change_that_is_refused_leaves_no_entry(store: Store) -> None:
    told = audit.audited_store(store, entry("absent.example"))
    with pytest.raises(Refusal):
        await told.write(identities.delete_existing, SCOPE, "absent.example")
    assert await store.read(audit.entries, "", 10) == []


async def test_entries_are_told_newest_first_and_by_account(store: Store) -> None:
    for number, account in enumerate(("111111111111", "222222222222", "111111111111")):
        told = audit.audited_store(store, entry(f"n{number}.example", account, number))
        await told.write(identities.verify_domain, Scope(account, "us-east-1"), f"n{number}.example", 1, True)
    assert [one.subject for one in await store.read(audit.entries, "", 10)] == [
        "n2.example",
        "n1.example",
        "n0.example",
    ]
    assert [one.subject for one in await store.read(audit.entries, "111111111111", 1)] == ["n2.example"]


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("PutIdentityPolicy", True),
        ("CreateEmailIdentity", True),
        ("UpdateAccountSendingEnabled", True),
        ("CreateTopic", True),
        ("GetEmailIdentity", False),
        ("ListIdentities", False),
        ("DescribeConfigurationSet", False),
        ("SendEmail", False),
        ("ReceiveMessage", False),
        ("PutSuppressedDestination", False),
    ],
)
def test_what_changes_something_is_told(operation: str, told: bool) -> None:
    assert audit.is_change(operation) is told


def test_a_subject_names_the_thing_and_its_part_and_no_values() -> None:
    params = {"Identity": "example.com", "PolicyName": "p", "Policy": "{...}"}
    assert audit.subject_of(params) == "example.com p"
    assert audit.subject_of({"ConfigurationSet": {"Name": "news"}}) == "news"
    assert audit.subject_of({"TenantName": "acme", "ResourceArn": "arn:x"}) == "acme arn:x"
    assert audit.subject_of({"ResourceArn": "arn:x"}) == "arn:x"
    paused = {"ReputationEntityReference": "arn:t", "ReputationEntityType": "RESOURCE", "SendingStatus": "DISABLED"}
    assert audit.subject_of(paused) == "arn:t DISABLED"
    assert audit.subject_of({"Enabled": True}) == ""
    assert len(audit.subject_of({"Domain": "x" * 5000})) == 512
