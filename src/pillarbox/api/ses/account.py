"""The account in v1: its quota, its statistics and its switch.

Translation only; the rules stand in resources/account.py and stats/query.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_GetSendQuota.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import account
from pillarbox.stats import query


@operation("ses", "GetSendQuota")
async def get_send_quota(call: Call, _: Params) -> Result:
    standing, sent = await call.store.read(account.standing, call.scope, call.now)
    quota = call.services.quota.of(standing.quota, standing.has_left_sandbox)
    return {"Max24HourSend": quota.max_24_hour, "MaxSendRate": quota.told_rate, "SentLast24Hours": sent}


@operation("ses", "GetSendStatistics")
async def get_send_statistics(call: Call, _: Params) -> Result:
    return {"SendDataPoints": await call.store.read(query.send_statistics, call.scope, call.now)}


@operation("ses", "GetAccountSendingEnabled")
async def get_account_sending_enabled(call: Call, _: Params) -> Result:
    standing = await call.store.read(account.get, call.scope)
    return {"Enabled": standing.sending_enabled}


@operation("ses", "UpdateAccountSendingEnabled")
async def update_account_sending_enabled(call: Call, params: Params) -> Result:
    await call.store.write(account.set_sending, call.scope, params.get("Enabled", False), call.now)
    return {}
