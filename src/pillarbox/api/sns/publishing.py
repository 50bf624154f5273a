"""SNS: publishing to a topic.

Translation only; the rules stand in pubsub/notice_content.py and publish.py.
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.kit.ids import new_uuid
from pillarbox.pubsub import notice_content, topics
from pillarbox.pubsub.publish import Notice, publish_many, publish_together
from pillarbox.pubsub.refusals import InvalidParameter, TopicNotFound

_FOR_OTHERS = {
    "PhoneNumber": "text messages are not offered by this server",
    **{
        name: f"The request includes {name} parameter that is not valid for this topic type"
        for name in ("MessageDeduplicationId", "MessageGroupId")
    },
}


@operation("sns", "Publish")
async def publish(call: Call, params: Params) -> Result:
    arn = params.get("TopicArn", params.get("TargetArn"))
    if arn is None and not params.get("PhoneNumber"):
        raise InvalidParameter("TopicArn or TargetArn Reason: no value for required parameter")
    notice_content.check_size(params["Message"], params.get("MessageAttributes") or {})
    notice = _notice(call, arn or "", params)
    if await call.store.commit(publish_together, (notice, call.now)) is not None:
        raise TopicNotFound
    return {"MessageId": notice.notification_id}


@operation("sns", "PublishBatch")
async def publish_batch(call: Call, params: Params) -> Result:
    entries = params["PublishBatchRequestEntries"]
    ids = [entry["Id"] for entry in entries]
    sizes = [notice_content.size_of(one["Message"], one.get("MessageAttributes") or {}) for one in entries]
    notice_content.check_entries(ids, sizes)
    notices = [_notice(call, params["TopicArn"], entry) for entry in entries]
    if any(await call.store.write(publish_many, notices, call.now)):
        raise TopicNotFound
    told = zip(ids, notices, strict=True)
    return {
        "Successful": [{"Id": entry_id, "MessageId": notice.notification_id} for entry_id, notice in told],
        "Failed": [],
    }


def _notice(call: Call, arn: str, params: Params) -> Notice:
    for name, reason in _FOR_OTHERS.items():
        if params.get(name):
            raise InvalidParameter(f"{name} Reason: {reason}")
    topic = topics.name_of(arn, call.scope)
    message, by_protocol = notice_content.messages_by_protocol(params.get("MessageStructure"), params["Message"])
    notice_content.check_message(message, params.get("Subject"))
    attributes = notice_content.attributes_to_tell(params.get("MessageAttributes") or {})
    return Notice(call.scope, topic, new_uuid(), params.get("Subject"), message, attributes, by_protocol)
