"""Publishing: one row for what a topic is told, one for each subscription that wants it.

Plans only, for the transaction of whoever publishes: api/sns/ for Publish,
destinations/ for the events of SES. Nothing is signed or sent here; deliver.py
does that from the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import posts, subscriptions, topics
from pillarbox.pubsub.subscriptions import Subscription
from pillarbox.store import notifications as stored
from pillarbox.store.notifications import DeliveryRow, NotificationRow
from pillarbox.store.plan import Plan

NO_TOPIC = "topic does not exist"

Subscribers = list[tuple[str, Subscription]]


@dataclass(slots=True, frozen=True)
class Notice:
    """Something to tell a topic. Told again under the same id, it is told once.

    `attributes` are in the form of posts (notice_content.attributes_to_tell);
    `by_protocol` has the messages of protocols that get their own.
    """

    scope: Scope
    topic: str
    notification_id: str
    subject: str | None
    message: str
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_protocol: Mapping[str, str] = field(default_factory=dict)


class Extras(msgspec.Struct, omit_defaults=True):
    """What a notification has besides subject and message, as it is stored."""

    attributes: dict[str, dict[str, str]] = {}
    by_protocol: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
read_extras = msgspec.json.Decoder(Extras).decode


def publish_many(notices: Sequence[Notice], now: Millis) -> Plan[list[str | None]]:
    """Publish, and return for each notice None or the reason why nobody is told."""
    return (yield from publish_together([(notice, now) for notice in notices]))


def publish_together(items: Sequence[tuple[Notice, Millis]]) -> Plan[list[str | None]]:
    """Publish notices that each have their own time; for `store.commit`."""
    subscribers: dict[tuple[Scope, str], Subscribers | None] = {}
    told: list[NotificationRow] = []
    deliveries: list[DeliveryRow] = []
    for notice, now in items:
        place = notice.scope, notice.topic
        if place not in subscribers:
            subscribers[place] = yield from _subscribers(*place)
        rows = _deliveries(notice, subscribers[place] or [], now)
        if rows:
            told.append(_told(notice, now))
            deliveries += rows
    yield from stored.add(told, deliveries)
    return [None if subscribers[notice.scope, notice.topic] is not None else NO_TOPIC for notice, _ in items]


def _subscribers(scope: Scope, topic: str) -> Plan[Subscribers | None]:
    if not (yield from topics.exists(scope, topic)):
        return None
    return (yield from subscriptions.confirmed(scope, topic))


def _deliveries(notice: Notice, subscribers: Subscribers, now: Millis) -> list[DeliveryRow]:
    return [
        DeliveryRow(
            notice.notification_id,
            name,
            *notice.scope,
            notice.topic,
            one.protocol,
            one.endpoint,
            "due",
            now,
            now,
            0,
            "",
            "",
            None,
        )
        for name, one in subscribers
        if one.wants(notice.by_protocol.get(one.protocol, notice.message), notice.attributes)
    ]


def _told(notice: Notice, now: Millis) -> NotificationRow:
    extras = Extras({name: dict(one) for name, one in notice.attributes.items()}, dict(notice.by_protocol))
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
