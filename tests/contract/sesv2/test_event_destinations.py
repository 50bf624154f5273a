"""Event destinations in v2."""

import pytest

from tests.support.listening_queue import ListeningQueue
from tests.support.refused import refused
from tests.support.server import Server

VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."
NAMES = {"ConfigurationSetName": "news", "EventDestinationName": "told"}
TYPES = [
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
]


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v2 client of an account with the configuration set `news`."""
    client = server.client("sesv2")
    client.create_configuration_set(ConfigurationSetName="news")
    return client


@pytest.fixture
def topic(server: Server) -> str:
    """The ARN of a topic of the account."""
    return str(server.client("sns").create_topic(Name="events")["TopicArn"])


def definition(topic: str, **changes: object) -> dict[str, object]:
    return {"Enabled": True, "MatchingEventTypes": ["SEND"], "SnsDestination": {"TopicArn": topic}} | changes


def destinations(client) -> list[dict[str, object]]:  # type: ignore[no-untyped-def]
    answer = client.get_configuration_set_event_destinations(ConfigurationSetName="news")
    found: list[dict[str, object]] = answer["EventDestinations"]
    return found


def test_create_configuration_set_event_destination_validates_the_topic_once(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    listening = ListeningQueue(server)
    wanted = definition(listening.topic_arn, MatchingEventTypes=TYPES)
    ses.create_configuration_set_event_destination(**NAMES, EventDestination=wanted)
    assert destinations(ses) == [{"Name": "told", **wanted}]
    assert [told["Message"] for told in listening.heard()] == [VALIDATED]


def test_a_destination_is_not_enabled_unless_asked(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    wanted = definition(topic)
    del wanted["Enabled"]
    ses.create_configuration_set_event_destination(**NAMES, EventDestination=wanted)
    assert destinations(ses)[0]["Enabled"] is False


def test_create_configuration_set_event_destination_refuses_a_second_and_an_eleventh(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    for number in range(10):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestinationName=f"n{number}", EventDestination=definition(topic)
        )
    with refused("LimitExceededException"):
        ses.create_configuration_set_event_destination(**NAMES, EventDestination=definition(topic))
    with refused("AlreadyExistsException"):
        ses.create_configuration_set_event_destination(
            ConfigurationSetName="news", EventDestinationName="n0", EventDestination=definition(topic)
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"SnsDestination": {"TopicArn": "arn:aws:sns:us-east-1:123456789012:missing"}},
        {"MatchingEventTypes": []},
        {"EventBridgeDestination": {"EventBusArn": "arn:bus"}},
    ],
)
def test_what_cannot_be_told_is_refused_and_not_kept(ses, topic: str, changes: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    with refused("BadRequestException"):
        ses.create_configuration_set_event_destination(**NAMES, EventDestination=definition(topic, **changes))
    assert destinations(ses) == []


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ({"KinesisFirehoseDestination": {"IamRoleArn": "a", "DeliveryStreamArn": "b"}}, "Firehose"),
        (
            {
                "CloudWatchDestination": {
                    "DimensionConfigurations": [
                        {
                            "DimensionName": "a",
                            "DimensionValueSource": "MESSAGE_TAG",
                            "DefaultDimensionValue": "b",
                        }
                    ]
                }
            },
            "CloudWatch",
        ),
        ({"EventBridgeDestination": {"EventBusArn": "arn:bus"}}, "EventBridge"),
        ({"PinpointDestination": {"ApplicationArn": "arn:app"}}, "Pinpoint"),
    ],
)
def test_other_targets_are_refused_by_name(ses, target: dict[str, object], name: str) -> None:  # type: ignore[no-untyped-def]
    text = f"{name} destinations are not supported: events are published to Amazon SNS topics only."
    with refused("BadRequestException", text):
        ses.create_configuration_set_event_destination(
            **NAMES, EventDestination={"MatchingEventTypes": ["SEND"], **target}
        )


def test_update_configuration_set_event_destination_replaces_it(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    with refused("NotFoundException", "No EventDestination found for news", 404):
        ses.update_configuration_set_event_destination(**NAMES, EventDestination=definition(topic))
    ses.create_configuration_set_event_destination(**NAMES, EventDestination=definition(topic))
    changed = definition(topic, Enabled=False, MatchingEventTypes=["CLICK"])
    ses.update_configuration_set_event_destination(**NAMES, EventDestination=changed)
    assert destinations(ses) == [{"Name": "told", **changed}]


def test_delete_configuration_set_event_destination_once(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set_event_destination(**NAMES, EventDestination=definition(topic))
    ses.delete_configuration_set_event_destination(**NAMES)
    assert destinations(ses) == []
    with refused("NotFoundException", status=404):
        ses.delete_configuration_set_event_destination(**NAMES)


def test_a_set_that_is_not_there_has_no_destinations(ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    names = NAMES | {"ConfigurationSetName": "missing"}
    text = "Configuration set <missing> does not exist."
    with refused("NotFoundException", text, 404):
        ses.get_configuration_set_event_destinations(ConfigurationSetName="missing")
    with refused("NotFoundException", text, 404):
        ses.create_configuration_set_event_destination(**names, EventDestination=definition(topic))
    with refused("NotFoundException", text, 404):
        ses.update_configuration_set_event_destination(**names, EventDestination=definition(topic))
    with refused("NotFoundException", text, 404):
        ses.delete_configuration_set_event_destination(**names)


def test_destinations_belong_to_one_account_in_one_region(server: Server, ses, topic: str) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set_event_destination(**NAMES, EventDestination=definition(topic))
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999990")):
        with refused("NotFoundException", status=404):
            other.get_configuration_set_event_destinations(ConfigurationSetName="news")
