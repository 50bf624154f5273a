"""SQS: the tags of a queue."""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sqs.address import queue_named_by
from pillarbox.pubsub import queues


@operation("sqs", "TagQueue")
async def tag_queue(call: Call, params: Params) -> Result:
    name = queue_named_by(call, params["QueueUrl"])
    await call.store.write(queues.tag, call.scope, name, params["Tags"], call.now)
    return {}


@operation("sqs", "UntagQueue")
async def untag_queue(call: Call, params: Params) -> Result:
    name = queue_named_by(call, params["QueueUrl"])
    await call.store.write(queues.untag, call.scope, name, params["TagKeys"], call.now)
    return {}


@operation("sqs", "ListQueueTags")
async def list_queue_tags(call: Call, params: Params) -> Result:
    queue = await call.store.read(queues.find, call.scope, queue_named_by(call, params["QueueUrl"]))
    return {"Tags": queue.tags} if queue.tags else {}
