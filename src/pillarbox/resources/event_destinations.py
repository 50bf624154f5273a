"""Event destinations: which events of a configuration set are told to whom.

Plans. The only target is an SNS topic; the others are refused by name. Called
by api/ and by destinations/, which follows the events.
https://docs.aws.amazon.com/ses/latest/dg/event-destinations-manage.html
"""

import re
from collections.abc import Iterable

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets
from pillarbox.resources.notification_topics import InvalidTopic, check_topic
from pillarbox.resources.unsupported import Unsupported
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

KIND = configuration_sets.EVENT_DESTINATION_KIND
MOST_IN_A_SET = 10
# The kinds of event as SES writes them in `eventType`.
EVENT_TYPES = (
    "Send",
    "Reject",
    "Bounce",
    "Complaint",
    "Delivery",
    "Open",
    "Click",
    "Rendering Failure",
    "DeliveryDelay",
    "Subscription",
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class EventDestinationExists(Duplicate):
    """The configuration set has an event destination of that name already."""

    def __init__(self, set_name: str, name: str) -> None:
        super().__init__(f"Event destination <{name}> already exists in configuration set <{set_name}>.")
        self.members = {"ConfigurationSetName": set_name, "EventDestinationName": name}


class EventDestinationMissing(NotFound):
    """The configuration set has no event destination of that name."""

    def __init__(self, set_name: str, name: str) -> None:
        super().__init__(f"No EventDestination found for {set_name}")
        self.members = {"ConfigurationSetName": set_name, "EventDestinationName": name}


class InvalidSnsDestination(Invalid):
    """Events cannot be published to that topic."""

    def __init__(self, why: str, set_name: str, name: str) -> None:
        super().__init__(why)
        self.members = {"ConfigurationSetName": set_name, "EventDestinationName": name}


class UnsupportedTarget(Unsupported):
    """Events are published to SNS topics only."""

    def __init__(self, target: str, set_name: str, name: str) -> None:
        super().__init__(f"{target} destinations are not supported: events are published to Amazon SNS topics only.")
        self.members = {"ConfigurationSetName": set_name, "EventDestinationName": name}


class UnsupportedCloudWatch(UnsupportedTarget):
    """A CloudWatch destination was asked for."""


class UnsupportedFirehose(UnsupportedTarget):
    """A Firehose destination was asked for."""


_REFUSALS = {"CloudWatch": UnsupportedCloudWatch, "Firehose": UnsupportedFirehose}


class EventDestination(msgspec.Struct, frozen=True):
    """One event destination; `event_types` are of EVENT_TYPES. It publishes only while it is enabled."""

    name: str
    enabled: bool
    event_types: list[str]
    topic_arn: str


class Wanted(msgspec.Struct, frozen=True):
    """What a caller asks for: `targets` holds the kinds that are given, of which one is allowed."""

    name: str
    enabled: bool
    event_types: list[str]
    targets: list[str]
    topic_arn: str = ""


_read = msgspec.json.Decoder(EventDestination).decode


def of_set(scope: Scope, set_name: str) -> Plan[list[EventDestination]]:
    """Return the event destinations of a set by name; none when there is no such set."""
    found = yield from nouns.list_children(scope, KIND, set_name, "", MOST_IN_A_SET)
    return [_read(noun.document) for noun in found]


def of_existing_set(scope: Scope, set_name: str) -> Plan[list[EventDestination]]:
    """The same, but raise ConfigurationSetMissing."""
    yield from configuration_sets.existing(scope, set_name)
    return (yield from of_set(scope, set_name))


def create(scope: Scope, set_name: str, wanted: Wanted, now: Millis) -> Plan[EventDestination]:
    yield from configuration_sets.existing(scope, set_name)
    made = yield from _checked(scope, set_name, wanted)
    document = msgspec.json.encode(made).decode()
    if not (yield from nouns.create(scope, KIND, _key(set_name, made.name), document, now, set_name)):
        raise EventDestinationExists(set_name, made.name)
    yield from nouns.hold_limits()
    siblings = yield from nouns.list_children(scope, KIND, set_name, "", MOST_IN_A_SET + 1)
    if len(siblings) > MOST_IN_A_SET:
        raise LimitReached(f"A configuration set can have {MOST_IN_A_SET} event destinations at the most.")
    return made


def update(scope: Scope, set_name: str, wanted: Wanted, now: Millis) -> Plan[EventDestination]:
    """Replace an event destination as a whole."""
    yield from configuration_sets.existing(scope, set_name)
    key = _key(set_name, wanted.name)
    if (yield from nouns.get(scope, KIND, key)) is None:
        raise EventDestinationMissing(set_name, wanted.name)
    made = yield from _checked(scope, set_name, wanted)
    yield from nouns.change(scope, KIND, key, lambda _: msgspec.json.encode(made).decode(), now)
    return made


def delete(scope: Scope, set_name: str, name: str) -> Plan[None]:
    yield from configuration_sets.existing(scope, set_name)
    if not (yield from nouns.delete(scope, KIND, _key(set_name, name))):
        raise EventDestinationMissing(set_name, name)


def _checked(scope: Scope, set_name: str, wanted: Wanted) -> Plan[EventDestination]:
    if not _NAME.fullmatch(wanted.name):
        raise Invalid(
            f"Invalid event destination name <{wanted.name}>: "
            "only 1 to 64 alphanumeric ASCII characters, '_', '-' are allowed."
        )
    if not wanted.event_types:
        raise Invalid("Event destination must have at least one matching event type.")
    if len(wanted.targets) != 1:
        raise Invalid("Exactly one kind of destination must be specified.")
    target = wanted.targets[0]
    if target != "SNS":
        raise _REFUSALS.get(target, UnsupportedTarget)(target, set_name, wanted.name)
    try:
        yield from check_topic(scope, wanted.topic_arn)
    except InvalidTopic as reason:
        raise InvalidSnsDestination(str(reason), set_name, wanted.name) from None
    return EventDestination(wanted.name, wanted.enabled, _in_order(wanted.event_types), wanted.topic_arn)


def _in_order(event_types: Iterable[str]) -> list[str]:
    return [event_type for event_type in EVENT_TYPES if event_type in set(event_types)]


def _key(set_name: str, name: str) -> str:
    """The name of the row; neither part can hold a slash."""
    return f"{set_name}/{name}"
