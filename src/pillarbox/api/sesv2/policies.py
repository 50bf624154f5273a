"""Policies of identities in v2.

Translation only; the rules stand in resources/identity_policies.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentityPolicy.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import identity_policies


@operation("sesv2", "CreateEmailIdentityPolicy")
async def create_email_identity_policy(call: Call, params: Params) -> Result:
    name, document = params["PolicyName"], params["Policy"]
    await call.store.write(identity_policies.create, call.scope, params["EmailIdentity"], name, document, call.now)
    return {}


@operation("sesv2", "UpdateEmailIdentityPolicy")
async def update_email_identity_policy(call: Call, params: Params) -> Result:
    name, document = params["PolicyName"], params["Policy"]
    await call.store.write(identity_policies.replace, call.scope, params["EmailIdentity"], name, document, call.now)
    return {}


@operation("sesv2", "GetEmailIdentityPolicies")
async def get_email_identity_policies(call: Call, params: Params) -> Result:
    return {"Policies": await call.store.read(identity_policies.of_existing, call.scope, params["EmailIdentity"])}


@operation("sesv2", "DeleteEmailIdentityPolicy")
async def delete_email_identity_policy(call: Call, params: Params) -> Result:
    name = params["PolicyName"]
    await call.store.write(identity_policies.delete_existing, call.scope, params["EmailIdentity"], name)
    return {}
