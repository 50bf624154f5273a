"""What SES itself publishes to a topic when it is set up, in the transaction that sets it up.

Plans over a noun and the topic's notifications together. Called by the v1 and
v2 handlers of event destinations and identity notifications.
https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html
"""

import json

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.pubsub.publish import Notice, publish_many
from pillarbox.pubsub.topic_access import by_ses
from pillarbox.resources import event_destinations, identities
from pillarbox.resources.event_destinations import Wanted
from pillarbox.store.plan import Plan

VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."


def create_event_destination(scope: Scope, set_name: str, wanted: Wanted, now: Millis) -> Plan[None]:
    made = yield from event_destinations.create(scope, set_name, wanted, now)
    yield from _publish(scope, made.topic_arn, VALIDATED, now)


def update_event_destination(scope: Scope, set_name: str, wanted: Wanted, now: Millis) -> Plan[None]:
    made = yield from event_destinations.update(scope, set_name, wanted, now)
    yield from _publish(scope, made.topic_arn, VALIDATED, now)


def set_identity_topic(scope: Scope, name: str, kind: str, topic_arn: str | None, now: Millis) -> Plan[None]:
    """Set the topic of one type of notification, or with None take it away."""
    yield from identities.set_topic(scope, name, kind, topic_arn, now)
    if topic_arn is not None:
        yield from _publish(scope, topic_arn, _subscribed(topic_arn, kind, name), now)


def _subscribed(topic_arn: str, kind: str, name: str) -> str:
    text = (
        f"You have successfully subscribed your Amazon SNS topic '{topic_arn}' to receive '{kind}' notifications "
        f"from Amazon SES for identity '{name}'."
    )
    record = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": text}
    return json.dumps(record, separators=(",", ":")) + "\n"


def _publish(scope: Scope, topic_arn: str, message: str, now: Millis) -> Plan[None]:
    topic = topic_arn.rpartition(":")[2]
    asking = by_ses(scope.account)
    yield from publish_many([Notice(scope, topic, new_uuid(), None, message, asking=asking)], now)
