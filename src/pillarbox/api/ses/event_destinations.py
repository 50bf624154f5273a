"""Event destinations in v1, which knows eight of the ten types of event.

Translation only; the rules stand in resources/event_destinations.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_EventDestination.html
"""

from pillarbox.api import notices
from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import event_destinations
from pillarbox.resources.event_destinations import EventDestination, Wanted

_EVENT_TYPES = {
    "send": "Send",
    "reject": "Reject",
    "bounce": "Bounce",
    "complaint": "Complaint",
    "delivery": "Delivery",
    "open": "Open",
    "click": "Click",
    "renderingFailure": "Rendering Failure",
}
_SPELLED = {kind: name for name, kind in _EVENT_TYPES.items()}
_TARGETS = {
    "SNSDestination": "SNS",
    "CloudWatchDestination": "CloudWatch",
    "KinesisFirehoseDestination": "Firehose",
}


@operation("ses", "CreateConfigurationSetEventDestination")
async def create_configuration_set_event_destination(call: Call, params: Params) -> Result:
    name, wanted = params["ConfigurationSetName"], _wanted(params["EventDestination"])
    await call.store.write(notices.create_event_destination, call.scope, name, wanted, call.now)
    return {}


@operation("ses", "UpdateConfigurationSetEventDestination")
async def update_configuration_set_event_destination(call: Call, params: Params) -> Result:
    name, wanted = params["ConfigurationSetName"], _wanted(params["EventDestination"])
    await call.store.write(notices.update_event_destination, call.scope, name, wanted, call.now)
    return {}


@operation("ses", "DeleteConfigurationSetEventDestination")
async def delete_configuration_set_event_destination(call: Call, params: Params) -> Result:
    name, destination = params["ConfigurationSetName"], params["EventDestinationName"]
    await call.store.write(event_destinations.delete, call.scope, name, destination)
    return {}


def spelled(destination: EventDestination) -> Result:
    """Spell a destination as v1 does; the types that it has no names for are left out."""
    return {
        "Name": destination.name,
        "Enabled": destination.enabled,
        "MatchingEventTypes": [_SPELLED[kind] for kind in destination.event_types if kind in _SPELLED],
        "SNSDestination": {"TopicARN": destination.topic_arn},
    }


def _wanted(given: Params) -> Wanted:
    return Wanted(
        name=given["Name"],
        enabled=given.get("Enabled", False),
        event_types=[_EVENT_TYPES[name] for name in given["MatchingEventTypes"]],
        targets=[target for member, target in _TARGETS.items() if member in given],
        topic_arn=given.get("SNSDestination", {}).get("TopicARN", ""),
    )
