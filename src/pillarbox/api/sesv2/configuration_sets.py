"""Configuration sets in v2.

Translation only; the rules stand in resources/configuration_sets.py. Options
that this server does not act upon are refused by name.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html
"""

from functools import partial

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import suppression, tags
from pillarbox.resources import configuration_sets
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.resources.unsupported import refuse_members, refuse_unless

_UNSUPPORTED = {
    "TrackingOptions": "opens and clicks are not tracked.",
    "ArchivingOptions": "mail is not archived.",
    "MessageSecurityOptions": "messages are not signed with S/MIME.",
}
_LONGEST_DELIVERY_SECONDS = 50_400


@operation("sesv2", "CreateConfigurationSet")
async def create_configuration_set(call: Call, params: Params) -> Result:
    _refuse_options(params)
    plan = partial(
        configuration_sets.create,
        sending_enabled=params.get("SendingOptions", {}).get("SendingEnabled", True),
        reputation_metrics=params.get("ReputationOptions", {}).get("ReputationMetricsEnabled", False),
        suppressed_reasons=suppression.reasons_of_set(params.get("SuppressionOptions", {})),
        tag_pairs=tags.pairs(params.get("Tags", ())),
    )
    await call.store.write(plan, call.scope, params["ConfigurationSetName"], call.now)
    return {}


@operation("sesv2", "GetConfigurationSet")
async def get_configuration_set(call: Call, params: Params) -> Result:
    return _spelled(await call.store.read(configuration_sets.existing, call.scope, params["ConfigurationSetName"]))


@operation("sesv2", "ListConfigurationSets")
async def list_configuration_sets(call: Call, params: Params) -> Result:
    contains = params.get("Filter", {}).get("CONFIGURATION_SET_NAME_CONTAINS", "")
    page = await call.store.read(
        configuration_sets.list_page, call.scope, contains, params.get("NextToken"), params.get("PageSize")
    )
    return {"ConfigurationSets": page.names, "NextToken": page.next_token}


@operation("sesv2", "DeleteConfigurationSet")
async def delete_configuration_set(call: Call, params: Params) -> Result:
    await call.store.write(configuration_sets.delete, call.scope, params["ConfigurationSetName"])
    return {}


@operation("sesv2", "PutConfigurationSetSendingOptions")
async def put_configuration_set_sending_options(call: Call, params: Params) -> Result:
    name, enabled = params["ConfigurationSetName"], params.get("SendingEnabled", False)
    await call.store.write(configuration_sets.set_sending, call.scope, name, enabled, call.now)
    return {}


@operation("sesv2", "PutConfigurationSetReputationOptions")
async def put_configuration_set_reputation_options(call: Call, params: Params) -> Result:
    name, enabled = params["ConfigurationSetName"], params.get("ReputationMetricsEnabled", False)
    await call.store.write(configuration_sets.set_reputation_metrics, call.scope, name, enabled, call.now)
    return {}


def _refuse_options(params: Params) -> None:
    refuse_members(params, _UNSUPPORTED)
    delivery, vdm = params.get("DeliveryOptions", {}), params.get("VdmOptions", {})
    refuse_members(delivery, {"SendingPoolName": "there are no dedicated IP pools."})
    refuse_members(params.get("ReputationOptions", {}), {"LastFreshStart": "the server sets it."})
    refuse_unless("TlsPolicy", delivery.get("TlsPolicy"), "OPTIONAL", "delivery does not depend on TLS.")
    refuse_unless(
        "MaxDeliverySeconds",
        delivery.get("MaxDeliverySeconds"),
        _LONGEST_DELIVERY_SECONDS,
        "every message is tried for 14 hours.",
    )
    engagement = vdm.get("DashboardOptions", {}).get("EngagementMetrics")
    refuse_unless("EngagementMetrics", engagement, "DISABLED", "opens and clicks are not tracked.")
    shared = vdm.get("GuardianOptions", {}).get("OptimizedSharedDelivery")
    refuse_unless("OptimizedSharedDelivery", shared, "DISABLED", "there is no shared delivery.")


def _spelled(found: ConfigurationSet) -> Result:
    return {
        "ConfigurationSetName": found.name,
        "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
        "ReputationOptions": {
            "ReputationMetricsEnabled": found.reputation_metrics,
            "LastFreshStart": found.fresh_start_at,
        },
        "SendingOptions": {"SendingEnabled": found.sending_enabled},
        "SuppressionOptions": suppression.options_of(found),
        "Tags": tags.spelled(found.tags),
    }
