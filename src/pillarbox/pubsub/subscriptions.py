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
from pillarbox.pubsub.endpoints import endpoint_of
from pillarbox.pubsub.refusals import (
    InvalidParameter,
    InvalidToken,
    NotAuthorized,
    SubscriptionNotFound,
    TooManyFilterPolicies,
    TopicNotFound,
)
from pillarbox.store import notifications as stored
from pillarbox.store import nouns
from pillarbox.store.notifications import DeliveryRow, NotificationRow
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

PENDING, CONFIRMED, REMOVED = "pending", "confirmed", "removed"
HTTP = ("http", "https")

_KIND = topics.SUBSCRIPTION_KIND
_TOKEN_LIFE: Millis = 3 * DAY
_PAGE = 500
_TOKEN = re.compile(r"[0-9a-f]{96,400}", re.ASCII)


class Subscription(msgspec.Struct, frozen=True):
    """A subscription's document. `endpoint` has no password; `sealed_login` has it."""

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
    """What Subscribe asks for. `principal` is the ARN of who asks; see `named` for the rest."""

    topic: str
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]
    principal: str
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


def name_of(arn: str, scope: Scope) -> str:
    """Return `topic:id` of a subscription's ARN; refuse what is no ARN, or belongs elsewhere."""
    parts = topics.own_arn_parts(arn, scope, "SubscriptionArn")
    if len(parts) != 7:
        raise InvalidParameter("SubscriptionArn")
    return f"{parts[5]}:{parts[6]}"


def login_row(scope: Scope, name: str) -> str:
    """Return what a sealed login is bound to."""
    return f"subscription {scope.account} {scope.region} {name}"


def named(scope: Scope, wanted: Wanted, keyring: Keyring) -> Wanted:
    """Give what is wanted its name, and seal the login in its URL for it: a keyring does not go into plans."""
    login = endpoint_of(wanted.protocol, wanted.endpoint, scope).login
    name = f"{wanted.topic}:{new_uuid()}"
    sealed = keyring.seal(login.encode(), login_row(scope, name)) if login else None
    return replace(wanted, name=name, sealed_login=sealed)


def subscribe(scope: Scope, wanted: Wanted, now: Millis) -> Plan[Subscribed]:
    """Subscribe an endpoint, once: asked again, the subscription that is there is the answer.

    A queue of the account is confirmed at once; a URL is sent a link to visit.
    """
    endpoint = endpoint_of(wanted.protocol, wanted.endpoint, scope)
    attributes = subscription_attributes.all_changed(wanted.attributes, scope, wanted.protocol)
    yield from topics.hold(scope, wanted.topic, now)
    present = yield from _of_topic(scope, wanted.topic)
    for name, one in present:
        if one.is_over(now):
            yield from nouns.delete(scope, _KIND, name)
        elif one.is_there(now) and (one.protocol, one.endpoint) == (wanted.protocol, endpoint.shown):
            if not subscription_attributes.has_all(one.attributes, attributes):
                raise InvalidParameter("Attributes Reason: Subscription already exists with different attributes")
            return (yield from _ask_again(scope, name, one, now))
    _check_filters(present, attributes)
    at_once = wanted.protocol == "sqs"
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
    )
    yield from nouns.create(scope, _KIND, wanted.name, _encode(subscription).decode(), now, parent=wanted.topic)
    if not at_once:
        yield from _post(scope, wanted.name, subscription, posts.SUBSCRIPTION_CONFIRMATION, now)
    return Subscribed(arn_of(scope, wanted.name), not at_once)


def confirm(scope: Scope, topic: str, given: Confirmation, now: Millis) -> Plan[str]:
    """Confirm what the token was made for, or restore it when it was removed; return its ARN."""
    if not _TOKEN.fullmatch(given.token):
        raise InvalidToken
    name = f"{topic}:{_id_in(given.token)}"
    noun = yield from nouns.get(scope, _KIND, name)
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


