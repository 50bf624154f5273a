"""SNS: topics and their attributes.

Translation only; the rules stand in pubsub/topics.py.
"""

from contextlib import suppress

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sns.access import asking, entered
from pillarbox.api.sns.pages import LENGTH, rest_after, start_of
from pillarbox.pubsub import subscribed_topics, topic_access, topics
from pillarbox.pubsub.refusals import InvalidParameter, TopicNotFound


@operation("sns", "CreateTopic")
async def create_topic(call: Call, params: Params) -> Result:
    if params.get("DataProtectionPolicy"):
        raise InvalidParameter("DataProtectionPolicy Reason: it is not offered by this server")
    name = params["Name"]
    tags = topics.tags_by_key([(tag["Key"], tag["Value"]) for tag in params.get("Tags") or ()])
    await call.store.write(topics.create, call.scope, name, params.get("Attributes") or {}, tags, call.now)
    return {"TopicArn": topics.arn_of(call.scope, name)}


@operation("sns", "DeleteTopic")
async def delete_topic(call: Call, params: Params) -> Result:
    place = topic_access.place_of(params["TopicArn"], call.scope.region)
    with suppress(TopicNotFound):  # deleting what is not there succeeds
        await call.store.read(topic_access.enter, place, asking(call, "DeleteTopic"))
        await call.store.write(subscribed_topics.delete, *place)
    return {}


@operation("sns", "ListTopics")
async def list_topics(call: Call, params: Params) -> Result:
    names = await call.store.read(topics.names_after, call.scope, start_of(params), LENGTH + 1)
    found = [{"TopicArn": topics.arn_of(call.scope, name)} for name in names[:LENGTH]]
    return {"Topics": found, **rest_after(names)}


@operation("sns", "GetTopicAttributes")
async def get_topic_attributes(call: Call, params: Params) -> Result:
    place, _ = await entered(call, params["TopicArn"], "GetTopicAttributes")
    return {"Attributes": await call.store.read(subscribed_topics.attributes_of, *place, call.now)}


@operation("sns", "SetTopicAttributes")
async def set_topic_attributes(call: Call, params: Params) -> Result:
    place, _ = await entered(call, params["TopicArn"], "SetTopicAttributes")
    attribute, value = params["AttributeName"], params.get("AttributeValue") or ""
    await call.store.write(subscribed_topics.set_attribute, *place, attribute, value, call.now)
    return {}
