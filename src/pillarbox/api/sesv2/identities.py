"""Identities in v2.

Translation only; the rules stand in resources/identities.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html
"""

from functools import partial

from pillarbox.api import dkim
from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import tags
from pillarbox.kit.errors import Invalid
from pillarbox.resources import identities, identity_dkim, identity_dns, identity_mail_from, identity_policies
from pillarbox.resources.identities import EASY, REJECT, USE_DEFAULT, Filter, Identity, MailFrom
from pillarbox.resources.identity_names import is_domain

_STATUSES = {
    "PENDING": "Pending",
    "SUCCESS": "Success",
    "FAILED": "Failed",
    "TEMPORARY_FAILURE": "TemporaryFailure",
    "NOT_STARTED": "NotStarted",
}
_SPELLED_STATUSES = {status: name for name, status in _STATUSES.items()}
_DOMAINS = {"DOMAIN": True, "EMAIL_ADDRESS": False}
_ON_MX_FAILURE = {"USE_DEFAULT_VALUE": USE_DEFAULT, "REJECT_MESSAGE": REJECT}
_SPELLED_ON_MX_FAILURE = {behavior: name for name, behavior in _ON_MX_FAILURE.items()}


@operation("sesv2", "CreateEmailIdentity")
async def create_email_identity(call: Call, params: Params) -> Result:
    name, signing = params["EmailIdentity"], params.get("DkimSigningAttributes", {})
    origin = signing.get("DomainSigningAttributesOrigin")
    plan = partial(
        identity_dkim.create,
        verify_at_once=call.services.verify_at_once,
        asked=await dkim.asked(call, name, signing, origin) if signing or is_domain(name) else None,
        tag_pairs=tags.pairs(params.get("Tags", ())),
        configuration_set=params.get("ConfigurationSetName"),
    )
    create = call.services.verification_mail.create
    identity = await create(call.store, plan, call.scope, params["EmailIdentity"], call.now)
    return {
        "IdentityType": _type(identity),
        "VerifiedForSendingStatus": identity.verified,
        "DkimAttributes": _dkim(call, identity),
    }


@operation("sesv2", "GetEmailIdentity")
async def get_email_identity(call: Call, params: Params) -> Result:
    name = params["EmailIdentity"]
    identity = await call.store.read(identities.existing, call.scope, name)
    policies = await call.store.read(identity_policies.of_identity, call.scope, name)
    return {**_spelled(call, identity), "Policies": policies}


@operation("sesv2", "ListEmailIdentities")
async def list_email_identities(call: Call, params: Params) -> Result:
    page = await call.store.read(
        identities.list_page,
        call.scope,
        _filter(params.get("Filter", {})),
        params.get("NextToken"),
        params.get("PageSize"),
    )
    return {"EmailIdentities": [_info(identity) for identity in page.identities], "NextToken": page.next_token}


@operation("sesv2", "DeleteEmailIdentity")
async def delete_email_identity(call: Call, params: Params) -> Result:
    await call.store.write(identities.delete_existing, call.scope, params["EmailIdentity"])
    return {}


@operation("sesv2", "PutEmailIdentityFeedbackAttributes")
async def put_email_identity_feedback_attributes(call: Call, params: Params) -> Result:
    name, enabled = params["EmailIdentity"], params.get("EmailForwardingEnabled", False)
    await call.store.write(identities.set_feedback_forwarding, call.scope, name, enabled, call.now)
    return {}


@operation("sesv2", "PutEmailIdentityConfigurationSetAttributes")
async def put_email_identity_configuration_set_attributes(call: Call, params: Params) -> Result:
    name, configuration_set = params["EmailIdentity"], params.get("ConfigurationSetName")
    await call.store.write(identities.set_configuration_set, call.scope, name, configuration_set, call.now)
    return {}


@operation("sesv2", "PutEmailIdentityDkimAttributes")
async def put_email_identity_dkim_attributes(call: Call, params: Params) -> Result:
    name, enabled = params["EmailIdentity"], params.get("SigningEnabled", False)
    await call.store.write(identity_dkim.set_enabled, call.scope, name, enabled, call.now)
    return {}


