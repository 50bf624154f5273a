"""Who subscribes: subscriptions as they are kept, found and changed.

Plans only. Called by subscriptions.py, which gives them their life, and by
whoever tells them something. A subscription is found by `topic:id`, the end of
its ARN.
"""

from collections.abc import Callable, Mapping

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import filters, subscription_attributes, topics
from pillarbox.pubsub.archive_policies import Replay
from pillarbox.pubsub.refusals import InvalidParameter, SubscriptionNotFound
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

PENDING, CONFIRMED, REMOVED = "pending", "confirmed", "removed"
KIND = topics.SUBSCRIPTION_KIND
# By which an account finds its subscriptions to topics of others: their ARNs, in its own scope.
ELSEWHERE = "subscription-elsewhere"

_PAGE = 500


class Subscription(msgspec.Struct, frozen=True):
    """A subscription's document. `endpoint` has no password; `sealed_login` has it.

    `owner` is the account that subscribed, empty for the topic's own.
    """

    topic: str
    protocol: str
    endpoint: str
    principal: str
    state: str
    attributes: dict[str, str]
    token: str
    token_ends_at: Millis
    sealed_login: bytes | None = None
    was_authenticated: bool = False
    needs_signature_to_remove: bool = False
    owner: str = ""
    replay: Replay | None = None

    def is_there(self, now: Millis) -> bool:
        return self.state == CONFIRMED or (self.state == PENDING and now < self.token_ends_at)

    def is_over(self, now: Millis) -> bool:
        """Say that nothing can bring it (back) any more."""
        return self.state != CONFIRMED and now >= self.token_ends_at

    @property
    def is_raw(self) -> bool:
        return subscription_attributes.is_raw(self.attributes)

    def hears(self, published_at: Millis) -> bool:
        """Say whether it is told what is published now, unless its filter is against it."""
        return self.replay is None or self.replay.lets_through(published_at)

    def wants(self, message: str, attributes: Mapping[str, Mapping[str, str]]) -> bool:
        policy = self.attributes.get("FilterPolicy")
        scope = subscription_attributes.scope_of_filter(self.attributes)
        return policy is None or filters.accepts(policy, scope, message, attributes)


encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(Subscription).decode


def arn_of(scope: Scope, name: str) -> str:
    return topics.arn_of(scope, name)


def place_of(arn: str, region: str) -> tuple[Scope, str]:
    """Return the topic's scope and `topic:id` of a subscription's ARN; refuse what is no ARN here."""
    parts = topics.arn_parts(arn, region, "SubscriptionArn")
    if len(parts) != 7:
        raise InvalidParameter("SubscriptionArn")
    return Scope(parts[4], parts[3]), f"{parts[5]}:{parts[6]}"


def find(scope: Scope, name: str, now: Millis) -> Plan[Subscription]:
    """Return a subscription; SubscriptionNotFound when it is not there, or no longer."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None or not (one := read(noun.document)).is_there(now):
        raise SubscriptionNotFound
    return one


def confirmed(scope: Scope, topic: str) -> Plan[list[tuple[str, Subscription]]]:
    """Return those who get what is published to a topic."""
    return [(name, one) for name, one in (yield from of_topic(scope, topic)) if one.state == CONFIRMED]


def by_name(scope: Scope, names: list[str]) -> Plan[dict[str, Subscription]]:
    """Return those of some hundred subscriptions that are kept, removed ones too."""
    return {noun.name: read(noun.document) for noun in (yield from nouns.get_many(scope, KIND, names))}


def of_topic(scope: Scope, topic: str) -> Plan[list[tuple[str, Subscription]]]:
    """Return all that is kept of a topic's subscriptions, whatever their state."""
    found: list[tuple[str, Subscription]] = []
    after = ""
    while True:
        batch = yield from nouns.list_children(scope, KIND, topic, after, _PAGE)
        found += [(noun.name, read(noun.document)) for noun in batch]
        if len(batch) < _PAGE:
            return found
        after = batch[-1].name


def remove(scope: Scope, name: str, one: Subscription) -> Plan[None]:
    yield from nouns.delete(scope, KIND, name)
    if one.owner:
        yield from nouns.delete(Scope(one.owner, scope.region), ELSEWHERE, arn_of(scope, name))


def edit(scope: Scope, name: str, change: Callable[[Subscription], Subscription], now: Millis) -> Plan[None]:
    """Change a subscription; nobody comes between."""
    if not (yield from nouns.change(scope, KIND, name, lambda text: encode(change(read(text))).decode(), now)):
        raise SubscriptionNotFound
