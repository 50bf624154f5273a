"""The attributes that a subscription may have.

Pure. Called by pubsub/subscriptions.py.
https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

import json
from collections.abc import Mapping

from pillarbox.kit.ids import Scope
from pillarbox.pubsub import archive_policies, filters, retry
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.refusals import InvalidParameter


def changed(
    attributes: Mapping[str, str], name: str, value: str, scope: Scope, protocol: str, *, is_fifo: bool
) -> dict[str, str]:
    """Return attributes with one of them set; an empty value takes it away. `scope` is that of the subscriber."""
    kept = {key: old for key, old in attributes.items() if key != name}
    if name == "RawMessageDelivery":
        return {**kept, name: _boolean(value)}
    if name == "FilterPolicyScope":
        if value not in (filters.MESSAGE_ATTRIBUTES, filters.MESSAGE_BODY):
            raise InvalidParameter(
                f"FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
            )
        if "FilterPolicy" in kept:
            filters.check(kept["FilterPolicy"], value)
    elif name == "FilterPolicy":
        filters.check(value or "{}", scope_of_filter(kept))
    elif name == "DeliveryPolicy":
        if protocol not in ("http", "https"):
            raise InvalidParameter("DeliveryPolicy: only HTTP and HTTPS subscriptions have one")
        if value:
            retry.check_subscription_policy(value)
    elif name == "RedrivePolicy":
        if value:
            _check_dead_letters(_dead_letter_queue(value, scope), is_fifo=is_fifo)
    elif name == archive_policies.REPLAY:
        value = value if value.strip() != archive_policies.NOTHING else ""
        if value and not is_fifo:
            raise InvalidParameter("ReplayPolicy Reason: only subscriptions to FIFO topics have one")
        if value:
            archive_policies.replay_of(value)
    elif name == "SubscriptionRoleArn":
        if value:
            raise InvalidParameter("SubscriptionRoleArn Reason: only firehose subscriptions have a role")
    else:
        raise InvalidParameter("AttributeName")
    return {**kept, name: value} if value else kept


def all_changed(attributes: Mapping[str, str], scope: Scope, protocol: str, *, is_fifo: bool) -> dict[str, str]:
    """Return attributes given together, as Subscribe takes them."""
    kept: dict[str, str] = {}
    try:
        # The scope decides what a filter policy may contain, so it comes first.
        for name in sorted(attributes, key=lambda name: name != "FilterPolicyScope"):
            kept = changed(kept, name, attributes[name], scope, protocol, is_fifo=is_fifo)
    except InvalidParameter as refusal:
        raise InvalidParameter(f"Attributes Reason: {refusal.reason}") from None
    return kept


def has_all(present: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Say that a subscription has these attributes already, by itself or by default."""
    whole = {"RawMessageDelivery": "false", "FilterPolicyScope": filters.MESSAGE_ATTRIBUTES, **present}
    return all(whole.get(name) == value for name, value in wanted.items())


def scope_of_filter(attributes: Mapping[str, str]) -> str:
    return attributes.get("FilterPolicyScope", filters.MESSAGE_ATTRIBUTES)


def is_raw(attributes: Mapping[str, str]) -> bool:
    return attributes.get("RawMessageDelivery") == "true"


def dead_letter_arn(redrive_policy: str) -> str:
    """Return the ARN of the queue in a RedrivePolicy that was accepted."""
    arn: str = json.loads(redrive_policy)["deadLetterTargetArn"]
    return arn


def _dead_letter_queue(redrive_policy: str, scope: Scope) -> str:
    """Return the name of the queue in a RedrivePolicy, or refuse the policy."""
    try:
        policy = json.loads(redrive_policy)
    except (ValueError, RecursionError):
        raise InvalidParameter("RedrivePolicy: failed to parse JSON.") from None
    arn = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    place = place_of_arn(arn) if isinstance(arn, str) else None
    if place is None:
        raise InvalidParameter("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if place[0] != scope:
        raise InvalidParameter("RedrivePolicy: deadLetterTargetArn must be a queue of the same account and region")
    return place[1]


def _check_dead_letters(queue: str, *, is_fifo: bool) -> None:
    # https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    if is_fifo and not queue.endswith(".fifo"):
        raise InvalidParameter("RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
    if not is_fifo and queue.endswith(".fifo"):
        raise InvalidParameter("RedrivePolicy: must use a standard queue as DLQ for a subscription to a standard Topic")


def _boolean(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise InvalidParameter(f"RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    return value.lower()