def unsubscribe(scope: Scope, name: str, is_signed: bool, now: Millis) -> Plan[None]:
    """Remove a subscription; a URL is told so, with a link that takes it back."""
    noun = yield from nouns.get(scope, _KIND, name)
    if noun is None or not (one := read(noun.document)).is_there(now):
        return
    if one.needs_signature_to_remove and not is_signed:
        raise NotAuthorized("This subscription can be removed only by a request with an AWS signature")
    if one.state == PENDING or one.protocol not in HTTP:
        yield from nouns.delete(scope, _KIND, name)
        return
    removed = msgspec.structs.replace(one, state=REMOVED, token=_new_token(name), token_ends_at=now + _TOKEN_LIFE)
    yield from _edit(scope, name, lambda _: removed, now)
    yield from _post(scope, name, removed, posts.UNSUBSCRIBE_CONFIRMATION, now)


def find(scope: Scope, name: str, now: Millis) -> Plan[Subscription]:
    """Return a subscription; SubscriptionNotFound when it is not there, or no longer."""
    noun = yield from nouns.get(scope, _KIND, name)
    if noun is None or not (one := read(noun.document)).is_there(now):
        raise SubscriptionNotFound
    return one


def attributes_of(scope: Scope, name: str, now: Millis) -> Plan[dict[str, str]]:
    """Return everything that a subscription tells of itself."""
    one = yield from find(scope, name, now)
    topic = yield from topics.find(scope, one.topic)
    shown = {
        "SubscriptionArn": arn_of(scope, name),
        "TopicArn": topics.arn_of(scope, one.topic),
        "Owner": scope.account,
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


def set_attribute(scope: Scope, name: str, attribute: str, value: str, now: Millis) -> Plan[None]:
    one = yield from find(scope, name, now)
    kept = subscription_attributes.changed(one.attributes, attribute, value, scope, one.protocol)
    if attribute == "FilterPolicy" and "FilterPolicy" not in one.attributes:
        yield from topics.hold(scope, one.topic, now)
        _check_filters((yield from _of_topic(scope, one.topic)), kept)

    def edit(present: Subscription) -> Subscription:
        changed = subscription_attributes.changed(present.attributes, attribute, value, scope, present.protocol)
        return msgspec.structs.replace(present, attributes=changed)

    yield from _edit(scope, name, edit, now)


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


def page(scope: Scope, topic: str | None, after: str, most: int, now: Millis) -> Plan[list[tuple[str, Subscription]]]:
    """Return subscriptions of one topic, or of all, in the order of their names."""
    if topic is not None and not (yield from topics.exists(scope, topic)):
        raise TopicNotFound
    found: list[tuple[str, Subscription]] = []
    while len(found) < most:
        batch = yield from _batch(scope, topic, after)
        found += [(noun.name, one) for noun in batch if (one := read(noun.document)).is_there(now)]
        if len(batch) < _PAGE:
            break
        after = batch[-1].name
    return found[:most]


def confirmed(scope: Scope, topic: str) -> Plan[list[tuple[str, Subscription]]]:
    """Return those who get what is published to a topic."""
    return [(name, one) for name, one in (yield from _of_topic(scope, topic)) if one.state == CONFIRMED]


def by_name(scope: Scope, names: list[str]) -> Plan[dict[str, Subscription]]:
    """Return those of some hundred subscriptions that are kept, removed ones too."""
    return {noun.name: read(noun.document) for noun in (yield from nouns.get_many(scope, _KIND, names))}


def _batch(scope: Scope, topic: str | None, after: str) -> Plan[list[Noun]]:
    if topic is None:
        return (yield from nouns.list_by_name(scope, _KIND, after, _PAGE))
    return (yield from nouns.list_children(scope, _KIND, topic, after, _PAGE))


def _of_topic(scope: Scope, topic: str) -> Plan[list[tuple[str, Subscription]]]:
    """Return all that is kept of a topic's subscriptions, whatever their state."""
    found: list[tuple[str, Subscription]] = []
    after = ""
    while True:
        batch = yield from _batch(scope, topic, after)
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
    delivery = DeliveryRow(
        notification_id, name, *scope, one.topic, one.protocol, one.endpoint, "due", now, now, 0, "", "", None
    )
    yield from stored.add([told], [delivery])


def _edit(scope: Scope, name: str, edit: Callable[[Subscription], Subscription], now: Millis) -> Plan[None]:
    if not (yield from nouns.change(scope, _KIND, name, lambda text: _encode(edit(read(text))).decode(), now)):
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
