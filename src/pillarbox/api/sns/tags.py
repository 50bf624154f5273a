"""SNS: the tags of a topic."""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sns.access import tagged
from pillarbox.pubsub import topics


@operation("sns", "TagResource")
async def tag_resource(call: Call, params: Params) -> Result:
    place = await tagged(call, params["ResourceArn"], "TagResource")
    tags = topics.tags_by_key([(tag["Key"], tag["Value"]) for tag in params["Tags"]])
    await call.store.write(topics.add_tags, *place, tags, call.now)
    return {}


@operation("sns", "UntagResource")
async def untag_resource(call: Call, params: Params) -> Result:
    place = await tagged(call, params["ResourceArn"], "UntagResource")
    await call.store.write(topics.remove_tags, *place, params["TagKeys"], call.now)
    return {}


@operation("sns", "ListTagsForResource")
async def list_tags_for_resource(call: Call, params: Params) -> Result:
    place = await tagged(call, params["ResourceArn"], "ListTagsForResource")
    tags = await call.store.read(topics.tags_of, *place)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
