"""ARNs by which a caller says on whose authority it sends."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import identities, sending_authorization
from pillarbox.resources.identities import IdentityMissing
from pillarbox.resources.sending_authorization import Claim
from pillarbox.resources.unsupported import Unsupported
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
ARN = "arn:aws:ses:us-east-1:111111111111:identity/"


@pytest.fixture
async def own(store: Store) -> Store:
    """A store with the identity `example.com`."""
    await store.write(identities.vouch, HERE, "example.com", 0)
    return store


@pytest.mark.parametrize("address", ["jo@example.com", "Jo <jo@mail.EXAMPLE.com>", None])
async def test_an_own_identity_that_covers_the_sender_passes(own: Store, address: str | None) -> None:
    await own.read(sending_authorization.check, HERE, [Claim("SourceArn", ARN + "Example.com", address)])


@pytest.mark.parametrize(
    ("arn", "reason"),
    [
        (ARN + "example.net", IdentityMissing),
        (ARN.replace("us-east-1", "eu-west-1") + "example.com", IdentityMissing),
        (ARN.replace("111111111111", "222222222222") + "example.com", Unsupported),
        (ARN.replace(":ses:", ":sns:") + "example.com", Invalid),
        (ARN.replace("identity", "template") + "example.com", Invalid),
        ("example.com", Invalid),
    ],
)
async def test_another_authority_is_refused(own: Store, arn: str, reason: type[Exception]) -> None:
    with pytest.raises(reason):
        await own.read(sending_authorization.check, HERE, [Claim("SourceArn", arn, "jo@example.com")])


async def test_an_identity_that_does_not_cover_the_sender_is_refused(own: Store) -> None:
    with pytest.raises(Invalid, match=r"does not cover jo@example.net"):
        await own.read(sending_authorization.check, HERE, [Claim("SourceArn", ARN + "example.com", "jo@example.net")])


def test_only_what_is_given_is_claimed() -> None:
    found = sending_authorization.claims({"SourceArn": "x"}, {"SourceArn": "jo@example.com", "FromArn": None})
    assert found == [Claim("SourceArn", "x", "jo@example.com")]
