"""The least policy allows every call that the code makes to another SES, and nothing more."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.upstreams import upstream_of
from pillarbox.kit import policy
from pillarbox.kit.policy import Asked, Decision, Principal
from pillarbox.operate.chain.permissions import ACTIONS, For, least_policy, partition_of, purposes
from pillarbox.settings import EventsSetting, UpstreamSetting

SRC = Path(__file__).parents[4] / "src" / "pillarbox"
TOPIC = "arn:aws:sns:eu-west-1:210000000001:events"
QUEUE = "arn:aws:sqs:eu-west-1:210000000001:events"
SES = "arn:aws:ses:eu-west-1:210000000001:"
ON = {
    "any": ["*"],
    "sent": [f"{SES}identity/example.com", f"{SES}configuration-set/news", f"{SES}tenant/a"],
    "sender": [f"{SES}identity/example.com"],
    "set": [f"{SES}configuration-set/news", f"{SES}configuration-set/more"],
    "topic": [TOPIC, f"{TOPIC}:1234"],
    "queue": [QUEUE],
}
# How the code calls what IAM calls otherwise: https://docs.aws.amazon.com/service-authorization/latest/reference/
PATHS = {"/v2/email/account": "ses:GetAccount", "/v2/email/outbound-emails": "ses:SendRawEmail"}
PATHS["/v2/email/suppression/addresses"] = "ses:ListSuppressedDestinations"
SQS = {"ReceiveMessage": "sqs:ReceiveMessage", "DeleteMessageBatch": "sqs:DeleteMessage"}


def upstream(**changed: Any) -> Any:
    setting = UpstreamSetting(
        name="eu",
        region="eu-west-1",
        account="110000000001",
        configuration_set="news",
        configuration_sets={"a": "more"},
        events=EventsSetting(topics=(TOPIC,), queue_url="https://sqs.eu-west-1.amazonaws.com/210000000001/events"),
    )
    return upstream_of(setting, **changed)


def allows(document: dict[str, Any], action: str, resource: str) -> bool:
    asked = Asked(Principal("210000000001", "pillarbox"), action, resource)
    return policy.decide([policy.read(json.dumps(document), attached=True)], asked) is Decision.ALLOWED


def called_in_the_code() -> set[str]:
    """Return every action that is written down where the far side is asked."""
    found = set()
    for path in (SRC / "operate" / "chain").glob("*.py"):
        if path.name != "permissions.py":
            found |= set(re.findall(r'"((?:ses|sns|sqs):[A-Z]\w+)"', path.read_text()))
    found -= {"sns:Publish", "sqs:SendMessage"}  # what policies let AWS's own services do
    found |= {f"ses:{verb}ConfigurationSetEventDestination" for verb in ("Create", "Update")}
    for path in (SRC / "delivery" / "transport", SRC / "upkeep"):
        for text in (one.read_text() for one in path.glob("*.py")):
            found |= {PATHS[one] for one in re.findall(r'"(/v2/email/[\w/-]+)"', text)}
    queue = (SRC / "upstream" / "sqs_client.py").read_text()
    return found | {SQS[one] for one in re.findall(r'_ask\("(\w+)"', queue)}


def test_everything_that_the_code_asks_is_in_the_table_and_nothing_else() -> None:
    assert called_in_the_code() == set(ACTIONS)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_each_call_is_allowed_on_what_it_is_about_and_nowhere_else(action: str) -> None:
    document = least_policy(upstream(), purposes(upstream(), repairing=True))
    kind, _ = ACTIONS[action]
    assert all(allows(document, action, resource) for resource in ON[kind])
    if kind != "any":
        for other in ("arn:aws:sns:eu-west-1:210000000001:other", "arn:aws:s3:::bucket", "arn:aws:sqs:eu-west-1:1:x"):
            assert not allows(document, action, other)


def test_nothing_else_is_allowed() -> None:
    document = least_policy(upstream(), purposes(upstream(), repairing=True))
    named = [action for one in document["Statement"] for action in one["Action"]]
    assert sorted(named) == sorted(ACTIONS) and "*" not in "".join(named)
    assert not allows(document, "ses:DeleteEmailIdentity", f"{SES}identity/example.com")


def test_who_repairs_nothing_may_change_nothing() -> None:
    document = least_policy(upstream(), purposes(upstream()))
    for action, (kind, purpose) in ACTIONS.items():
        assert allows(document, action, ON[kind][0]) is (purpose != For.REPAIRING)


def test_who_only_listens_may_not_send_raw_mail() -> None:
    listening = upstream(is_sent_to=False)
    assert not allows(least_policy(listening, purposes(listening)), "ses:SendRawEmail", f"{SES}identity/example.com")


@pytest.mark.parametrize(
    "region, partition", [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_each_part_of_aws_has_its_name(region: str, partition: str) -> None:
    assert partition_of(region) == partition
