"""What concerns a topic together with its subscriptions: its counts, its end, and how large it may grow.

Plans only. Called by api/sns/topics.py, and by subscriptions.py when there is
to be one more.
"""

from collections.abc import Mapping

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import filters, subscribers, topics
from pillarbox.pubsub.endpoints import SQS
from pillarbox.pubsub.refusals import InvalidParameter, TooManyFilterPolicies, TooManySubscriptions
from pillarbox.pubsub.subscribers import CONFIRMED, KIND, PENDING, REMOVED, Subscription
from pillarbox.pubsub.topic_attributes import LARGEST, MOST_BYTES, most_bytes
from pillarbox.pubsub.topics import Topic
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

# https://docs.aws.amazon.com/general/latest/gr/sns.html#limits_sns_resource
MOST_SUBSCRIPTIONS = 12_500_000
MOST_WHERE_FEW = 100  # of FIFO topics, and of topics with large messages


def attributes_of(scope: Scope, topic: str, now: Millis) -> Plan[dict[str, str]]:
    """Return what a topic tells of itself, its subscriptions counted."""
    attributes = yield from topics.attributes_of(scope, topic, now)
    present = [one for _, one in (yield from subscribers.of_topic(scope, topic)) if not one.is_over(now)]
    return {
        **attributes,
        "SubscriptionsConfirmed": str(sum(one.state == CONFIRMED for one in present)),
        "SubscriptionsPending": str(sum(one.state == PENDING for one in present)),
        "SubscriptionsDeleted": str(sum(one.state == REMOVED for one in present)),
    }


def set_attribute(scope: Scope, topic: str, attribute: str, value: str, now: Millis) -> Plan[None]:
    """Set an attribute of a topic, unless its subscriptions do not allow it."""
    yield from topics.set_attribute(scope, topic, attribute, value, now)
    if attribute == LARGEST and most_bytes((yield from topics.find(scope, topic)).attributes) > MOST_BYTES:
        present = [one for _, one in (yield from subscribers.of_topic(scope, topic)) if one.is_there(now)]
        if len(present) > MOST_WHERE_FEW or any(one.protocol != SQS for one in present):
            raise InvalidParameter(
                f"{LARGEST} Reason: above {MOST_BYTES} bytes a topic has at most {MOST_WHERE_FEW} subscriptions, all of"
                " them SQS queues"
            )


def delete(scope: Scope, topic: str) -> Plan[None]:
    """Delete a topic with its subscriptions, those of other accounts too; one that keeps an archive stays."""
    for name, one in (yield from subscribers.of_topic(scope, topic)):
        yield from subscribers.remove(scope, name, one)
    yield from topics.delete(scope, topic)


def check_room(topic: Topic, present: list[tuple[str, Subscription]], protocol: str, now: Millis) -> None:
    """Refuse one more subscription than a topic may have, or one that its messages are too large for."""
    is_large = most_bytes(topic.attributes) > MOST_BYTES
    if is_large and protocol != SQS:
        raise InvalidParameter(f"Protocol Reason: a topic with messages above {MOST_BYTES} bytes tells SQS queues only")
    most = MOST_WHERE_FEW if topic.is_fifo or is_large else MOST_SUBSCRIPTIONS
    if sum(one.is_there(now) for _, one in present) >= most:
        raise TooManySubscriptions(f"The topic has its {most:,} subscriptions already")


def check_filters(scope: Scope, present: list[tuple[str, Subscription]], attributes: Mapping[str, str]) -> Plan[None]:
    """Refuse one more filter policy than a topic may have, or than all topics of an account."""
    if "FilterPolicy" not in attributes:
        return
    most, owner = filters.MOST_POLICIES_PER_TOPIC, "a topic"
    found = sum("FilterPolicy" in one.attributes for _, one in present)
    if found < most:
        most, owner = filters.MOST_POLICIES, "an account"
        found = yield from nouns.count_with(scope, KIND, '"FilterPolicy":')
    if found >= most:
        raise TooManyFilterPolicies(f"Filter policy limit exceeded: {owner} has at most {most} filter policies")
