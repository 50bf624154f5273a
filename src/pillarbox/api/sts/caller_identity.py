"""GetCallerIdentity: who the signature belongs to."""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation


@operation("sts", "GetCallerIdentity")
async def get_caller_identity(call: Call, _: Params) -> Result:
    account = call.scope.account
    return {
        "UserId": call.user_name,
        "Account": account,
        "Arn": f"arn:aws:iam::{account}:user/{call.user_name}",
    }
