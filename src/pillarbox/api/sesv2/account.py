"""The account in v2: its quota, its switch, and the reasons for which it suppresses.

Translation only; the rules stand in resources/account.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import account
from pillarbox.resources.account import Details, Quota, Review


@operation("sesv2", "GetAccount")
async def get_account(call: Call, _: Params) -> Result:
    standing, sent = await call.store.read(account.standing, call.scope, call.now)
    quota = call.services.quota.of(standing.quota, standing.has_left_sandbox)
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": standing.has_left_sandbox or not quota.sandbox,
        "SendQuota": _quota(quota, sent),
        "SendingEnabled": standing.sending_enabled,
        "SuppressionAttributes": {"SuppressedReasons": standing.suppressed_reasons},
        "VdmAttributes": {"VdmEnabled": "DISABLED"},
        "Details": _details(standing.details, standing.review) if standing.details else None,
    }


@operation("sesv2", "PutAccountDetails")
async def put_account_details(call: Call, params: Params) -> Result:
    details = Details(
        mail_type=params["MailType"],
        website_url=params["WebsiteURL"],
        language=params.get("ContactLanguage"),
        use_case=params.get("UseCaseDescription"),
        contacts=list(params.get("AdditionalContactEmailAddresses", ())),
    )
    asks = params.get("ProductionAccessEnabled", False)
    await call.store.write(account.put_details, call.scope, details, asks, call.services.quota, call.now)
    return {}


@operation("sesv2", "PutAccountSendingAttributes")
async def put_account_sending_attributes(call: Call, params: Params) -> Result:
    await call.store.write(account.set_sending, call.scope, params.get("SendingEnabled", False), call.now)
    return {}


def _quota(quota: Quota, sent: int) -> Result:
    return {"Max24HourSend": quota.max_24_hour, "MaxSendRate": quota.told_rate, "SentLast24Hours": sent}


def _details(details: Details, review: Review | None) -> Result:
    return {
        "MailType": details.mail_type,
        "WebsiteURL": details.website_url,
        "ContactLanguage": details.language,
        "UseCaseDescription": details.use_case,
        "AdditionalContactEmailAddresses": details.contacts or None,
        "ReviewDetails": {"Status": review.status, "CaseId": review.case_id} if review else None,
    }
