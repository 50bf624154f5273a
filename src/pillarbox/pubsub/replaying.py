"""Replays: a subscription is told again what its FIFO topic has kept, and then what is published meanwhile.

Plans only. Begun by subscriptions.py, done step by step by topic_replayer.py. A
step moves on and writes deliveries in one transaction, in which nobody
publishes to the topic, so that the past goes over into the present without a
gap, whatever dies in between.
https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-subscriber.html
"""

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import posts, publish, subscribers, topics
from pillarbox.pubsub.archive_policies import COMPLETED, FAILED, IN_PROGRESS, Replay
from pillarbox.pubsub.refusals import SubscriptionNotFound, TooManyReplays, TopicNotFound
from pillarbox.pubsub.subscribers import CONFIRMED, Subscription
from pillarbox.store import fifo_topics, nouns, topic_archive
from pillarbox.store import notifications as stored
from pillarbox.store.notifications import NotificationRow
from pillarbox.store.plan import Plan, Touch
from pillarbox.store.topic_archive import ArchivedRow

# Where replays that are under way wait for their next step: the name leads to the subscription.
ACTIVE = (Scope("", ""), "topic-replay-active")
MOST_OF_AN_ACCOUNT = 100
_AT_ONCE = 100  # few enough that others who write wait only some milliseconds


def begin(scope: Scope, name: str, now: Millis) -> Plan[None]:
    """Let the replay of a subscription begin, or begin anew."""
    mine = f"{scope.account}/{scope.region}/"
    if not (yield from nouns.create(*ACTIVE, mine + name, "", now)):
        return
    if (yield from nouns.count_below(*ACTIVE, mine, MOST_OF_AN_ACCOUNT + 1)) > MOST_OF_AN_ACCOUNT:
        raise TooManyReplays(f"An account has at most {MOST_OF_AN_ACCOUNT} replays under way")
    yield Touch(ACTIVE[1])


def under_way(most: int) -> Plan[list[str]]:
    return [noun.name for noun in (yield from nouns.list_by_name(*ACTIVE, "", most))]


def step(active: str, now: Millis) -> Plan[None]:
    """Tell the next of what is to be told, or end the replay."""
    account, region, name = active.split("/", 2)
    scope = Scope(account, region)
    yield from fifo_topics.lock(scope, name.partition(":")[0])
    one = yield from _waiting(scope, name, now)
    if one is None or one.replay is None:
        yield from nouns.delete(*ACTIVE, active)
        return
    before = one.replay
    replay = yield from _told_again(scope, name, one, before, now)

    def changed(present: Subscription) -> Subscription:
        is_same = present.replay is not None and present.replay.replay_id == before.replay_id
        return msgspec.structs.replace(present, replay=replay) if is_same else present

    yield from subscribers.edit(scope, name, changed, now)
    if not replay.is_under_way:
        yield from nouns.delete(*ACTIVE, active)


def _waiting(scope: Scope, name: str, now: Millis) -> Plan[Subscription | None]:
    """Return a subscription whose replay is not over; None when there is none (any more)."""
    try:
        one = yield from subscribers.find(scope, name, now)
    except SubscriptionNotFound:
        return None
    return one if one.state == CONFIRMED and one.replay is not None and one.replay.is_under_way else None


def _told_again(scope: Scope, name: str, one: Subscription, replay: Replay, now: Millis) -> Plan[Replay]:
    """Write deliveries of what comes next, and return how far that is."""
    try:
        archive = (yield from topics.find(scope, one.topic)).archive
    except TopicNotFound:
        archive = None
    if archive is None:
        return msgspec.structs.replace(replay, status=FAILED)
    rows = yield from topic_archive.published_since(archive.archive_id, replay.starts_at, replay.after, _AT_ONCE)
    wanted = [row for row in rows if replay.ends_at is None or row.published_at <= replay.ends_at]
    yield from _tell(scope, name, one, replay, wanted, now)
    status = IN_PROGRESS if len(wanted) == _AT_ONCE else COMPLETED
    return msgspec.structs.replace(replay, status=status, after=wanted[-1].place if wanted else replay.after)


def _tell(
    scope: Scope, name: str, one: Subscription, replay: Replay, rows: list[ArchivedRow], now: Millis
) -> Plan[None]:
    told, deliveries = [], []
    for row in rows:
        extras = publish.read_extras(row.attributes)
        if one.wants(extras.by_protocol.get(one.protocol, row.message), extras.attributes):
            told.append(_as_told(scope, one.topic, row))
            deliveries.append(publish.delivery_of(told[-1], name, one, now, row.place, replay.replay_id))
    yield from stored.add_again(told, deliveries)


def _as_told(scope: Scope, topic: str, row: ArchivedRow) -> NotificationRow:
    """Return what is kept of a notification as it was told the first time."""
    return NotificationRow(
        row.notification_id,
        *scope,
        topic,
        posts.NOTIFICATION,
        row.subject,
        row.message,
        row.attributes,
        None,
        row.published_at,
    )
