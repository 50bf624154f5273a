"""The policy of a topic: the one it has by default, and statements added and taken by their label.

Pure. Called by pubsub/topics.py when a policy is set or shown; who may do what
by it is topic_access.py.
https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from pillarbox.kit import policy
from pillarbox.kit.policy import Policy
from pillarbox.pubsub.refusals import InvalidParameter

DEFAULT_SID = "__default_statement_ID"
_DEFAULT_ACTIONS = (
    "SNS:GetTopicAttributes",
    "SNS:SetTopicAttributes",
    "SNS:AddPermission",
    "SNS:RemovePermission",
    "SNS:DeleteTopic",
    "SNS:Subscribe",
    "SNS:ListSubscriptionsByTopic",
    "SNS:Publish",
)
# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
_GRANTED = frozenset({
    "AddPermission", "DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "Receive",
    "RemovePermission", "SetTopicAttributes", "Subscribe",
})  # fmt: skip
_KNOWN = frozenset(f"sns:{action.lower()}" for action in _GRANTED) | {"sns:*", "*"}
_LONGEST = 30 * 1024
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")


def default(topic_arn: str, account: str) -> str:
    """Return the policy of a topic that was given none: its own account may do everything."""
    statement = {
        "Sid": DEFAULT_SID,
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": list(_DEFAULT_ACTIONS),
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return _text({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def check(text: str) -> Policy:
    """Read a policy that somebody sets; refuse one that is none, or speaks of what no topic can do."""
    if len(text.encode()) > _LONGEST:
        raise InvalidParameter("Policy Error: policy is too long")
    try:
        read = policy.read(text)
    except policy.Malformed as reason:
        # What AWS says of a text that it cannot read at all.
        why = "null" if str(reason) == "Syntax errors in policy." else reason
        raise InvalidParameter(f"Policy Error: {why}") from None
    for statement in read.statements:
        for action in statement.actions.values:
            if "*" not in action and "?" not in action and action.lower() not in _KNOWN:
                raise InvalidParameter("Policy statement action out of service scope!")
    return read


def with_permission(text: str, label: str, accounts: Sequence[str], actions: Sequence[str], topic_arn: str) -> str:
    """Return a policy with one more statement, that allows accounts some actions."""
    if not _LABEL.fullmatch(label):
        raise InvalidParameter("Label")
    for action in actions:
        if action != "*" and action not in _GRANTED:
            raise InvalidParameter("Policy statement action out of service scope!")
    if not accounts or not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise InvalidParameter("AWSAccountId")
    document = json.loads(text)
    statements = _statements(document)
    if any(one.get("Sid") == label for one in statements):
        raise InvalidParameter("Statement already exists")
    granted = [f"SNS:{action}" for action in actions]
    roots = [f"arn:aws:iam::{account}:root" for account in accounts]
    statements.append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": roots[0] if len(roots) == 1 else roots},
            "Action": granted[0] if len(granted) == 1 else granted,
            "Resource": topic_arn,
        }
    )
    after = _text({**document, "Statement": statements})
    check(after)
    return after


def without_permission(text: str, label: str) -> str:
    """Return a policy without the statement of that label; empty when no other statement is left."""
    document = json.loads(text)
    kept = [one for one in _statements(document) if one.get("Sid") != label]
    return _text({**document, "Statement": kept}) if kept else ""


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    given = document["Statement"]
    return list(given) if isinstance(given, list) else [given]


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
