"""The suppression list, which only v2 has, and the choice of reasons in account and configuration set.

Translation only; the rules stand in resources/suppression.py. That addresses are
judged before anything is sent to them is refused by name.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutSuppressedDestination.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import account, configuration_sets, suppression
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.resources.suppression import Suppressed
from pillarbox.resources.suppression_reasons import Reason, Reasons, chosen
from pillarbox.resources.unsupported import refuse_members, refuse_unless


@operation("sesv2", "PutSuppressedDestination")
async def put_suppressed_destination(call: Call, params: Params) -> Result:
    address, reason = params["EmailAddress"], Reason(params["Reason"])
    sandbox = await call.store.read(account.is_in_sandbox, call.scope, call.services.quota)
    await call.store.write(suppression.put, call.scope, address, reason, call.now, sandbox, params.get("TenantName"))
    return {}


@operation("sesv2", "GetSuppressedDestination")
async def get_suppressed_destination(call: Call, params: Params) -> Result:
    found = await call.store.read(suppression.get, call.scope, params["EmailAddress"], params.get("TenantName"))
    attributes = {"MessageId": found.message_id, "FeedbackId": found.feedback_id} if found.message_id else None
    told = {**_summary(found), "Attributes": attributes, "TenantName": params.get("TenantName")}
    return {"SuppressedDestination": told}


@operation("sesv2", "DeleteSuppressedDestination")
async def delete_suppressed_destination(call: Call, params: Params) -> Result:
    await call.store.write(suppression.delete, call.scope, params["EmailAddress"], params.get("TenantName"))
    return {}


@operation("sesv2", "ListSuppressedDestinations")
async def list_suppressed_destinations(call: Call, params: Params) -> Result:
    page = await call.store.read(
        suppression.list_page,
        call.scope,
        chosen(params.get("Reasons", ())),
        params.get("StartDate"),
        params.get("EndDate"),
        params.get("NextToken"),
        params.get("PageSize"),
        params.get("TenantName"),
    )
    return {
        "SuppressedDestinationSummaries": [_summary(one) for one in page.addresses],
        "NextToken": page.next_token,
    }


@operation("sesv2", "PutAccountSuppressionAttributes")
async def put_account_suppression_attributes(call: Call, params: Params) -> Result:
    _refuse_validation(params.get("ValidationAttributes", {}))
    if (reasons := params.get("SuppressedReasons")) is not None:
        await call.store.write(account.set_suppressed_reasons, call.scope, chosen(reasons), call.now)
    return {}


@operation("sesv2", "PutConfigurationSetSuppressionOptions")
async def put_configuration_set_suppression_options(call: Call, params: Params) -> Result:
    name, (reasons, for_tenant) = params["ConfigurationSetName"], choice_of_set(params)
    await call.store.write(configuration_sets.set_suppressed_reasons, call.scope, name, reasons, call.now, for_tenant)
    return {}


def choice_of_set(options: Params) -> tuple[Reasons | None, bool | None]:
    """Return what a SuppressionOptions chooses: reasons, and whether by the tenant's list; None for nothing said."""
    _refuse_validation(options.get("ValidationOptions", {}))
    reasons, scope = options.get("SuppressedReasons"), options.get("SuppressionScope")
    return None if reasons is None else chosen(reasons), None if scope is None else scope == "TENANT"


def options_of(found: ConfigurationSet) -> Result | None:
    """Return the SuppressionOptions of a set that has any."""
    if found.suppressed_reasons is None and found.suppressed_for_tenant is None:
        return None
    return {
        "SuppressedReasons": found.suppressed_reasons,
        "SuppressionScope": scope_told(found.suppressed_for_tenant),
    }


def scope_told(for_tenant: bool | None) -> str | None:
    return None if for_tenant is None else "TENANT" if for_tenant else "ACCOUNT"


def _refuse_validation(options: Params) -> None:
    threshold = options.get("ConditionThreshold", {})
    why = "addresses are not judged before anything is sent to them."
    refuse_unless("ConditionThresholdEnabled", threshold.get("ConditionThresholdEnabled"), "DISABLED", why)
    refuse_members(threshold, {"OverallConfidenceThreshold": why})


def _summary(found: Suppressed) -> Result:
    return {"EmailAddress": found.address, "Reason": found.reason, "LastUpdateTime": found.updated_at}
