"""Permissions: statements of a queue's policy that are given and taken by a label.

Plans only; the texts of refusals are those of the service. Called by
api/sqs/permissions.py. The policy is the attribute that everybody sees.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queues
from pillarbox.pubsub.queue_errors import InvalidParameter, MissingParameter, TooManyActions
from pillarbox.pubsub.queue_names import arn_of
from pillarbox.store.plan import Plan

_MOST_ACTIONS = 7
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
# What others may be allowed; the rest is the owner's alone.
_ACTIONS = frozenset(
    {
        "*",
        "SendMessage",
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
    }
)


def add(
    scope: Scope, name: str, label: str, accounts: Sequence[str], actions: Sequence[str], now: Millis
) -> Plan[None]:
    """Let accounts do with a queue what the actions say, until the label is removed."""
    _check(label, accounts, actions)
    queue = yield from queues.find(scope, name)
    policy = _policy_of(queue.attributes.get("Policy"), arn_of(scope, name))
    if any(one.get("Sid") == label for one in policy["Statement"]):
        raise InvalidParameter.value(label, "Label", "Already exists.")
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_many([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_many([f"SQS:{action}" for action in actions]),
        "Resource": arn_of(scope, name),
    }
    yield from _set(scope, name, {**policy, "Statement": [*policy["Statement"], statement]}, now)


def remove(scope: Scope, name: str, label: str, now: Millis) -> Plan[None]:
    """Take away what was given by a label."""
    queue = yield from queues.find(scope, name)
    policy = _policy_of(queue.attributes.get("Policy"), arn_of(scope, name))
    left = [one for one in policy["Statement"] if one.get("Sid") != label]
    if len(left) == len(policy["Statement"]):
        raise InvalidParameter.value(label, "Label", "can't find label on existing policy.")
    yield from _set(scope, name, {**policy, "Statement": left}, now)


def _set(scope: Scope, name: str, policy: dict[str, Any], now: Millis) -> Plan[None]:
    text = json.dumps(policy, separators=(",", ":")) if policy["Statement"] else ""
    yield from queues.set_attributes(scope, name, {"Policy": text}, now)


def _policy_of(text: str | None, arn: str) -> dict[str, Any]:
    if text is None:
        return {"Version": "2012-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    policy: dict[str, Any] = json.loads(text)
    given = policy["Statement"]
    return {**policy, "Statement": given if isinstance(given, list) else [given]}


def _check(label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
    if not _LABEL.fullmatch(label):
        raise InvalidParameter.value(
            label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    if not actions:
        raise MissingParameter("Actions")
    if not accounts or not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise InvalidParameter.value(f"[{', '.join(accounts)}]", "PrincipalId", "Unable to verify.")
    if len(actions) > _MOST_ACTIONS:
        raise TooManyActions(f"{len(actions)} Actions were found, maximum allowed is {_MOST_ACTIONS}.")
    for action in actions:
        if action not in _ACTIONS:
            raise InvalidParameter.value(
                f"SQS:{action}", "ActionName", "Only the queue owner is allowed to invoke this action."
            )


def _one_or_many(texts: list[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else texts
