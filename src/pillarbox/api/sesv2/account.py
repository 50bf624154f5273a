"""The account in v2: its quota, its switch, and the reasons for which it suppresses.

Translation only; the rules stand in resources/account.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.resources import account
from pillarbox.resources.account import Account, Quota
from pillarbox.store.plan import Plan


@operation("sesv2", "GetAccount")
async def get_account(call: Call, _: Params) -> Result:
    standing, sent = await call.store.read(_standing, call.scope, call.now)
    quota = call.services.quota
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": not quota.sandbox,
        "SendQuota": _quota(quota, sent),
        "SendingEnabled": standing.sending_enabled,
        "SuppressionAttributes": {"SuppressedReasons": standing.suppressed_reasons},
        "VdmAttributes": {"VdmEnabled": "DISABLED"},
    }


@operation("sesv2", "PutAccountSendingAttributes")
async def put_account_sending_attributes(call: Call, params: Params) -> Result:
    await call.store.write(account.set_sending, call.scope, params.get("SendingEnabled", False), call.now)
    return {}


def _standing(scope: Scope, now: Millis) -> Plan[tuple[Account, int]]:
    standing = yield from account.get(scope)
    sent = yield from account.sent_last_24_hours(scope, now)
    return standing, sent


def _quota(quota: Quota, sent: int) -> Result:
    return {"Max24HourSend": quota.max_24_hour, "MaxSendRate": quota.told_rate, "SentLast24Hours": sent}
