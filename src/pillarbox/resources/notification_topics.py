"""The SNS topics that SES publishes to, as far as SES looks at them.

Plans. A topic must be a standard one of the same account and region. Called by
event destinations and identities; the topics themselves belong to pubsub.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
"""

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources.identity_names import read_arn
from pillarbox.store import nouns
from pillarbox.store.plan import Plan


class InvalidTopic(Invalid):
    """SES cannot publish to that topic."""


def check_topic(scope: Scope, arn: str) -> Plan[None]:
    """Pass when SES may publish to the topic, or raise InvalidTopic."""
    parts = read_arn(arn)
    if parts is None or parts.service != "sns" or parts.scope != scope:
        raise InvalidTopic(f"SNS topic <{arn}> not found.")
    if parts.resource.endswith(".fifo"):
        raise InvalidTopic(f"SNS topic <{arn}> is a FIFO topic; Amazon SES publishes to standard topics only.")
    if (yield from nouns.get(scope, "topic", parts.resource)) is None:
        raise InvalidTopic(f"SNS topic <{arn}> not found.")
