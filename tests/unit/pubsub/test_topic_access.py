"""Who may do what with a topic."""

import json
from typing import Any

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.pubsub import topic_policies
from pillarbox.pubsub.refusals import InvalidParameter, NotAuthorized
from pillarbox.pubsub.topic_access import Asking, Place, by_ses, by_user, check, place_of
from pillarbox.pubsub.topics import Topic

PLACE = Place(Scope("123456789012", "us-east-1"), "events")
OURS, THEIRS = "123456789012", "210987654321"


def allows(asking: Asking, **statement: Any) -> bool:
    """Say whether a topic with a policy of this one statement lets somebody do what they ask."""
    whole = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SNS:Publish", "Resource": PLACE.arn, **statement}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [whole]}) if statement else ""
    try:
        check(Topic({"Policy": policy} if policy else {}, {}), PLACE, asking)
    except NotAuthorized:
        return False
    return True


def user(account: str, action: str = "Publish", **more: str) -> Asking:
    return by_user(account, "me", action, "192.0.2.1", {f"sns:{key}": (value,) for key, value in more.items()})


def test_without_a_policy_a_topic_is_for_its_own_account() -> None:
    assert allows(user(OURS))
    assert not allows(user(THEIRS))
    assert allows(by_ses(OURS))


def test_a_policy_lets_others_in_and_may_lock_the_owner_out() -> None:
    assert allows(user(THEIRS), Principal={"AWS": THEIRS})
    assert allows(user(OURS), Principal={"AWS": THEIRS})
    assert not allows(user(OURS), Effect="Deny")
    assert not allows(user(THEIRS, "Subscribe"), Principal={"AWS": THEIRS})


def test_ses_obeys_a_policy_that_denies_it() -> None:
    assert not allows(by_ses(OURS), Effect="Deny", Principal={"Service": "ses.amazonaws.com"})
    assert allows(by_ses(OURS), Principal={"Service": "ses.amazonaws.com"})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"AWS:SourceOwner": THEIRS}}, True),
        ({"StringEquals": {"AWS:SourceOwner": OURS}}, False),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False),
        ({"StringEquals": {"SNS:Protocol": "https"}}, True),
        ({"StringLike": {"SNS:Endpoint": "https://example.com/*"}}, True),
        ({"StringLike": {"SNS:Endpoint": "*@example.com"}}, False),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:
    asking = user(THEIRS, protocol="https", endpoint="https://example.com/hook")
    assert allows(asking, Condition=condition) is holds


def test_a_label_is_added_and_taken() -> None:
    default = topic_policies.default(PLACE.arn, OURS)
    several = topic_policies.with_permission(default, "x", [THEIRS, OURS], ["Publish", "Subscribe"], PLACE.arn)
    added = json.loads(several)["Statement"][-1]
    assert added["Principal"]["AWS"] == [f"arn:aws:iam::{THEIRS}:root", f"arn:aws:iam::{OURS}:root"]
    assert added["Action"] == ["SNS:Publish", "SNS:Subscribe"]
    assert json.loads(topic_policies.without_permission(several, "x")) == json.loads(default)
    assert topic_policies.without_permission(default, topic_policies.DEFAULT_SID) == ""
    with pytest.raises(InvalidParameter, match="AWSAccountId"):
        topic_policies.with_permission(default, "x", [], ["Publish"], PLACE.arn)


def test_a_topic_of_another_account_has_a_place() -> None:
    arn = f"arn:aws:sns:us-east-1:{THEIRS}:events"
    assert place_of(arn, "us-east-1") == Place(Scope(THEIRS, "us-east-1"), "events")
    assert place_of(arn, "us-east-1").arn == arn
