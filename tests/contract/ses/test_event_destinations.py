"""Event destinations in v1."""

import pytest

from tests.support.listening_queue import ListeningQueue
from tests.support.refused import refused
from tests.support.server import Server

VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."
NAMES = {"ConfigurationSetName": "news", "EventDestinationName": "told"}


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v1 client of an account with the configuration set `news`."""
    client = server.client("ses")
    client.create_configuration_set(ConfigurationSet={"Name": "news"})
    return client


@pytest.fixture
def topic(server: Server) -> str:
    """The ARN of a topic of the account."""
    return str(server.client("sns").create_topic(Name="events")["TopicArn"])


def sns_destination(topic: str, **changes: object) -> dict[str, object]:
    return {"Name": "told", "MatchingEventTypes": ["send"], "SNSDestination": {"TopicARN": topic}} | changes


def destinations(client) -> list[dict[str, object]]:  # type: ignore[no-untyped-def]
    found: list[dict[str, object]] = client.describe_configuration_set(
        ConfigurationSetName="news", ConfigurationSetAttributeNames=["eventDestinations"]
    )["EventDestinations"]
    return found


def test_create_configuration_set_event_destination_validates_the_topic_once(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    listening = ListeningQueue(server)
    wanted = sns_destination(listening.topic_arn, MatchingEventTypes=["renderingFailure", "bounce", "send"])
    ses.create_configuration_set_event_destination(ConfigurationSetName="news", EventDestination=wanted)

    assert destinations(ses) == [
        {
            "Name": "told",
            "Enabled": False,
            "MatchingEventTypes": ["send", "bounce", "renderingFailure"],
            "SNSDestination": {"TopicARN": listening.topic_arn},
        }
    ]
    (told,) = listening.heard()
    assert told["Message"] == VALIDATED
    assert "Subject" not in told


def test_every_event_type_of_v1_is_taken(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    types = ["send", "reject", "bounce", "complaint", "delivery", "open", "click", "renderingFailure"]
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="news", EventDestination=sns_destination(topic, MatchingEventTypes=types)
    )
    assert destinations(ses)[0]["MatchingEventTypes"] == types


def test_create_configuration_set_event_destination_refuses_a_second_of_the_name(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set_event_destination(ConfigurationSetName="news", EventDestination=sns_destination(topic))
    with refused("EventDestinationAlreadyExists", **NAMES):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestination=sns_destination(topic)
        )


def test_create_configuration_set_event_destination_refuses_an_eleventh(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    for number in range(10):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestination=sns_destination(topic, Name=f"n{number}")
        )
    with refused("LimitExceeded"):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestination=sns_destination(topic)
        )


def test_a_topic_that_is_not_there_is_refused_and_nothing_is_kept(server: Server, ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    for arn in (topic + "2", topic.replace("us-east-1", "eu-west-1"), topic.replace(server.account, "999999999996")):
        with refused("InvalidSNSDestination", f"SNS topic <{arn}> not found.", **NAMES):
            ses.create_configuration_set_event_destination(
                ConfigurationSetName="news", EventDestination=sns_destination(arn)
            )
    assert destinations(ses) == []


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (
            {
                "CloudWatchDestination": {
                    "DimensionConfigurations": [
                        {
                            "DimensionName": "a",
                            "DimensionValueSource": "messageTag",
                            "DefaultDimensionValue": "b",
                        }
                    ]
                }
            },
            "InvalidCloudWatchDestination",
        ),
        (
            {"KinesisFirehoseDestination": {"IAMRoleARN": "arn:role", "DeliveryStreamARN": "arn:stream"}},
            "InvalidFirehoseDestination",
        ),
        ({}, "InvalidParameterValue"),
    ],
)
def test_other_targets_are_refused_by_name(ses, target: dict[str, object], code: str) -> None:  # type: ignore[no-untyped-def]
    with refused(code):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName="news",
            EventDestination={"Name": "told", "MatchingEventTypes": ["send"], **target},
        )


def test_update_configuration_set_event_destination_replaces_it_and_validates_again(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    listening = ListeningQueue(server)
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="news", EventDestination=sns_destination(listening.topic_arn)
    )
    changed = sns_destination(listening.topic_arn, Enabled=True, MatchingEventTypes=["click"])
    ses.update_configuration_set_event_destination(ConfigurationSetName="news", EventDestination=changed)
    assert destinations(ses) == [changed]
    assert [told["Message"] for told in listening.heard()] == [VALIDATED, VALIDATED]


def test_update_configuration_set_event_destination_refuses_what_is_not_there(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    with refused("EventDestinationDoesNotExist", "No EventDestination found for news", **NAMES):
        ses.update_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestination=sns_destination(topic)
        )
    with refused("ConfigurationSetDoesNotExist", ConfigurationSetName="missing"):
        ses.update_configuration_set_event_destination(
            ConfigurationSetName="missing", EventDestination=sns_destination(topic)
        )
    ses.create_configuration_set_event_destination(ConfigurationSetName="news", EventDestination=sns_destination(topic))
    with refused("InvalidSNSDestination"):
        ses.update_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestination=sns_destination(topic + "2")
        )


def test_delete_configuration_set_event_destination_once(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set_event_destination(ConfigurationSetName="news", EventDestination=sns_destination(topic))
    ses.delete_configuration_set_event_destination(**NAMES)
    assert destinations(ses) == []
    with refused("EventDestinationDoesNotExist", **NAMES):
        ses.delete_configuration_set_event_destination(**NAMES)
    with refused("ConfigurationSetDoesNotExist", ConfigurationSetName="missing"):
        ses.delete_configuration_set_event_destination(ConfigurationSetName="missing", EventDestinationName="told")


def test_destinations_belong_to_one_account_in_one_region(server: Server, ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set_event_destination(ConfigurationSetName="news", EventDestination=sns_destination(topic))
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999995")):
        with refused("ConfigurationSetDoesNotExist"):
            other.delete_configuration_set_event_destination(**NAMES)
    assert len(destinations(ses)) == 1


def test_types_that_v1_has_no_name_for_are_left_out(server: Server, ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    server.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName="news",
        EventDestinationName="told",
        EventDestination={
            "MatchingEventTypes": ["SEND", "DELIVERY_DELAY", "SUBSCRIPTION"],
            "SnsDestination": {"TopicArn": topic},
        },
    )
    assert destinations(ses)[0]["MatchingEventTypes"] == ["send"]
