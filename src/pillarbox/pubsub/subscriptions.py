"""Subscriptions: the noun and its life, from pending to confirmed to removed.

Plans only. Called by api/sns/, and by publish.py for whom a notification goes
to. A subscription is found by `topic:id`, the end of its ARN. A removed one is
kept while the link that restores it is good; what was never confirmed is gone
when its token is.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import hmac
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import filters, posts, retry, subscription_attributes, topics
from pillarbox.pubsub.endpoints import FIFO, HTTP, SQS, check_kind, endpoint_of
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.refusals import (
    InvalidParameter,
    InvalidToken,
    NotAuthorized,
    SubscriptionNotFound,
    TooManyFilterPolicies,
    TooManySubscriptions,
)
from pillarbox.store import notifications as stored
from pillarbox.store import nouns
from pillarbox.store.notifications import DeliveryRow, NotificationRow
from pillarbox.store.plan import Plan

PENDING, CONFIRMED, REMOVED = "pending", "confirmed", "removed"
KIND = topics.SUBSCRIPTION_KIND
# By which an account finds its subscriptions to topics of others: their ARNs, in its own scope.
ELSEWHERE = "subscription-elsewhere"

_TOKEN_LIFE: Millis = 3 * DAY
_PAGE = 500
# https://docs.aws.amazon.com/general/latest/gr/sns.html#limits_sns_resource
_MOST_OF_A_FIFO_TOPIC = 100
_TOKEN = re.compile(r"[0-9a-f]{96,400}", re.ASCII)


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

    def is_there(self, now: Millis) -> bool:
        return self.state == CONFIRMED or (self.state == PENDING and now < self.token_ends_at)

    def is_over(self, now: Millis) -> bool:
        """Say that nothing can bring it (back) any more."""
        return self.state != CONFIRMED and now >= self.token_ends_at

    @property
    def is_raw(self) -> bool:
        return subscription_attributes.is_raw(self.attributes)

    def wants(self, message: str, attributes: Mapping[str, Mapping[str, str]]) -> bool:
        policy = self.attributes.get("FilterPolicy")
        scope = subscription_attributes.scope_of_filter(self.attributes)
        return policy is None or filters.accepts(policy, scope, message, attributes)


@dataclass(slots=True, frozen=True)
class Wanted:
    """What Subscribe asks for; see `named` for what it is given before it is made.

    `principal` is the ARN of who asks, `owner` their account when it is not the topic's.
    """

    topic: str
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]
    principal: str
    owner: str = ""
    name: str = ""
    sealed_login: bytes | None = None


@dataclass(slots=True, frozen=True)
class Confirmation:
    """What ConfirmSubscription brings. Only who signs can ask that removing needs a signature."""

    token: str
    is_signed: bool
    needs_signature_to_remove: bool


@dataclass(slots=True, frozen=True)
class Subscribed:
    arn: str
    is_pending: bool


_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(Subscription).decode


def arn_of(scope: Scope, name: str) -> str:
    return topics.arn_of(scope, name)


def place_of(arn: str, region: str) -> tuple[Scope, str]:
    """Return the topic's scope and `topic:id` of a subscription's ARN; refuse what is no ARN here."""
    parts = topics.arn_parts(arn, region, "SubscriptionArn")
    if len(parts) != 7:
        raise InvalidParameter("SubscriptionArn")
    return Scope(parts[4], parts[3]), f"{parts[5]}:{parts[6]}"


def login_row(scope: Scope, name: str) -> str:
    """Return what a sealed login is bound to."""
    return f"subscription {scope.account} {scope.region} {name}"


def named(scope: Scope, wanted: Wanted, keyring: Keyring) -> Wanted:
    """Give what is wanted its name, and seal the login in its URL for it: a keyring does not go into plans."""
    login = endpoint_of(wanted.protocol, wanted.endpoint).login
    name = f"{wanted.topic}:{new_uuid()}"
    sealed = keyring.seal(login.encode(), login_row(scope, name)) if login else None
    return replace(wanted, name=name, sealed_login=sealed)


def subscribe(scope: Scope, wanted: Wanted, now: Millis) -> Plan[Subscribed]:
    """Subscribe an endpoint, once: asked again, the subscription that is there is the answer.

    A queue of who subscribes it is confirmed at once; everything else is sent a link to visit.
    """
    endpoint = endpoint_of(wanted.protocol, wanted.endpoint)
    topic = yield from topics.hold(scope, wanted.topic, now)
    check_kind(wanted.protocol, wanted.endpoint, topic_is_fifo=topic.is_fifo)
    owner = Scope(wanted.owner or scope.account, scope.region)
    attributes = subscription_attributes.all_changed(wanted.attributes, owner, wanted.protocol, is_fifo=topic.is_fifo)
    present = yield from _of_topic(scope, wanted.topic)
    for name, one in present:
        if one.is_over(now):
            yield from _remove(scope, name, one)
        elif one.is_there(now) and (one.protocol, one.endpoint) == (wanted.protocol, endpoint.shown):
            check_owner(scope, name, one, owner.account)
            if not subscription_attributes.has_all(one.attributes, attributes):
                raise InvalidParameter("Attributes Reason: Subscription already exists with different attributes")
            return (yield from _ask_again(scope, name, one, now))
    _check_filters(present, attributes)
    if topic.is_fifo and sum(one.is_there(now) for _, one in present) >= _MOST_OF_A_FIFO_TOPIC:
        raise TooManySubscriptions(f"A FIFO topic has at most {_MOST_OF_A_FIFO_TOPIC} subscriptions")
    at_once = _is_queue_of(wanted, owner.account)
    subscription = Subscription(
        topic=wanted.topic,
        protocol=wanted.protocol,
        endpoint=endpoint.shown,
        principal=wanted.principal,
        state=CONFIRMED if at_once else PENDING,
        attributes=attributes,
        token=_new_token(wanted.name),
        token_ends_at=now + _TOKEN_LIFE,
        sealed_login=wanted.sealed_login,
        was_authenticated=at_once,
        owner=wanted.owner,
    )
    yield from _add(scope, wanted.name, subscription, now)
    return Subscribed(arn_of(scope, wanted.name), not at_once)


def _is_queue_of(wanted: Wanted, account: str) -> bool:
    place = place_of_arn(wanted.endpoint) if wanted.protocol == SQS else None
    return place is not None and place[0].account == account


def _add(scope: Scope, name: str, one: Subscription, now: Millis) -> Plan[None]:
    yield from nouns.create(scope, KIND, name, _encode(one).decode(), now, parent=one.topic)
    if one.owner:
        yield from nouns.create(Scope(one.owner, scope.region), ELSEWHERE, arn_of(scope, name), "{}", now)
    if one.state == PENDING:
        yield from _post(scope, name, one, posts.SUBSCRIPTION_CONFIRMATION, now)


def _remove(scope: Scope, name: str, one: Subscription) -> Plan[None]:
    yield from nouns.delete(scope, KIND, name)
    if one.owner:
        yield from nouns.delete(Scope(one.owner, scope.region), ELSEWHERE, arn_of(scope, name))


def confirm(scope: Scope, topic: str, given: Confirmation, now: Millis) -> Plan[str]:
    """Confirm what the token was made for, or restore it when it was removed; return its ARN."""
    if not _TOKEN.fullmatch(given.token):
        raise InvalidToken
    name = f"{topic}:{_id_in(given.token)}"
    noun = yield from nouns.get(scope, KIND, name)
    found = read(noun.document) if noun else None
    if found is None or found.is_over(now) or not hmac.compare_digest(found.token, given.token):
        raise InvalidParameter("Token")

    def edit(one: Subscription) -> Subscription:
        needs_signature = given.is_signed and given.needs_signature_to_remove
        return msgspec.structs.replace(
            one,
            state=CONFIRMED,
            was_authenticated=one.was_authenticated or given.is_signed,
            needs_signature_to_remove=one.needs_signature_to_remove or needs_signature,
        )

    yield from _edit(scope, name, edit, now)
    return arn_of(scope, name)


def unsubscribe(scope: Scope, name: str, account: str, is_signed: bool, now: Millis) -> Plan[None]:
    """Remove a subscription; a URL is told so, with a link that takes it back. Who follows a link counts as owner."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None or not (one := read(noun.document)).is_there(now):
        return
    check_owner(scope, name, one, account)
    if one.needs_signature_to_remove and not is_signed:
        raise NotAuthorized("This subscription can be removed only by a request with an AWS signature")
    if one.state == PENDING or one.protocol not in HTTP:
        yield from _remove(scope, name, one)
        return
    removed = msgspec.structs.replace(one, state=REMOVED, token=_new_token(name), token_ends_at=now + _TOKEN_LIFE)
    yield from _edit(scope, name, lambda _: removed, now)
    yield from _post(scope, name, removed, posts.UNSUBSCRIBE_CONFIRMATION, now)


