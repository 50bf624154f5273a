"""Whose ARN speaks for which address, and what its owner allows."""

import json

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import identities, identity_policies
from pillarbox.resources.sending_authorization import Claim, Given, OnBehalf, claim, from_headers, owners
from pillarbox.store.engine import Store

NOW = 1_790_000_000_000
HERE = Scope("111122223333", "us-east-1")
OWNER = Scope("444455556666", "us-east-1")
ARN = "arn:aws:ses:us-east-1:444455556666:identity/Example.com"
SOURCE = OnBehalf(source=Given("SourceArn", ARN))


@pytest.mark.parametrize("address", ["jo@example.com", "jo@EXAMPLE.com", "jo@mail.example.com"])
@pytest.mark.parametrize("role", ["source", "author", "return_path"])
def test_the_arn_of_the_source_goes_for_every_address_that_it_covers(role: str, address: str) -> None:
    assert claim(HERE, SOURCE, role, address, address) == Claim(address, ARN, OWNER, "example.com")


def test_nothing_is_claimed_without_an_arn() -> None:
    assert claim(HERE, OnBehalf(), "source", "jo@example.com", "jo@example.com") is None
    only = OnBehalf(return_path=Given("ReturnPathArn", ARN))
    assert claim(HERE, only, "source", "jo@example.com", "jo@example.com") is None


def test_an_arn_of_its_own_comes_before_that_of_the_source() -> None:
    other = ARN.replace("Example.com", "other.example")
    both = OnBehalf(Given("SourceArn", ARN), None, Given("ReturnPathArn", other))
    found = claim(HERE, both, "return_path", "b@other.example", "b@other.example")
    assert found is not None and found.arn == other


def test_the_arn_of_the_source_leaves_other_addresses_alone() -> None:
    assert claim(HERE, SOURCE, "return_path", "b@other.example", "b@other.example") is None
    with pytest.raises(Invalid, match=r"does not cover b@other\.example"):
        claim(HERE, SOURCE, "source", "b@other.example", "b@other.example")


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        ("example.com", "is not the ARN of an identity"),
        ("arn:aws:sns:us-east-1:444455556666:example.com", "is not the ARN of an identity"),
        (ARN.replace("identity/", "template/"), "is not the ARN of an identity"),
        (ARN.replace("us-east-1", "eu-west-1"), "is an identity of region eu-west-1"),
    ],
)
def test_what_cannot_speak_for_anybody_here_is_refused(arn: str, why: str) -> None:
    with pytest.raises(Invalid, match=f"Invalid value for SourceArn: .* {why}"):
        claim(HERE, OnBehalf(Given("SourceArn", arn)), "source", "jo@example.com", "jo@example.com")


def test_headers_claim_what_the_call_does_not() -> None:
    headers = from_headers({"x-ses-source-arn": "a", "x-ses-from-arn": "b", "x-ses-return-path-arn": "c"})
    assert [one.arn for one in headers if one] == ["a", "b", "c"]
    merged = SOURCE.or_else(headers)
    assert merged.source == Given("SourceArn", ARN)
    assert merged.author == Given("X-SES-FROM-ARN", "b")


async def test_an_owner_is_found_with_the_policies_in_force(store: Store) -> None:
    document = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ses:*", "Resource": ARN.lower()}}
    wanted = Claim("jo@example.com", ARN, OWNER, "example.com")
    assert await store.read(owners, [wanted]) == {}

    await store.write(identities.verify_domain, OWNER, "example.com", NOW, False)
    await store.write(identity_policies.put, OWNER, "example.com", "p", json.dumps(document), NOW)
    pending = (await store.read(owners, [wanted]))[ARN]
    assert not pending.verified
    assert [len(policy.statements) for policy in pending.policies] == [1]

    await store.write(identities.vouch, OWNER, "example.com", NOW)
    assert (await store.read(owners, [wanted]))[ARN].verified
