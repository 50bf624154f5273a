"""Configuration sets in v2.

Translation only; the rules stand in resources/configuration_sets.py. Options
that this server does not act upon are refused by name.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html
"""

from collections.abc import Collection

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import suppression, tags
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, tracking_options
from pillarbox.resources.configuration_set_options import Delivery, Tracking
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.resources.unsupported import refuse_members, refuse_unless
from pillarbox.store.plan import Plan

_UNSUPPORTED = {
    "ArchivingOptions": "mail is not archived.",
    "MessageSecurityOptions": "messages are not signed with S/MIME.",
}
_UNSUPPORTED_VDM = "there is no Virtual Deliverability Manager."


@operation("sesv2", "CreateConfigurationSet")
async def create_configuration_set(call: Call, params: Params) -> Result:
    _refuse_options(params)
    await call.store.write(_create, call.scope, params, call.services.pools.names, call.now)
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


@operation("sesv2", "PutConfigurationSetDeliveryOptions")
async def put_configuration_set_delivery_options(call: Call, params: Params) -> Result:
    name, delivery = params["ConfigurationSetName"], _delivery(params)
    await call.store.write(
        configuration_sets.set_delivery, call.scope, name, delivery, call.services.pools.names, call.now
    )
    return {}


@operation("sesv2", "PutConfigurationSetTrackingOptions")
async def put_configuration_set_tracking_options(call: Call, params: Params) -> Result:
    name, tracking = params["ConfigurationSetName"], _tracking(params)
    await call.store.write(tracking_options.put, call.scope, name, tracking, call.now)
    return {}


def _create(scope: Scope, params: Params, pools: Collection[str], now: Millis) -> Plan[None]:
    reasons, for_tenant = suppression.choice_of_set(params.get("SuppressionOptions", {}))
    tracking = yield from tracking_options.checked(scope, _tracking(params.get("TrackingOptions", {})))
    yield from configuration_sets.create(
        scope,
        params["ConfigurationSetName"],
        now,
        sending_enabled=params.get("SendingOptions", {}).get("SendingEnabled", True),
        reputation_metrics=params.get("ReputationOptions", {}).get("ReputationMetricsEnabled", False),
        suppressed_reasons=reasons,
        suppressed_for_tenant=for_tenant,
        delivery=_delivery(params.get("DeliveryOptions", {})),
        tracking=tracking,
        pools=pools,
        tag_pairs=tags.pairs(params.get("Tags", ())),
    )


def _delivery(given: Params) -> Delivery:
    return Delivery(
        given.get("TlsPolicy") == "REQUIRE", given.get("SendingPoolName", ""), given.get("MaxDeliverySeconds")
    )


def _tracking(given: Params) -> Tracking:
    return Tracking(given.get("CustomRedirectDomain", ""), given.get("HttpsPolicy", "OPTIONAL"))


def _refuse_options(params: Params) -> None:
    refuse_members(params, _UNSUPPORTED)
    refuse_members(params.get("ReputationOptions", {}), {"LastFreshStart": "the server sets it."})
    vdm = params.get("VdmOptions", {})
    engagement = vdm.get("DashboardOptions", {}).get("EngagementMetrics")
    refuse_unless("EngagementMetrics", engagement, "DISABLED", _UNSUPPORTED_VDM)
    shared = vdm.get("GuardianOptions", {}).get("OptimizedSharedDelivery")
    refuse_unless("OptimizedSharedDelivery", shared, "DISABLED", _UNSUPPORTED_VDM)


def _spelled(found: ConfigurationSet) -> Result:
    delivery, tracking = found.delivery, found.tracking
    return {
        "ConfigurationSetName": found.name,
        "DeliveryOptions": {
            "TlsPolicy": "REQUIRE" if delivery.tls_required else "OPTIONAL",
            "SendingPoolName": delivery.pool or None,
            "MaxDeliverySeconds": delivery.most_seconds,
        },
        "ReputationOptions": {
            "ReputationMetricsEnabled": found.reputation_metrics,
            "LastFreshStart": found.fresh_start_at,
        },
        "SendingOptions": {"SendingEnabled": found.sending_enabled},
        "SuppressionOptions": suppression.options_of(found),
        "TrackingOptions": tracking
        and {"CustomRedirectDomain": tracking.custom_redirect_domain or None, "HttpsPolicy": tracking.https_policy},
        "Tags": tags.spelled(found.tags),
    }