def check_owner(scope: Scope, name: str, one: Subscription, account: str) -> None:
    """Refuse an account that neither has the topic nor subscribed to it."""
    if account not in (scope.account, one.owner):
        raise NotAuthorized(f"Account {account} is not authorized to perform this on resource: {arn_of(scope, name)}")


def find(scope: Scope, name: str, now: Millis) -> Plan[Subscription]:
    """Return a subscription; SubscriptionNotFound when it is not there, or no longer."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None or not (one := read(noun.document)).is_there(now):
        raise SubscriptionNotFound
    return one


def attributes_of(scope: Scope, name: str, account: str, now: Millis) -> Plan[dict[str, str]]:
    """Return everything that a subscription tells of itself."""
    one = yield from _find_own(scope, name, account, now)
    topic = yield from topics.find(scope, one.topic)
    shown = {
        "SubscriptionArn": arn_of(scope, name),
        "TopicArn": topics.arn_of(scope, one.topic),
        "Owner": one.owner or scope.account,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "PendingConfirmation": _word(one.state == PENDING),
        "ConfirmationWasAuthenticated": _word(one.was_authenticated),
        "SubscriptionPrincipal": one.principal,
        "RawMessageDelivery": "false",
        **one.attributes,
    }
    if "FilterPolicy" in shown:
        shown["FilterPolicyScope"] = subscription_attributes.scope_of_filter(one.attributes)
    else:
        shown.pop("FilterPolicyScope", None)
    if one.protocol in HTTP:
        own = one.attributes.get("DeliveryPolicy")
        shown["EffectiveDeliveryPolicy"] = retry.effective_subscription_policy(own, topic.delivery_policy)
    return shown


def set_attribute(scope: Scope, name: str, account: str, attribute: str, value: str, now: Millis) -> Plan[None]:
    one = yield from _find_own(scope, name, account, now)
    topic = yield from topics.find(scope, one.topic)
    owner = Scope(one.owner or scope.account, scope.region)

    def changed(present: Subscription) -> dict[str, str]:
        return subscription_attributes.changed(
            present.attributes, attribute, value, owner, present.protocol, is_fifo=topic.is_fifo
        )

    kept = changed(one)
    if attribute == "FilterPolicy" and "FilterPolicy" not in one.attributes:
        yield from topics.hold(scope, one.topic, now)
        _check_filters((yield from _of_topic(scope, one.topic)), kept)
    yield from _edit(scope, name, lambda present: msgspec.structs.replace(present, attributes=changed(present)), now)


def _find_own(scope: Scope, name: str, account: str, now: Millis) -> Plan[Subscription]:
    noun = yield from nouns.get(scope, KIND, name)
    found = read(noun.document) if noun else None
    # Strangers are not told whether there is one.
    if account != scope.account and (found is None or account != found.owner):
        raise NotAuthorized(f"Account {account} is not authorized to perform this on resource: {arn_of(scope, name)}")
    if found is None or not found.is_there(now):
        raise SubscriptionNotFound
    return found


def delete_topic(scope: Scope, topic: str) -> Plan[None]:
    """Delete a topic with its subscriptions, those of other accounts too."""
    for name, one in (yield from _of_topic(scope, topic)):
        yield from _remove(scope, name, one)
    yield from topics.delete(scope, topic)


def attributes_of_topic(scope: Scope, topic: str, now: Millis) -> Plan[dict[str, str]]:
    """Return what a topic tells of itself, its subscriptions counted."""
    attributes = yield from topics.attributes_of(scope, topic)
    present = [one for _, one in (yield from _of_topic(scope, topic)) if not one.is_over(now)]
    return {
        **attributes,
        "SubscriptionsConfirmed": str(sum(one.state == CONFIRMED for one in present)),
        "SubscriptionsPending": str(sum(one.state == PENDING for one in present)),
        "SubscriptionsDeleted": str(sum(one.state == REMOVED for one in present)),
    }


def confirmed(scope: Scope, topic: str) -> Plan[list[tuple[str, Subscription]]]:
    """Return those who get what is published to a topic."""
    return [(name, one) for name, one in (yield from _of_topic(scope, topic)) if one.state == CONFIRMED]


def by_name(scope: Scope, names: list[str]) -> Plan[dict[str, Subscription]]:
    """Return those of some hundred subscriptions that are kept, removed ones too."""
    return {noun.name: read(noun.document) for noun in (yield from nouns.get_many(scope, KIND, names))}


def _of_topic(scope: Scope, topic: str) -> Plan[list[tuple[str, Subscription]]]:
    """Return all that is kept of a topic's subscriptions, whatever their state."""
    found: list[tuple[str, Subscription]] = []
    after = ""
    while True:
        batch = yield from nouns.list_children(scope, KIND, topic, after, _PAGE)
        found += [(noun.name, read(noun.document)) for noun in batch]
        if len(batch) < _PAGE:
            return found
        after = batch[-1].name


