"""Event destinations in v2.

Translation only; the rules stand in resources/event_destinations.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_EventDestinationDefinition.html
"""

from pillarbox.api import notices
from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import event_destinations
from pillarbox.resources.event_destinations import EventDestination, Wanted

_EVENT_TYPES = {
    "SEND": "Send",
    "REJECT": "Reject",
    "BOUNCE": "Bounce",
    "COMPLAINT": "Complaint",
    "DELIVERY": "Delivery",
    "OPEN": "Open",
    "CLICK": "Click",
    "RENDERING_FAILURE": "Rendering Failure",
    "DELIVERY_DELAY": "DeliveryDelay",
    "SUBSCRIPTION": "Subscription",
}
_SPELLED = {kind: name for name, kind in _EVENT_TYPES.items()}
_TARGETS = {
    "SnsDestination": "SNS",
    "CloudWatchDestination": "CloudWatch",
    "KinesisFirehoseDestination": "Firehose",
    "EventBridgeDestination": "EventBridge",
    "PinpointDestination": "Pinpoint",
}


@operation("sesv2", "CreateConfigurationSetEventDestination")
async def create_configuration_set_event_destination(call: Call, params: Params) -> Result:
    name, wanted = params["ConfigurationSetName"], _wanted(params)
    await call.store.write(notices.create_event_destination, call.scope, name, wanted, call.now)
    return {}


@operation("sesv2", "UpdateConfigurationSetEventDestination")
async def update_configuration_set_event_destination(call: Call, params: Params) -> Result:
    name, wanted = params["ConfigurationSetName"], _wanted(params)
    await call.store.write(notices.update_event_destination, call.scope, name, wanted, call.now)
    return {}


@operation("sesv2", "GetConfigurationSetEventDestinations")
async def get_configuration_set_event_destinations(call: Call, params: Params) -> Result:
    found = await call.store.read(event_destinations.of_existing_set, call.scope, params["ConfigurationSetName"])
    return {"EventDestinations": [_spelled(destination) for destination in found]}


@operation("sesv2", "DeleteConfigurationSetEventDestination")
async def delete_configuration_set_event_destination(call: Call, params: Params) -> Result:
    name, destination = params["ConfigurationSetName"], params["EventDestinationName"]
    await call.store.write(event_destinations.delete, call.scope, name, destination)
    return {}


def _wanted(params: Params) -> Wanted:
    given = params["EventDestination"]
    return Wanted(
        name=params["EventDestinationName"],
        enabled=given.get("Enabled", False),
        event_types=[_EVENT_TYPES[name] for name in given.get("MatchingEventTypes", ())],
        targets=[target for member, target in _TARGETS.items() if member in given],
        topic_arn=given.get("SnsDestination", {}).get("TopicArn", ""),
    )


def _spelled(destination: EventDestination) -> Result:
    return {
        "Name": destination.name,
        "Enabled": destination.enabled,
        "MatchingEventTypes": [_SPELLED[kind] for kind in destination.event_types],
        "SnsDestination": {"TopicArn": destination.topic_arn},
    }
