"""The life of subscriptions, from pending to confirmed to removed.

Plans only. Called by api/sns/. A removed subscription is kept while the link
that restores it is good; what was never confirmed is gone when its token is.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import (
    archive_policies,
    posts,
    replaying,
    retry,
    subscribed_topics,
    subscribers,
    subscription_attributes,
    topics,
)
from pillarbox.pubsub.archive_policies import Replay
from pillarbox.pubsub.endpoints import FIFO, HTTP, SQS, check_kind, endpoint_of
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.refusals import (
    InvalidParameter,
    InvalidToken,
    NotAuthorized,
    SubscriptionNotFound,
)
from pillarbox.pubsub.subscribers import CONFIRMED, ELSEWHERE, KIND, PENDING, REMOVED, Subscription
from pillarbox.pubsub.topics import Topic
from pillarbox.store import notifications as stored
from pillarbox.store import nouns
from pillarbox.store.notifications import DeliveryRow, NotificationRow
from pillarbox.store.plan import Plan

_TOKEN_LIFE: Millis = 3 * DAY
_TOKEN = re.compile(r"[0-9a-f]{96,400}", re.ASCII)


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
    present = yield from subscribers.of_topic(scope, wanted.topic)
    for name, one in present:
        if one.is_over(now):
            yield from subscribers.remove(scope, name, one)
        elif one.is_there(now) and (one.protocol, one.endpoint) == (wanted.protocol, endpoint.shown):
            check_owner(scope, name, one, owner.account)
            if not subscription_attributes.has_all(one.attributes, attributes):
                raise InvalidParameter("Attributes Reason: Subscription already exists with different attributes")
            return (yield from _ask_again(scope, name, one, now))
    yield from subscribed_topics.check_filters(scope, present, attributes)
    subscribed_topics.check_room(topic, present, wanted.protocol, now)
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
        replay=_replay(topic, attributes, now),
    )
    yield from _add(scope, wanted.name, subscription, now)
    return Subscribed(subscribers.arn_of(scope, wanted.name), not at_once)


def _is_queue_of(wanted: Wanted, account: str) -> bool:
    place = place_of_arn(wanted.endpoint) if wanted.protocol == SQS else None
    return place is not None and place[0].account == account


def _add(scope: Scope, name: str, one: Subscription, now: Millis) -> Plan[None]:
    yield from nouns.create(scope, KIND, name, subscribers.encode(one).decode(), now, parent=one.topic)
    if one.owner:
        yield from nouns.create(Scope(one.owner, scope.region), ELSEWHERE, subscribers.arn_of(scope, name), "{}", now)
    if one.state == PENDING:
        yield from _post(scope, name, one, posts.SUBSCRIPTION_CONFIRMATION, now)
    elif one.replay is not None:
        yield from replaying.begin(scope, name, now)


def _replay(topic: Topic, attributes: Mapping[str, str], now: Millis) -> Replay | None:
    """Return what a subscription with these attributes is told again."""
    policy = attributes.get(archive_policies.REPLAY)
    if policy is None:
        return None
    replay = archive_policies.replay_of(policy)
    archive_policies.check_start(replay, topic.archive, now)
    return replay


def confirm(scope: Scope, topic: str, given: Confirmation, now: Millis) -> Plan[str]:
    """Confirm what the token was made for, or restore it when it was removed; return its ARN."""
    if not _TOKEN.fullmatch(given.token):
        raise InvalidToken
    name = f"{topic}:{_id_in(given.token)}"
    noun = yield from nouns.get(scope, KIND, name)
    found = subscribers.read(noun.document) if noun else None
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

    yield from subscribers.edit(scope, name, edit, now)
    if found.state == PENDING and found.replay is not None:
        yield from replaying.begin(scope, name, now)
    return subscribers.arn_of(scope, name)


def unsubscribe(scope: Scope, name: str, account: str, is_signed: bool, now: Millis) -> Plan[None]:
    """Remove a subscription; a URL is told so, with a link that takes it back. Who follows a link counts as owner."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None or not (one := subscribers.read(noun.document)).is_there(now):
        return
    check_owner(scope, name, one, account)
    if one.needs_signature_to_remove and not is_signed:
        raise NotAuthorized("This subscription can be removed only by a request with an AWS signature")
    if one.state == PENDING or one.protocol not in HTTP:
        yield from subscribers.remove(scope, name, one)
        return
    removed = msgspec.structs.replace(one, state=REMOVED, token=_new_token(name), token_ends_at=now + _TOKEN_LIFE)
    yield from subscribers.edit(scope, name, lambda _: removed, now)
    yield from _post(scope, name, removed, posts.UNSUBSCRIBE_CONFIRMATION, now)


