"""SNS: what a topic's policy lets other accounts do, by labels.

Translation only; the rules stand in pubsub/topic_policies.py.
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sns.access import entered
from pillarbox.pubsub import topics


@operation("sns", "AddPermission")
async def add_permission(call: Call, params: Params) -> Result:
    place, _ = await entered(call, params["TopicArn"], "AddPermission")
    accounts, actions = params["AWSAccountId"], params["ActionName"]
    await call.store.write(topics.add_permission, *place, params["Label"], accounts, actions, call.now)
    return {}


@operation("sns", "RemovePermission")
async def remove_permission(call: Call, params: Params) -> Result:
    place, _ = await entered(call, params["TopicArn"], "RemovePermission")
    await call.store.write(topics.remove_permission, *place, params["Label"], call.now)
    return {}
