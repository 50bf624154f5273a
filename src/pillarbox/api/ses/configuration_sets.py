"""Configuration sets in v1.

Translation only; the rules stand in resources/configuration_sets.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_DescribeConfigurationSet.html
"""

from collections.abc import Collection

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.ses.event_destinations import spelled
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, event_destinations, tracking_options
from pillarbox.resources.configuration_set_options import Tracking
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.store.plan import Plan


@operation("ses", "CreateConfigurationSet")
async def create_configuration_set(call: Call, params: Params) -> Result:
    await call.store.write(configuration_sets.create, call.scope, params["ConfigurationSet"]["Name"], call.now)
    return {}


@operation("ses", "DescribeConfigurationSet")
async def describe_configuration_set(call: Call, params: Params) -> Result:
    asked = params.get("ConfigurationSetAttributeNames", ())
    return await call.store.read(_describe, call.scope, params["ConfigurationSetName"], asked)


@operation("ses", "ListConfigurationSets")
async def list_configuration_sets(call: Call, params: Params) -> Result:
    page = await call.store.read(
        configuration_sets.list_page, call.scope, "", params.get("NextToken"), params.get("MaxItems")
    )
    return {"ConfigurationSets": [{"Name": name} for name in page.names], "NextToken": page.next_token}


@operation("ses", "DeleteConfigurationSet")
async def delete_configuration_set(call: Call, params: Params) -> Result:
    await call.store.write(configuration_sets.delete, call.scope, params["ConfigurationSetName"])
    return {}


@operation("ses", "UpdateConfigurationSetSendingEnabled")
async def update_configuration_set_sending_enabled(call: Call, params: Params) -> Result:
    name, enabled = params["ConfigurationSetName"], params["Enabled"]
    await call.store.write(configuration_sets.set_sending, call.scope, name, enabled, call.now)
    return {}


@operation("ses", "UpdateConfigurationSetReputationMetricsEnabled")
async def update_configuration_set_reputation_metrics_enabled(call: Call, params: Params) -> Result:
    name, enabled = params["ConfigurationSetName"], params["Enabled"]
    await call.store.write(configuration_sets.set_reputation_metrics, call.scope, name, enabled, call.now)
    return {}


@operation("ses", "PutConfigurationSetDeliveryOptions")
async def put_configuration_set_delivery_options(call: Call, params: Params) -> Result:
    name, required = params["ConfigurationSetName"], params.get("DeliveryOptions", {}).get("TlsPolicy") == "Require"
    await call.store.write(configuration_sets.set_tls_required, call.scope, name, required, call.now)
    return {}


@operation("ses", "CreateConfigurationSetTrackingOptions")
async def create_configuration_set_tracking_options(call: Call, params: Params) -> Result:
    name, tracking = params["ConfigurationSetName"], _tracking(params)
    await call.store.write(tracking_options.create, call.scope, name, tracking, call.now)
    return {}


@operation("ses", "UpdateConfigurationSetTrackingOptions")
async def update_configuration_set_tracking_options(call: Call, params: Params) -> Result:
    name, tracking = params["ConfigurationSetName"], _tracking(params)
    await call.store.write(tracking_options.update, call.scope, name, tracking, call.now)
    return {}


@operation("ses", "DeleteConfigurationSetTrackingOptions")
async def delete_configuration_set_tracking_options(call: Call, params: Params) -> Result:
    await call.store.write(tracking_options.delete, call.scope, params["ConfigurationSetName"], call.now)
    return {}


def _tracking(params: Params) -> Tracking:
    return Tracking(params["TrackingOptions"].get("CustomRedirectDomain", ""))


def _describe(scope: Scope, name: str, asked: Collection[str]) -> Plan[Result]:
    found = yield from configuration_sets.existing(scope, name)
    described: dict[str, object] = {"ConfigurationSet": {"Name": found.name}}
    if "eventDestinations" in asked:
        destinations = yield from event_destinations.of_set(scope, name)
        described["EventDestinations"] = [spelled(destination) for destination in destinations]
    if "deliveryOptions" in asked:
        described["DeliveryOptions"] = {"TlsPolicy": "Require" if found.delivery.tls_required else "Optional"}
    if "trackingOptions" in asked and found.tracking is not None:
        described["TrackingOptions"] = {"CustomRedirectDomain": found.tracking.custom_redirect_domain or None}
    if "reputationOptions" in asked:
        described["ReputationOptions"] = _reputation(found)
    return described


def _reputation(found: ConfigurationSet) -> Result:
    return {
        "SendingEnabled": found.sending_enabled,
        "ReputationMetricsEnabled": found.reputation_metrics,
        "LastFreshStart": found.fresh_start_at,
    }
