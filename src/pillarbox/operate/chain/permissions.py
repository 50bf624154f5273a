"""Who may do what of the chain: the least policy for the credentials of an upstream.

Pure. ACTIONS names everything that this program asks of another SES, and of the
SNS and SQS beside it, with what IAM wants to be allowed for it. Called by
operate/upstream.py and `pillarbox upstream add`.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Flag, auto
from typing import Any
from urllib.parse import urlsplit

from pillarbox.delivery.transport.ses_client import Upstream


class For(Flag):
    """What credentials are for. LISTENING is to poll a queue, ASKING and REPAIRING what the doctor does."""

    SENDING = auto()
    LISTS = auto()
    LISTENING = auto()
    ASKING = auto()
    REPAIRING = auto()
    PROVING = auto()


_ANY, _SENT, _SENDER, _SET, _TOPIC, _QUEUE = "any", "sent", "sender", "set", "topic", "queue"

# The action, what it may be done to, and whatever needs it.
ACTIONS: Mapping[str, tuple[str, For]] = {
    "ses:SendEmail": (_SENT, For.SENDING | For.PROVING),
    "ses:SendRawEmail": (_SENT, For.SENDING),
    "ses:GetAccount": (_ANY, For.SENDING | For.ASKING),
    "ses:ListSuppressedDestinations": (_ANY, For.LISTS),
    "ses:GetEmailIdentity": (_SENDER, For.ASKING),
    "ses:GetConfigurationSet": (_SET, For.ASKING),
    "ses:GetConfigurationSetEventDestinations": (_SET, For.ASKING),
    "sns:GetTopicAttributes": (_TOPIC, For.ASKING),
    "sns:ListSubscriptionsByTopic": (_TOPIC, For.ASKING),
    "sns:GetSubscriptionAttributes": (_TOPIC, For.ASKING),
    "sqs:GetQueueAttributes": (_QUEUE, For.ASKING),
    "sqs:ReceiveMessage": (_QUEUE, For.LISTENING),
    "sqs:DeleteMessage": (_QUEUE, For.LISTENING),
    "ses:CreateEmailIdentity": (_SENDER, For.REPAIRING),
    "ses:CreateConfigurationSet": (_SET, For.REPAIRING),
    "ses:CreateConfigurationSetEventDestination": (_SET, For.REPAIRING),
    "ses:UpdateConfigurationSetEventDestination": (_SET, For.REPAIRING),
    "sns:CreateTopic": (_TOPIC, For.REPAIRING),
    "sns:SetTopicAttributes": (_TOPIC, For.REPAIRING),
    "sns:Subscribe": (_TOPIC, For.REPAIRING),
    "sns:SetSubscriptionAttributes": (_TOPIC, For.REPAIRING),
    "sqs:CreateQueue": (_QUEUE, For.REPAIRING),
    "sqs:SetQueueAttributes": (_QUEUE, For.REPAIRING),
}


def purposes(upstream: Upstream, *, repairing: bool = False) -> For:
    """Return what the credentials of an upstream are for, as its settings say."""
    found = For.ASKING | For.PROVING
    if upstream.is_sent_to:
        found |= For.SENDING
    if upstream.keeps_list:
        found |= For.LISTS
    if upstream.queue_url:
        found |= For.LISTENING
    return found | For.REPAIRING if repairing else found


def least_policy(upstream: Upstream, wanted: For) -> dict[str, Any]:
    """Return a policy for the user or role of these credentials that allows what is wanted, and nothing more."""
    statements = []
    for kind, resources in _resources(upstream).items():
        actions = [action for action, (of, purpose) in ACTIONS.items() if of == kind and purpose & wanted]
        if actions and resources:
            named = list(resources) if len(resources) > 1 else resources[0]
            statements.append({"Effect": "Allow", "Action": actions, "Resource": named})
    return {"Version": "2012-10-17", "Statement": statements}


def _resources(upstream: Upstream) -> dict[str, Sequence[str]]:
    """Return the ARNs of each kind; the account is that of a topic or the queue, if one is known."""
    queue = queue_arn(upstream)
    known = next((arn.split(":")[4] for arn in (*upstream.topics, queue) if arn), "*")
    here = f"arn:{partition_of(upstream.region)}:ses:{upstream.region}:{known}:"
    names = sorted({*filter(None, (upstream.configuration_set, *upstream.configuration_sets.values()))})
    sets = [f"{here}configuration-set/{name}" for name in names]
    senders = [f"{here}identity/*"]
    return {
        _ANY: ["*"],
        _SENT: [*senders, *sets, f"{here}tenant/*"],
        _SENDER: senders,
        _SET: sets,
        _TOPIC: list(_with_subscriptions(upstream.topics)),
        _QUEUE: [queue] if queue else [],
    }


def _with_subscriptions(topics: Iterable[str]) -> Iterable[str]:
    for topic in topics:
        yield from (topic, f"{topic}:*")


def queue_arn(upstream: Upstream) -> str:
    """Return the ARN of the queue that is polled, as its URL tells it (https://HOST/ACCOUNT/NAME); empty for none.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
    """
    if not upstream.queue_url:
        return ""
    *_, account, name = urlsplit(upstream.queue_url).path.split("/")
    return f"arn:{partition_of(upstream.region)}:sqs:{upstream.region}:{account}:{name}"


def partition_of(region: str) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
