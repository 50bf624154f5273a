"""Identities in v1: verify, delete, list and look at them.

Translation only; the rules stand in resources/identities.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_Operations.html
"""

from pillarbox.api import dkim
from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import identities, identity_dkim, identity_mail_from
from pillarbox.resources.identities import Filter, Identity, MailFrom

_DOMAINS = {"Domain": True, "EmailAddress": False}


@operation("ses", "VerifyEmailIdentity")
async def verify_email_identity(call: Call, params: Params) -> Result:
    await _verify_address(call, params["EmailAddress"])
    return {}


@operation("ses", "VerifyEmailAddress")
async def verify_email_address(call: Call, params: Params) -> Result:
    await _verify_address(call, params["EmailAddress"])
    return {}


@operation("ses", "VerifyDomainIdentity")
async def verify_domain_identity(call: Call, params: Params) -> Result:
    at_once = call.services.verify_at_once
    identity = await call.store.write(identities.verify_domain, call.scope, params["Domain"], call.now, at_once)
    return {"VerificationToken": identity.verification_token}


@operation("ses", "VerifyDomainDkim")
async def verify_domain_dkim(call: Call, params: Params) -> Result:
    easy = await dkim.easy(call, params["Domain"])
    identity = await call.store.write(identity_dkim.verify_domain_dkim, call.scope, params["Domain"], easy, call.now)
    return {"DkimTokens": identity.dkim.tokens}


@operation("ses", "DeleteIdentity")
async def delete_identity(call: Call, params: Params) -> Result:
    await call.store.write(identities.delete, call.scope, params["Identity"])
    return {}


@operation("ses", "DeleteVerifiedEmailAddress")
async def delete_verified_email_address(call: Call, params: Params) -> Result:
    await call.store.write(identities.delete, call.scope, params["EmailAddress"])
    return {}


@operation("ses", "ListIdentities")
async def list_identities(call: Call, params: Params) -> Result:
    wanted = Filter(domains=_DOMAINS.get(params.get("IdentityType", "")))
    page = await call.store.read(
        identities.list_page, call.scope, wanted, params.get("NextToken"), params.get("MaxItems")
    )
    return {"Identities": [identity.name for identity in page.identities], "NextToken": page.next_token}


@operation("ses", "ListVerifiedEmailAddresses")
async def list_verified_email_addresses(call: Call, _: Params) -> Result:
    return {"VerifiedEmailAddresses": await call.store.read(identities.verified_addresses, call.scope)}


@operation("ses", "GetIdentityVerificationAttributes")
async def get_identity_verification_attributes(call: Call, params: Params) -> Result:
    found = await call.store.read(identities.asked_for, call.scope, params["Identities"])
    return {"VerificationAttributes": {name: _verification(identity) for name, identity in found.items()}}


@operation("ses", "GetIdentityDkimAttributes")
async def get_identity_dkim_attributes(call: Call, params: Params) -> Result:
    found = await call.store.read(identities.asked_for, call.scope, params["Identities"])
    return {"DkimAttributes": {name: _dkim(identity) for name, identity in found.items()}}


@operation("ses", "SetIdentityDkimEnabled")
async def set_identity_dkim_enabled(call: Call, params: Params) -> Result:
    name, enabled = params["Identity"], params["DkimEnabled"]
    await call.store.write(identity_dkim.set_enabled, call.scope, name, enabled, call.now)
    return {}


@operation("ses", "SetIdentityMailFromDomain")
async def set_identity_mail_from_domain(call: Call, params: Params) -> Result:
    services = call.services
    asked = identity_mail_from.Asked(
        params.get("MailFromDomain"),
        params.get("BehaviorOnMXFailure"),
        services.service_domain,
        services.verify_at_once,
    )
    await call.store.write(identity_mail_from.set_domain, call.scope, params["Identity"], asked, call.now)
    return {}


@operation("ses", "GetIdentityMailFromDomainAttributes")
async def get_identity_mail_from_domain_attributes(call: Call, params: Params) -> Result:
    found = await call.store.read(identities.asked_for, call.scope, params["Identities"])
    told = {name: _mail_from(identity.mail_from) for name, identity in found.items() if identity.mail_from}
    return {"MailFromDomainAttributes": told}


async def _verify_address(call: Call, address: str) -> None:
    await call.services.verification_mail.verify(call.store, call.scope, address, call.now)


def _verification(identity: Identity) -> Result:
    token = identity.verification_token if identity.is_domain else None
    return {"VerificationStatus": identity.status, "VerificationToken": token}


def _dkim(identity: Identity) -> Result:
    return {
        "DkimEnabled": identity.dkim.is_enabled,
        "DkimVerificationStatus": identity.dkim.verification.status,
        "DkimTokens": identity.dkim.selectors or None,
    }


def _mail_from(mail_from: MailFrom) -> Result:
    return {
        "MailFromDomain": mail_from.domain,
        "MailFromDomainStatus": mail_from.verification.status,
        "BehaviorOnMXFailure": mail_from.on_mx_failure,
    }