@operation("sesv2", "PutEmailIdentityDkimSigningAttributes")
async def put_email_identity_dkim_signing_attributes(call: Call, params: Params) -> Result:
    name, signing = params["EmailIdentity"], params.get("SigningAttributes", {})
    asked = await dkim.asked(call, name, signing, params["SigningAttributesOrigin"])
    length = signing.get("NextSigningKeyLength")
    identity = await call.store.write(identity_dkim.set_signing, call.scope, name, asked, length, call.now)
    told = _dkim(call, identity)
    return {
        "DkimStatus": told["Status"],
        "DkimTokens": told["Tokens"],
        "SigningHostedZone": told["SigningHostedZone"],
    }


@operation("sesv2", "PutEmailIdentityMailFromAttributes")
async def put_email_identity_mail_from_attributes(call: Call, params: Params) -> Result:
    services = call.services
    behavior = _ON_MX_FAILURE.get(params.get("BehaviorOnMxFailure", ""))
    asked = identity_mail_from.Asked(
        params.get("MailFromDomain"), behavior, services.service_domain, services.verify_at_once
    )
    await call.store.write(identity_mail_from.set_domain, call.scope, params["EmailIdentity"], asked, call.now)
    return {}


def _filter(given: Params) -> Filter:
    kind, status = given.get("IDENTITY_TYPE"), given.get("VERIFICATION_STATUS")
    if kind is not None and kind not in _DOMAINS:
        raise Invalid(f"Invalid filter value {kind} for IDENTITY_TYPE: it must be one of {', '.join(_DOMAINS)}.")
    if status is not None and status not in _STATUSES:
        raise Invalid(
            f"Invalid filter value {status} for VERIFICATION_STATUS: it must be one of {', '.join(_STATUSES)}."
        )
    return Filter(
        domains=_DOMAINS[kind] if kind else None,
        status=_STATUSES[status] if status else "",
        contains=given.get("IDENTITY_NAME_CONTAINS", ""),
    )


def _spelled(call: Call, identity: Identity) -> Result:
    return {
        "IdentityType": _type(identity),
        "FeedbackForwardingStatus": identity.feedback_forwarding,
        "VerifiedForSendingStatus": identity.verified,
        "DkimAttributes": _dkim(call, identity),
        "MailFromAttributes": _mail_from(identity.mail_from) if identity.mail_from else None,
        "Tags": tags.spelled(identity.tags),
        "ConfigurationSetName": identity.default_configuration_set,
        "VerificationStatus": _SPELLED_STATUSES[identity.status],
        "VerificationInfo": {
            "LastCheckedTimestamp": identity.verification.checked_at,
            "LastSuccessTimestamp": identity.verified_at,
            "ErrorType": identity.verification.error or None,
        },
    }


def _info(identity: Identity) -> Result:
    return {
        "IdentityType": _type(identity),
        "IdentityName": identity.name,
        "SendingEnabled": identity.verified,
        "VerificationStatus": _SPELLED_STATUSES[identity.status],
    }


def _type(identity: Identity) -> str:
    return "DOMAIN" if identity.is_domain else "EMAIL_ADDRESS"


def _dkim(call: Call, identity: Identity) -> Result:
    signing = identity.dkim
    is_easy = signing.origin == EASY and signing.started
    return {
        "SigningEnabled": signing.is_enabled,
        "Status": _SPELLED_STATUSES[signing.verification.status],
        "Tokens": signing.selectors or None,
        "SigningHostedZone": identity_dns.signing_zone(call.services.service_domain) if is_easy else None,
        "SigningAttributesOrigin": signing.origin,
        "NextSigningKeyLength": signing.next_length if is_easy else None,
        "CurrentSigningKeyLength": signing.current_length if is_easy else None,
        "LastKeyGenerationTimestamp": signing.key_made_at,
    }


def _mail_from(mail_from: MailFrom) -> Result:
    return {
        "MailFromDomain": mail_from.domain,
        "MailFromDomainStatus": _SPELLED_STATUSES[mail_from.verification.status],
        "BehaviorOnMxFailure": _SPELLED_ON_MX_FAILURE[mail_from.on_mx_failure],
    }