def _ask_again(scope: Scope, name: str, one: Subscription, now: Millis) -> Plan[Subscribed]:
    if one.state == PENDING:
        renewed = msgspec.structs.replace(one, token_ends_at=now + _TOKEN_LIFE)
        yield from _edit(scope, name, lambda _: renewed, now)
        yield from _post(scope, name, renewed, posts.SUBSCRIPTION_CONFIRMATION, now)
    return Subscribed(arn_of(scope, name), one.state == PENDING)


def _post(scope: Scope, name: str, one: Subscription, kind: str, now: Millis) -> Plan[None]:
    """Let the endpoint be sent a confirmation, like any other notification."""
    notification_id = new_uuid()
    message = posts.confirmation_message(kind, topics.arn_of(scope, one.topic), arn_of(scope, name))
    told = NotificationRow(notification_id, *scope, one.topic, kind, None, message, "{}", one.token, now)
    place = 0 if one.endpoint.endswith(FIFO) else None  # before anything that the topic tells
    delivery = DeliveryRow(
        notification_id, name, *scope, one.topic, one.protocol, one.endpoint, "due", now, now, 0, "", "", None, place
    )
    yield from stored.add([told], [delivery])


def _edit(scope: Scope, name: str, edit: Callable[[Subscription], Subscription], now: Millis) -> Plan[None]:
    if not (yield from nouns.change(scope, KIND, name, lambda text: _encode(edit(read(text))).decode(), now)):
        raise SubscriptionNotFound


def _check_filters(present: list[tuple[str, Subscription]], attributes: Mapping[str, str]) -> None:
    filtered = sum("FilterPolicy" in one.attributes for _, one in present)
    if "FilterPolicy" in attributes and filtered >= filters.MOST_POLICIES_PER_TOPIC:
        raise TooManyFilterPolicies(
            f"Filter policy limit exceeded: a topic has at most {filters.MOST_POLICIES_PER_TOPIC} filter policies"
        )


def _new_token(name: str) -> str:
    """Make a token that knows which subscription it is for."""
    return name.rpartition(":")[2].replace("-", "") + os.urandom(80).hex()


def _id_in(token: str) -> str:
    return "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:32]))


def _word(value: bool) -> str:
    return "true" if value else "false"
