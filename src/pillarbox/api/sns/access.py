"""The topic that a call is about, for whoever may do with it what the call asks.

Reads the topic. Called by every operation on one; the rules stand in
pubsub/topic_access.py.
"""

from typing import NamedTuple

from pillarbox.api.call import Call
from pillarbox.kit.wildcards import Context
from pillarbox.pubsub import topic_access
from pillarbox.pubsub.refusals import ResourceNotFound, TopicNotFound
from pillarbox.pubsub.topic_access import Asking, Place
from pillarbox.pubsub.topics import Topic


class Entered(NamedTuple):
    """A topic and where it is: perhaps in another account, whose policy lets the caller in."""

    place: Place
    topic: Topic


async def entered(call: Call, arn: str, action: str, more: Context | None = None) -> Entered:
    """Return the topic of an ARN, or raise why the caller may not do this with it."""
    place = topic_access.place_of(arn, call.scope.region)
    return Entered(place, await call.store.read(topic_access.enter, place, asking(call, action, more)))


async def tagged(call: Call, arn: str, action: str) -> Place:
    """Return the place of a topic whose tags the caller may see or change."""
    place = topic_access.place_of(arn, call.scope.region, "ResourceArn")
    try:
        await call.store.read(topic_access.enter, place, asking(call, action))
    except TopicNotFound:
        raise ResourceNotFound from None
    return place


def asking(call: Call, action: str, more: Context | None = None) -> Asking:
    return topic_access.by_user(call.scope.account, call.user_name, action, call.source_ip, more)
