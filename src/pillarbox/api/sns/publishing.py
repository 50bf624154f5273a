"""SNS: publishing to a topic.

Translation only; the rules stand in pubsub/: notice_content.py, topic_order.py
and the two modules that publish.
"""

from typing import Any

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sns.access import Entered, entered
from pillarbox.kit.ids import new_uuid
from pillarbox.pubsub import notice_content, topic_attributes
from pillarbox.pubsub.publish import Notice, publish_many, publish_together
from pillarbox.pubsub.publish_in_order import Ordered, publish_in_order
from pillarbox.pubsub.refusals import InvalidParameter, TopicNotFound
from pillarbox.pubsub.topic_order import order_of, sequence_number


@operation("sns", "Publish")
async def publish(call: Call, params: Params) -> Result:
    arn = params.get("TopicArn", params.get("TargetArn"))
    if params.get("PhoneNumber"):
        raise InvalidParameter("PhoneNumber Reason: text messages are not offered by this server")
    if arn is None:
        raise InvalidParameter("TopicArn or TargetArn Reason: no value for required parameter")
    there = await entered(call, arn, "Publish")
    most = topic_attributes.most_bytes(there.topic.attributes)
    notice_content.check_size(params["Message"], params.get("MessageAttributes") or {}, most)
    notice = _notice(there, params)
    notice_content.check_message(_told(notice).message, params.get("Subject"))
    return await _publish_in_order(call, notice) if isinstance(notice, Ordered) else await _publish(call, notice)


@operation("sns", "PublishBatch")
async def publish_batch(call: Call, params: Params) -> Result:
    entries = params["PublishBatchRequestEntries"]
    sizes = [notice_content.size_of(one["Message"], one.get("MessageAttributes") or {}) for one in entries]
    notice_content.check_entries([entry["Id"] for entry in entries])
    there = await entered(call, params["TopicArn"], "Publish")
    notice_content.check_sizes(sizes, topic_attributes.most_bytes(there.topic.attributes))
    good: dict[str, Notice | Ordered] = {}
    failed = []
    for entry_id, notice in [(entry["Id"], _notice(there, entry)) for entry in entries]:
        try:
            notice_content.check_message(_told(notice).message, _told(notice).subject)
            good[entry_id] = notice
        except InvalidParameter as why:
            failed.append({"Id": entry_id, "Code": "InvalidParameter", "Message": str(why), "SenderFault": True})
    shown = await _publish_all(call, list(good.values()))
    return {"Successful": [{"Id": one, **told} for one, told in zip(good, shown, strict=True)], "Failed": failed}


def _notice(there: Entered, params: Params) -> Notice | Ordered:
    attributes = there.topic.attributes
    order = order_of(attributes, params.get("MessageGroupId"), params.get("MessageDeduplicationId"), params["Message"])
    message, by_protocol = notice_content.messages_by_protocol(params.get("MessageStructure"), params["Message"])
    told = notice_content.attributes_to_tell(params.get("MessageAttributes") or {})
    tenant = params.get("MessageGroupId") if order is None else None
    notice = Notice(*there.place, new_uuid(), params.get("Subject"), message, told, by_protocol, tenant=tenant)
    return notice if order is None else Ordered(notice, order, 0)


def _told(notice: Notice | Ordered) -> Notice:
    return notice.notice if isinstance(notice, Ordered) else notice


async def _publish(call: Call, notice: Notice) -> dict[str, Any]:
    if await call.store.commit(publish_together, (notice, call.now)) is not None:
        raise TopicNotFound
    return {"MessageId": notice.notification_id}


async def _publish_in_order(call: Call, notice: Ordered) -> dict[str, Any]:
    told = await call.store.commit(publish_in_order, notice._replace(at=call.now))
    if told.why is not None:
        raise TopicNotFound
    return {"MessageId": told.notification_id, "SequenceNumber": sequence_number(told.place)}


async def _publish_all(call: Call, notices: list[Notice | Ordered]) -> list[dict[str, Any]]:
    """Publish what is all of one kind, in one transaction."""
    ordered = [one._replace(at=call.now) for one in notices if isinstance(one, Ordered)]
    if ordered:
        told = await call.store.write(publish_in_order, ordered)
        if any(one.why for one in told):
            raise TopicNotFound
        return [{"MessageId": one.notification_id, "SequenceNumber": sequence_number(one.place)} for one in told]
    plain = [one for one in notices if isinstance(one, Notice)]
    if any(await call.store.write(publish_many, plain, call.now)):
        raise TopicNotFound
    return [{"MessageId": notice.notification_id} for notice in plain]
