"""Policies of identities in v1.

Translation only; the rules stand in resources/identity_policies.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_PutIdentityPolicy.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import identity_policies


@operation("ses", "PutIdentityPolicy")
async def put_identity_policy(call: Call, params: Params) -> Result:
    name, document = params["PolicyName"], params["Policy"]
    await call.store.write(identity_policies.put, call.scope, params["Identity"], name, document, call.now)
    return {}


@operation("ses", "GetIdentityPolicies")
async def get_identity_policies(call: Call, params: Params) -> Result:
    names = params["PolicyNames"]
    return {"Policies": await call.store.read(identity_policies.named, call.scope, params["Identity"], names)}


@operation("ses", "ListIdentityPolicies")
async def list_identity_policies(call: Call, params: Params) -> Result:
    return {"PolicyNames": list(await call.store.read(identity_policies.of_identity, call.scope, params["Identity"]))}


@operation("ses", "DeleteIdentityPolicy")
async def delete_identity_policy(call: Call, params: Params) -> Result:
    await call.store.write(identity_policies.delete, call.scope, params["Identity"], params["PolicyName"])
    return {}
