"""SQS: queues, their attributes and their lists."""

import base64
import binascii
from collections.abc import Callable

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sqs.address import asking, place_named_by, queue_named_by, queue_url
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queue_access, queue_attributes, queues
from pillarbox.pubsub.queue_errors import AccessDenied, InvalidParameter, QueueMissing
from pillarbox.pubsub.queue_names import arn_of
from pillarbox.pubsub.queues import Queue

_LONGEST_PAGE = 1_000


@operation("sqs", "CreateQueue")
async def create_queue(call: Call, params: Params) -> Result:
    name = params["QueueName"]
    attributes, tags = params.get("Attributes") or {}, params.get("tags") or {}
    await call.store.write(queues.create, call.scope, name, attributes, tags, call.now)
    return {"QueueUrl": queue_url(call, name)}


@operation("sqs", "GetQueueUrl")
async def get_queue_url(call: Call, params: Params) -> Result:
    name, owner = params["QueueName"], params.get("QueueOwnerAWSAccountId") or call.scope.account
    url = queue_url(call, name, owner)
    try:
        await call.store.read(
            queue_access.enter, Scope(owner, call.scope.region), name, asking(call, url, "GetQueueUrl")
        )
    except AccessDenied:  # to whom it is closed, it is not there
        raise QueueMissing from None
    return {"QueueUrl": url}


@operation("sqs", "DeleteQueue")
async def delete_queue(call: Call, params: Params) -> Result:
    await call.store.write(queues.delete, call.scope, queue_named_by(call, params["QueueUrl"]), call.now)
    return {}


@operation("sqs", "PurgeQueue")
async def purge_queue(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "PurgeQueue")
    await call.store.read(queue_access.enter, *place)
    await call.store.write(queues.purge, place.scope, place.name, call.now)
    return {}


@operation("sqs", "GetQueueAttributes")
async def get_queue_attributes(call: Call, params: Params) -> Result:
    wanted = params.get("AttributeNames") or []
    queue_attributes.check_names(wanted)
    place = place_named_by(call, params["QueueUrl"], "GetQueueAttributes")
    await call.store.read(queue_access.enter, *place)
    known = await call.store.read(queues.attributes_of, place.scope, place.name, call.now)
    chosen = known if "All" in wanted else {name: known[name] for name in wanted if name in known}
    return {"Attributes": chosen} if chosen else {}


@operation("sqs", "SetQueueAttributes")
async def set_queue_attributes(call: Call, params: Params) -> Result:
    name = queue_named_by(call, params["QueueUrl"])
    await call.store.write(queues.set_attributes, call.scope, name, params["Attributes"], call.now)
    return {}


@operation("sqs", "ListQueues")
async def list_queues(call: Call, params: Params) -> Result:
    prefix = params.get("QueueNamePrefix") or ""
    urls, more = await _page(call, params, lambda name, _queue: name.startswith(prefix), call.scope)
    return {"QueueUrls": urls, **more} if urls else {}


@operation("sqs", "ListDeadLetterSourceQueues")
async def list_dead_letter_source_queues(call: Call, params: Params) -> Result:
    place = place_named_by(call, params["QueueUrl"], "ListDeadLetterSourceQueues")
    await call.store.read(queue_access.enter, *place)
    target = arn_of(place.scope, place.name)
    urls, more = await _page(
        call, params, lambda _name, queue: queue.redrive is not None and queue.redrive.target_arn == target, place.scope
    )
    return {"queueUrls": urls, **more}


async def _page(
    call: Call, params: Params, fits: Callable[[str, Queue], bool], scope: Scope
) -> tuple[list[str], Result]:
    """Return the URLs of a page and, when the caller pages and there is more, its NextToken."""
    limit = params.get("MaxResults")
    if limit is not None and not 1 <= limit <= _LONGEST_PAGE:
        raise InvalidParameter.value(limit, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
    after = _name_of(params.get("NextToken") or "")
    names, more = await call.store.read(queues.page, scope, fits, after, limit or _LONGEST_PAGE)
    token = {"NextToken": base64.urlsafe_b64encode(names[-1].encode()).decode()} if more and limit else {}
    return [queue_url(call, name, scope.account) for name in names], token


def _name_of(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidParameter("Invalid or expired next token.") from None
