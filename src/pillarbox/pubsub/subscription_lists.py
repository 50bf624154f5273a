"""Lists of subscriptions: those of a topic, and those of an account.

Plans only. Called by api/sns/. An account sees the subscriptions to its own
topics first, then its own to topics of others.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import subscribers, topics
from pillarbox.pubsub.refusals import TopicNotFound
from pillarbox.pubsub.subscribers import ELSEWHERE, KIND, Subscription
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

_PAGE = 500
_FIRST_ELSEWHERE = "~"  # what their places in a list begin with; no topic's name does


class Listed(NamedTuple):
    """A subscription in a list. `place` is where a list goes on behind it; `scope` is that of the topic."""

    place: str
    scope: Scope
    name: str
    subscription: Subscription


def of_topic(scope: Scope, topic: str, after: str, most: int, now: Millis) -> Plan[list[Listed]]:
    """Return subscriptions of a topic in the order of their names; TopicNotFound when it is not there."""
    if not (yield from topics.exists(scope, topic)):
        raise TopicNotFound
    return (yield from _here(scope, topic, after, most, now))


def of_account(scope: Scope, after: str, most: int, now: Millis) -> Plan[list[Listed]]:
    """Return the subscriptions that an account sees in a region."""
    found: list[Listed] = []
    if not after.startswith(_FIRST_ELSEWHERE):
        found = yield from _here(scope, None, after, most, now)
    while len(found) < most:
        start = after.removeprefix(_FIRST_ELSEWHERE) if after.startswith(_FIRST_ELSEWHERE) else ""
        batch = yield from nouns.list_by_name(scope, ELSEWHERE, start, _PAGE)
        for noun in batch:
            found += yield from _elsewhere(noun.name, scope, now)
        if len(batch) < _PAGE:
            break
        after = _FIRST_ELSEWHERE + batch[-1].name
    return found[:most]


def _here(scope: Scope, topic: str | None, after: str, most: int, now: Millis) -> Plan[list[Listed]]:
    found: list[Listed] = []
    while len(found) < most:
        batch = yield from _batch(scope, topic, after)
        found += [
            Listed(noun.name, scope, noun.name, one)
            for noun in batch
            if (one := subscribers.read(noun.document)).is_there(now)
        ]
        if len(batch) < _PAGE:
            break
        after = batch[-1].name
    return found[:most]


def _batch(scope: Scope, topic: str | None, after: str) -> Plan[list[Noun]]:
    if topic is None:
        return (yield from nouns.list_by_name(scope, KIND, after, _PAGE))
    return (yield from nouns.list_children(scope, KIND, topic, after, _PAGE))


def _elsewhere(arn: str, scope: Scope, now: Millis) -> Plan[list[Listed]]:
    """Return a subscription to another account's topic, unless it is gone with its topic or was never confirmed."""
    there, name = subscribers.place_of(arn, scope.region)
    noun = yield from nouns.get(there, KIND, name)
    one = subscribers.read(noun.document) if noun else None
    return [Listed(_FIRST_ELSEWHERE + arn, there, name, one)] if one and one.is_there(now) else []
