"""What many tests set up before they send."""

from collections.abc import Sequence
from typing import Any


def configuration_set_told_to(ses: Any, topic_arn: str, name: str, kinds: Sequence[str]) -> None:
    """Make a configuration set whose events of these kinds go to a topic (SES v1 client)."""
    ses.create_configuration_set(ConfigurationSet={"Name": name})
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestination={
            "Name": "topic",
            "Enabled": True,
            "MatchingEventTypes": list(kinds),
            "SNSDestination": {"TopicARN": topic_arn},
        },
    )
