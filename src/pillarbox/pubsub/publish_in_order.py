"""Publishing to FIFO topics: once, and in one order for all subscribers.

Plans only, for the transaction of whoever publishes. The order is that of the
numbers that the topic gives; deliver.py hands notifications on by them.
https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.pubsub import topics
from pillarbox.pubsub.publish import Notice, publish_together, told_by
from pillarbox.pubsub.refusals import TopicNotFound
from pillarbox.pubsub.topic_order import DEDUPLICATION, Order
from pillarbox.store import fifo_topics as stored
from pillarbox.store import topic_archive
from pillarbox.store.fifo_topics import Published, PublishKey
from pillarbox.store.plan import Plan
from pillarbox.store.topic_archive import ArchivedRow


class Ordered(NamedTuple):
    """A notice with its place, not yet numbered."""

    notice: Notice
    order: Order
    at: Millis


class Told(NamedTuple):
    """What a publisher is told: of a repeated message, what the first one was told. `why` is set when nobody is."""

    notification_id: str
    place: int
    why: str | None = None


def publish_in_order(items: Sequence[Ordered]) -> Plan[list[Told]]:
    """Publish in the order given; for `store.commit`."""
    # In one order for all, so that two transactions never wait for each other.
    for scope, topic in sorted({(item.notice.scope, item.notice.topic) for item in items}):
        yield from stored.lock(scope, topic)
    told = []
    for item in items:
        told.append((yield from _publish(item)))
    return told


def _publish(item: Ordered) -> Plan[Told]:
    notice, order, now = item
    key = PublishKey(*notice.scope, notice.topic, order.key_group, order.deduplication_id)
    if earlier := (yield from stored.published(key, now)):
        return Told(*earlier)
    archive = yield from _archive_of(notice)
    if archive:  # what is kept is in the order of its times, too
        now = max(now, (yield from topic_archive.newest_at(archive)))
    place = yield from stored.next_place(notice.scope, notice.topic)
    numbered = replace(notice, order=msgspec.structs.replace(order, place=place))
    (why,) = yield from publish_together([(numbered, now)])
    if why is None and archive:
        yield from topic_archive.keep([_kept(archive, numbered, place, now)])
    if why is None:
        yield from stored.keep(key, Published(notice.notification_id, place), now, now + DEDUPLICATION)
    return Told(notice.notification_id, place, why)


def _archive_of(notice: Notice) -> Plan[str]:
    """Return the key under which a topic keeps what it tells, empty when it does not."""
    try:
        topic = yield from topics.find(notice.scope, notice.topic)
    except TopicNotFound:
        return ""
    return topic.archive.archive_id if topic.archive else ""


def _kept(archive: str, notice: Notice, place: int, now: Millis) -> ArchivedRow:
    attributes = told_by(notice, now).attributes
    return ArchivedRow(archive, place, now, notice.notification_id, notice.subject, notice.message, attributes)
