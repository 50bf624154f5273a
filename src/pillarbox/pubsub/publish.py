"""Publishing: one row for what a topic is told, one for each subscription that wants it.

Plans only, for the transaction of whoever publishes: api/sns/ for Publish,
destinations/ for the events of SES. Nothing is signed or sent here; deliver.py
does that from the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import posts, subscribers, topic_access, topics
from pillarbox.pubsub.refusals import NotAuthorized
from pillarbox.pubsub.subscribers import Subscription
from pillarbox.pubsub.topic_access import Asking, Place
from pillarbox.pubsub.topic_order import Order
from pillarbox.pubsub.topics import Topic
from pillarbox.store import notifications as stored
from pillarbox.store import nouns
from pillarbox.store.notifications import DeliveryRow, NotificationRow
from pillarbox.store.plan import Plan

NO_TOPIC = "topic does not exist"
NOT_ALLOWED = "the topic's policy forbids it"


class _Audience(NamedTuple):
    """A topic, and who gets what is published to it."""

    topic: Topic
    subscribers: list[tuple[str, Subscription]]


@dataclass(slots=True, frozen=True)
class Notice:
    """Something to tell a topic. Told again under the same id, it is told once.

    `attributes` are in the form of posts (notice_content.attributes_to_tell);
    `by_protocol` has the messages of protocols that get their own. `asking` is
    who publishes, where that is not decided yet; `order` is for FIFO topics, and
    `tenant` the group that a standard topic tells standard queues.
    """

    scope: Scope
    topic: str
    notification_id: str
    subject: str | None
    message: str
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_protocol: Mapping[str, str] = field(default_factory=dict)
    asking: Asking | None = None
    order: Order | None = None
    tenant: str | None = None

    @property
    def place(self) -> Place:
        return Place(self.scope, self.topic)


class Extras(msgspec.Struct, omit_defaults=True):
    """What a notification has besides subject and message, as it is stored."""

    attributes: dict[str, dict[str, str]] = {}
    by_protocol: dict[str, str] = {}
    order: Order | None = None
    tenant: str | None = None


_encode = msgspec.json.Encoder().encode
read_extras = msgspec.json.Decoder(Extras).decode


def publish_many(notices: Sequence[Notice], now: Millis) -> Plan[list[str | None]]:
    """Publish, and return for each notice None or the reason why nobody is told."""
    return (yield from publish_together([(notice, now) for notice in notices]))


def publish_together(items: Sequence[tuple[Notice, Millis]]) -> Plan[list[str | None]]:
    """Publish notices that each have their own time; for `store.commit`."""
    known: dict[Place, _Audience | None] = {}
    told: list[NotificationRow] = []
    deliveries: list[DeliveryRow] = []
    reasons = []
    for notice, now in items:
        if notice.place not in known:
            known[notice.place] = yield from _audience(notice.place)
        audience = known[notice.place]
        reasons.append(_reason_not_to(notice, audience))
        if audience and audience.subscribers and reasons[-1] is None:
            row = told_by(notice, now)
            rows = _deliveries(notice, row, audience.subscribers)
            told += [row] if rows else []
            deliveries += rows
    yield from stored.add(told, deliveries)
    return reasons


def _audience(place: Place) -> Plan[_Audience | None]:
    noun = yield from nouns.get(place.scope, topics.KIND, place.name)
    if noun is None:
        return None
    return _Audience(topics.read(noun.document), (yield from subscribers.confirmed(*place)))


def _reason_not_to(notice: Notice, audience: _Audience | None) -> str | None:
    if audience is None:
        return NO_TOPIC
    if notice.asking is not None:
        try:
            topic_access.check(audience.topic, notice.place, notice.asking)
        except NotAuthorized:
            return NOT_ALLOWED
    return None


def _deliveries(notice: Notice, told: NotificationRow, listed: list[tuple[str, Subscription]]) -> list[DeliveryRow]:
    now, place = told.published_at, notice.order.place if notice.order else None
    return [
        delivery_of(told, name, one, now, place)
        for name, one in listed
        if one.hears(now) and one.wants(notice.by_protocol.get(one.protocol, notice.message), notice.attributes)
    ]


def delivery_of(
    told: NotificationRow, name: str, one: Subscription, due_at: Millis, place: int | None, replay: str = ""
) -> DeliveryRow:
    """Return the delivery of a notification to a subscription, not tried yet."""
    return DeliveryRow(
        told.notification_id,
        name,
        told.account,
        told.region,
        told.topic,
        one.protocol,
        one.endpoint,
        "due",
        told.published_at,
        due_at,
        0,
        "",
        "",
        None,
        place,
        replay,
    )


def told_by(notice: Notice, now: Millis) -> NotificationRow:
    """Return a notice as it is stored."""
    attributes = {name: dict(one) for name, one in notice.attributes.items()}
    extras = Extras(attributes, dict(notice.by_protocol), notice.order, notice.tenant)
    return NotificationRow(
        notice.notification_id,
        *notice.scope,
        notice.topic,
        posts.NOTIFICATION,
        notice.subject,
        notice.message,
        _encode(extras).decode(),
        None,
        now,
    )