def check_owner(scope: Scope, name: str, one: Subscription, account: str) -> None:
    """Refuse an account that neither has the topic nor subscribed to it."""
    if account not in (scope.account, one.owner):
        raise NotAuthorized(
            f"Account {account} is not authorized to perform this on resource: {subscribers.arn_of(scope, name)}"
        )


def attributes_of(scope: Scope, name: str, account: str, now: Millis) -> Plan[dict[str, str]]:
    """Return everything that a subscription tells of itself."""
    one = yield from _find_own(scope, name, account, now)
    topic = yield from topics.find(scope, one.topic)
    shown = {
        "SubscriptionArn": subscribers.arn_of(scope, name),
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
    if one.replay is not None:
        shown["ReplayStatus"] = one.replay.status
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
        yield from subscribed_topics.check_filters(scope, (yield from subscribers.of_topic(scope, one.topic)), kept)
    is_replay = attribute == archive_policies.REPLAY
    replay = _replay(topic, kept, now) if is_replay else None

    def edit(present: Subscription) -> Subscription:
        changes = {"attributes": changed(present), **({"replay": replay} if is_replay else {})}
        return msgspec.structs.replace(present, **changes)

    yield from subscribers.edit(scope, name, edit, now)
    if replay is not None and one.state == CONFIRMED:
        yield from replaying.begin(scope, name, now)


def _find_own(scope: Scope, name: str, account: str, now: Millis) -> Plan[Subscription]:
    noun = yield from nouns.get(scope, KIND, name)
    found = subscribers.read(noun.document) if noun else None
    # Strangers are not told whether there is one.
    if account != scope.account and (found is None or account != found.owner):
        raise NotAuthorized(
            f"Account {account} is not authorized to perform this on resource: {subscribers.arn_of(scope, name)}"
        )
    if found is None or not found.is_there(now):
        raise SubscriptionNotFound
    return found


def _ask_again(scope: Scope, name: str, one: Subscription, now: Millis) -> Plan[Subscribed]:
    if one.state == PENDING:
        renewed = msgspec.structs.replace(one, token_ends_at=now + _TOKEN_LIFE)
        yield from subscribers.edit(scope, name, lambda _: renewed, now)
        yield from _post(scope, name, renewed, posts.SUBSCRIPTION_CONFIRMATION, now)
    return Subscribed(subscribers.arn_of(scope, name), one.state == PENDING)


def _post(scope: Scope, name: str, one: Subscription, kind: str, now: Millis) -> Plan[None]:
    """Let the endpoint be sent a confirmation, like any other notification."""
    notification_id = new_uuid()
    message = posts.confirmation_message(kind, topics.arn_of(scope, one.topic), subscribers.arn_of(scope, name))
    told = NotificationRow(notification_id, *scope, one.topic, kind, None, message, "{}", one.token, now)
    place = 0 if one.endpoint.endswith(FIFO) else None  # before anything that the topic tells
    delivery = DeliveryRow(
        notification_id, name, *scope, one.topic, one.protocol, one.endpoint, "due", now, now, 0, "", "", None, place
    )
    yield from stored.add([told], [delivery])


def _new_token(name: str) -> str:
    """Make a token that knows which subscription it is for."""
    return name.rpartition(":")[2].replace("-", "") + os.urandom(80).hex()


def _id_in(token: str) -> str:
    return "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:32]))


def _word(value: bool) -> str:
    return "true" if value else "false"
