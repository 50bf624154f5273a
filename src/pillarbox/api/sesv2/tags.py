"""Resource tags, which only v2 has, on identities and configuration sets.

Translation only; the rules stand in resources/tags.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_TagResource.html
"""

from collections.abc import Iterable, Mapping

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import tags


@operation("sesv2", "TagResource")
async def tag_resource(call: Call, params: Params) -> Result:
    await call.store.write(tags.tag, call.scope, params["ResourceArn"], pairs(params["Tags"]), call.now)
    return {}


@operation("sesv2", "UntagResource")
async def untag_resource(call: Call, params: Params) -> Result:
    await call.store.write(tags.untag, call.scope, params["ResourceArn"], params["TagKeys"], call.now)
    return {}


@operation("sesv2", "ListTagsForResource")
async def list_tags_for_resource(call: Call, params: Params) -> Result:
    return {"Tags": spelled(await call.store.read(tags.tags_of, call.scope, params["ResourceArn"]))}


def pairs(given: Iterable[Params]) -> list[tuple[str, str]]:
    return [(tag["Key"], tag["Value"]) for tag in given]


def spelled(found: Mapping[str, str]) -> list[Result]:
    return [{"Key": key, "Value": value} for key, value in found.items()]
