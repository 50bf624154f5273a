"""Tenants in v2, and the reputation entities that they are: for whom an account sends, and the switch of each.

Translation only; the rules stand in resources/tenants.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateTenant.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import suppression, tags
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import tenant_resources, tenants
from pillarbox.resources.suppression_reasons import chosen
from pillarbox.resources.tenant_resources import Association
from pillarbox.resources.tenants import ENABLED, Filter, SuppressionOfTenant, Tenant

# The real service takes and tells the types as ARNs spell them; the models name them so:
_MODELLED_TYPES = {
    "EMAIL_IDENTITY": tenant_resources.IDENTITY,
    "CONFIGURATION_SET": tenant_resources.CONFIGURATION_SET,
    "EMAIL_TEMPLATE": tenant_resources.TEMPLATE,
}


@operation("sesv2", "CreateTenant")
async def create_tenant(call: Call, params: Params) -> Result:
    chosen_suppression = _suppression(params.get("SuppressionAttributes", {}))
    tag_pairs = tags.pairs(params.get("Tags", ()))
    made = await call.store.write(
        tenants.create, call.scope, params["TenantName"], call.now, chosen_suppression, tag_pairs
    )
    return _told(call.scope, made)


@operation("sesv2", "GetTenant")
async def get_tenant(call: Call, params: Params) -> Result:
    return {"Tenant": _told(call.scope, await call.store.read(tenants.existing, call.scope, params["TenantName"]))}


@operation("sesv2", "ListTenants")
async def list_tenants(call: Call, params: Params) -> Result:
    given = params.get("Filter", {})
    wanted = Filter(given.get("TENANT_NAME_CONTAINS", ""), given.get("SENDING_STATUS", ""))
    page = await call.store.read(tenants.list_page, call.scope, wanted, params.get("NextToken"), params.get("PageSize"))
    return {"Tenants": [_summary(call.scope, one) for one in page.tenants], "NextToken": page.next_token}


@operation("sesv2", "DeleteTenant")
async def delete_tenant(call: Call, params: Params) -> Result:
    await call.store.write(tenants.delete, call.scope, params["TenantName"])
    return {}


@operation("sesv2", "PutTenantSuppressionAttributes")
async def put_tenant_suppression_attributes(call: Call, params: Params) -> Result:
    given = _suppression(params)
    await call.store.write(tenants.set_suppression, call.scope, params["TenantName"], given, call.now)
    return {}


@operation("sesv2", "CreateTenantResourceAssociation")
async def create_tenant_resource_association(call: Call, params: Params) -> Result:
    name, arn = params["TenantName"], params["ResourceArn"]
    await call.store.write(tenants.associate, call.scope, name, arn, call.now)
    return {}


@operation("sesv2", "DeleteTenantResourceAssociation")
async def delete_tenant_resource_association(call: Call, params: Params) -> Result:
    await call.store.write(tenants.dissociate, call.scope, params["TenantName"], params["ResourceArn"])
    return {}


@operation("sesv2", "ListTenantResources")
async def list_tenant_resources(call: Call, params: Params) -> Result:
    asked = params.get("Filter", {}).get("RESOURCE_TYPE")
    type_ = _MODELLED_TYPES.get(asked, asked)
    name, token, size = params["TenantName"], params.get("NextToken"), params.get("PageSize")
    page = await call.store.read(tenants.resources_page, call.scope, name, type_, token, size)
    found = [{"ResourceType": one.type, "ResourceArn": one.arn} for one in page.associations]
    return {"TenantResources": found, "NextToken": page.next_token}


@operation("sesv2", "ListResourceTenants")
async def list_resource_tenants(call: Call, params: Params) -> Result:
    arn, token, size = params["ResourceArn"], params.get("NextToken"), params.get("PageSize")
    page = await call.store.read(tenants.tenants_page, call.scope, arn, token, size)
    return {"ResourceTenants": [_user(one) for one in page.associations], "NextToken": page.next_token}


@operation("sesv2", "GetReputationEntity")
async def get_reputation_entity(call: Call, params: Params) -> Result:
    found = await call.store.read(tenants.of_arn, call.scope, params["ReputationEntityReference"])
    return {"ReputationEntity": _entity(call.scope, found)}


@operation("sesv2", "ListReputationEntities")
async def list_reputation_entities(call: Call, params: Params) -> Result:
    given = params.get("Filter", {})
    if "REPUTATION_IMPACT" in given:  # nobody but the account itself judges its tenants
        return {"ReputationEntities": []}
    wanted = Filter(status=given.get("SENDING_STATUS", ""), arn_prefix=given.get("ENTITY_REFERENCE_PREFIX", ""))
    page = await call.store.read(tenants.list_page, call.scope, wanted, params.get("NextToken"), params.get("PageSize"))
    return {"ReputationEntities": [_entity(call.scope, one) for one in page.tenants], "NextToken": page.next_token}


@operation("sesv2", "UpdateReputationEntityCustomerManagedStatus")
async def update_reputation_entity_customer_managed_status(call: Call, params: Params) -> Result:
    arn, status = params["ReputationEntityReference"], params["SendingStatus"]
    await call.store.write(tenants.set_status, call.scope, arn, status, call.now)
    return {}


def _suppression(given: Params) -> SuppressionOfTenant | None:
    reasons, scope = given.get("SuppressedReasons"), given.get("SuppressionScope")
    if reasons is None and scope is None:
        return None
    if reasons is None:
        raise Invalid("SuppressionScope cannot be specified without SuppressedReasons.")
    if scope is None:
        raise Invalid("SuppressedReasons cannot be specified without SuppressionScope.")
    return SuppressionOfTenant(chosen(reasons), scope == "TENANT")


def _told(scope: Scope, tenant: Tenant) -> Result:
    own = tenant.suppression
    attributes = own and {"SuppressedReasons": own.reasons, "SuppressionScope": suppression.scope_told(own.own_list)}
    return {**_summary(scope, tenant), "Tags": tags.spelled(tenant.tags), "SuppressionAttributes": attributes}


def _summary(scope: Scope, tenant: Tenant) -> Result:
    return {
        "TenantName": tenant.name,
        "TenantId": tenant.tenant_id,
        "TenantArn": tenant.arn(scope),
        "CreatedTimestamp": tenant.created_at,
        "SendingStatus": tenant.status,
    }


def _user(one: Association) -> Result:
    return {
        "TenantName": one.tenant,
        "TenantId": one.tenant_id,
        "ResourceArn": one.arn,
        "AssociatedTimestamp": one.at,
    }


def _entity(scope: Scope, tenant: Tenant) -> Result:
    return {
        "ReputationEntityReference": tenant.arn(scope),
        "ReputationEntityType": "RESOURCE",
        "CustomerManagedStatus": {"Status": tenant.status, "LastUpdatedTimestamp": tenant.status_at},
        "AwsSesManagedStatus": {"Status": ENABLED},
        "SendingStatusAggregate": tenant.status,
    }
