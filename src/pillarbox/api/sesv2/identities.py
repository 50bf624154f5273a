"""Identities in v2.

Translation only; the rules stand in resources/identities.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html
"""

from functools import partial

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import tags
from pillarbox.kit.errors import Invalid
from pillarbox.resources import identities
from pillarbox.resources.identities import Filter, Identity
from pillarbox.resources.unsupported import refuse_members, refuse_unless

_STATUSES = {
    "PENDING": "Pending",
    "SUCCESS": "Success",
    "FAILED": "Failed",
    "TEMPORARY_FAILURE": "TemporaryFailure",
    "NOT_STARTED": "NotStarted",
}
_SPELLED_STATUSES = {status: name for name, status in _STATUSES.items()}
_DOMAINS = {"DOMAIN": True, "EMAIL_ADDRESS": False}
_OWN_KEYS = "keys of your own are not supported yet."


@operation("sesv2", "CreateEmailIdentity")
async def create_email_identity(call: Call, params: Params) -> Result:
    _refuse_signing(params.get("DkimSigningAttributes", {}))
    plan = partial(
        identities.create,
        verify_at_once=call.services.verify_at_once,
        tag_pairs=tags.pairs(params.get("Tags", ())),
        configuration_set=params.get("ConfigurationSetName"),
    )
    identity = await call.store.write(plan, call.scope, params["EmailIdentity"], call.now)
    return {
        "IdentityType": _type(identity),
        "VerifiedForSendingStatus": identity.verified,
        "DkimAttributes": _dkim(identity),
    }


@operation("sesv2", "GetEmailIdentity")
async def get_email_identity(call: Call, params: Params) -> Result:
    return _spelled(await call.store.read(identities.existing, call.scope, params["EmailIdentity"]))


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


def _refuse_signing(given: Params) -> None:
    refuse_members(given, {"DomainSigningSelector": _OWN_KEYS, "DomainSigningPrivateKey": _OWN_KEYS})
    refuse_unless("DomainSigningAttributesOrigin", given.get("DomainSigningAttributesOrigin"), "AWS_SES", _OWN_KEYS)
    refuse_unless(
        "NextSigningKeyLength", given.get("NextSigningKeyLength"), "RSA_2048_BIT", "there is one length of keys."
    )


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


def _spelled(identity: Identity) -> Result:
    return {
        "IdentityType": _type(identity),
        "FeedbackForwardingStatus": identity.feedback_forwarding,
        "VerifiedForSendingStatus": identity.verified,
        "DkimAttributes": _dkim(identity),
        "Policies": {},
        "Tags": tags.spelled(identity.tags),
        "ConfigurationSetName": identity.default_configuration_set,
        "VerificationStatus": _SPELLED_STATUSES[identity.status],
        "VerificationInfo": {"LastSuccessTimestamp": identity.verified_at},
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


def _dkim(identity: Identity) -> Result:
    return {
        "SigningEnabled": identity.dkim_started,
        "Status": _SPELLED_STATUSES[identity.dkim_status],
        "Tokens": identity.dkim_tokens if identity.dkim_started else None,
        "SigningAttributesOrigin": "AWS_SES",
        "NextSigningKeyLength": "RSA_2048_BIT" if identity.dkim_started else None,
    }
