"""SQS: what other accounts may do with a queue."""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sqs.address import queue_named_by
from pillarbox.pubsub import queue_permissions


@operation("sqs", "AddPermission")
async def add_permission(call: Call, params: Params) -> Result:
    name, label = queue_named_by(call, params["QueueUrl"]), params["Label"]
    given = (params["AWSAccountIds"], params["Actions"])
    await call.store.write(queue_permissions.add, call.scope, name, label, *given, call.now)
    return {}


@operation("sqs", "RemovePermission")
async def remove_permission(call: Call, params: Params) -> Result:
    name = queue_named_by(call, params["QueueUrl"])
    await call.store.write(queue_permissions.remove, call.scope, name, params["Label"], call.now)
    return {}
