"""What a delivery row becomes: claimed with all that its attempt needs, and ended with all that follows.

Plans, and the values that go in and out of them. Called by pubsub/deliver.py.
A message for a queue, and one for a dead-letter queue, is put there in the
transaction that ends its row.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.pubsub import posts, queue_access, queue_sending, retry, subscribers, topics
from pillarbox.pubsub.notice_content import attributes_for_queue
from pillarbox.pubsub.posts import Signed, Told
from pillarbox.pubsub.publish import read_extras
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.queue_sending import QueuedMessage
from pillarbox.pubsub.retry import Policy
from pillarbox.pubsub.subscribers import CONFIRMED, PENDING, REMOVED, Subscription
from pillarbox.pubsub.subscription_attributes import dead_letter_arn
from pillarbox.pubsub.topic_order import Order
from pillarbox.pubsub.topics import Topic
from pillarbox.store import notifications as stored
from pillarbox.store import nouns, subscription_turns
from pillarbox.store.notifications import DeliveryRow, Ending, NotificationRow
from pillarbox.store.plan import Plan

_SENDER = "sns.amazonaws.com"

# Of a throttled subscription no more is claimed than has its turn so soon, long before a lease ends.
_TURNS_AHEAD: Millis = 10 * SECOND

# A confirmation is of use only while it can change something.
_STATE_FOR = {
    posts.NOTIFICATION: CONFIRMED,
    posts.SUBSCRIPTION_CONFIRMATION: PENDING,
    posts.UNSUBSCRIBE_CONFIRMATION: REMOVED,
}


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed row with all that its attempt needs; it is not to be made before `turn_at`."""

    row: DeliveryRow
    told: Told
    subscription: Subscription
    topic: Topic
    order: Order | None = None
    tenant: str | None = None
    turn_at: Millis = 0

    @property
    def is_raw(self) -> bool:
        return self.subscription.is_raw and self.told.kind == posts.NOTIFICATION

    @property
    def policy(self) -> Policy:
        return retry.policy_of(self.subscription.attributes.get("DeliveryPolicy"), self.topic.delivery_policy)

    @property
    def needs_signature(self) -> bool:
        """Say that there is a signature in what is told: not in raw messages, FIFO topics and plain mails."""
        return not self.is_raw and self.order is None and self.row.protocol != "email"

    def body(self, signed: Signed | None, public_url: str) -> str:
        return self.told.message if self.is_raw else posts.document(self.told, signed, public_url)

    def to_queue(self, arn: str, body: str, *, needs_policy: bool) -> QueuedMessage:
        """Return the message for a queue; only a raw one carries its attributes beside the body."""
        place = place_of_arn(arn)
        assert place is not None, f"{arn} was accepted as a queue"
        group_id, deduplication_id = self._order_in(place[1])
        return QueuedMessage(
            *place,
            body,
            attributes_for_queue(self.told.attributes, is_replayed=self.told.is_replayed) if self.is_raw else {},
            _SENDER,
            group_id=group_id,
            deduplication_id=deduplication_id,
            asking=queue_access.of_topic(self.told.topic_arn, self.row.account, needs_policy=needs_policy),
        )

    def _order_in(self, queue: str) -> tuple[str | None, str | None]:
        """Return the group and the id that a message has in a queue; a confirmation is a group of its own."""
        if not queue.endswith(".fifo"):
            return self.tenant, None
        if self.order is None:
            return self.row.subscription.rpartition(":")[2], self.told.notification_id
        known_by = self.order.deduplication_id
        if self.row.replay:  # the queue may know it still from the time when it was told first
            known_by = hashlib.sha256(f"{self.row.replay} {known_by}".encode()).hexdigest()
        return self.order.group_id, known_by

    def to_dead_letter_queue(self, body: str, *, needs_policy: bool) -> QueuedMessage | None:
        """Return the message for the subscription's dead-letter queue, if it has one."""
        policy = self.subscription.attributes.get("RedrivePolicy")
        if not policy or self.told.kind != posts.NOTIFICATION:
            return None
        return self.to_queue(dead_letter_arn(policy), body, needs_policy=needs_policy)


@dataclass(frozen=True, slots=True)
class Finish:
    """How an attempt ended. Without `next_at` it is over.

    `message` is put into the subscriber's queue; when the queue does not take
    it, the row is dead. `dead_letter` is put into its queue when the row is dead.
    """

    row: DeliveryRow
    state: str
    why: str
    at: Millis
    attempts: int
    next_at: Millis | None = None
    message: QueuedMessage | None = None
    dead_letter: QueuedMessage | None = None


def claim(endpoint: str, lease: str, now: Millis, until: Millis, most: int) -> Plan[tuple[list[Job], list[Finish]]]:
    """Lease due rows of one endpoint; those that nobody wants any more end here, those without a turn wait on."""
    rows = yield from stored.claim(endpoint, lease, now, until, most)
    jobs, gone = yield from _sorted_out(rows, now)
    jobs, early = yield from _in_turn(jobs, now)
    yield from stored.end([_ending(finish) for finish in (*gone, *early)])
    return jobs, gone


def _in_turn(jobs: Sequence[Job], now: Millis) -> Plan[tuple[list[Job], list[Finish]]]:
    """Take turns for the jobs of throttled subscriptions; what gets none soon is to be claimed again later."""
    mine = [job for job in jobs if not job.policy.most_per_second]
    early: list[Finish] = []
    # In one order, so that two transactions never wait for each other in a circle.
    for name in sorted({job.row.subscription for job in jobs if job.policy.most_per_second}):
        same = [job for job in jobs if job.row.subscription == name]
        scope, rate = same[0].row.scope, same[0].policy.most_per_second or 1
        until = now + _TURNS_AHEAD
        turns = yield from subscription_turns.take(scope, name, rate, len(same), now, until)
        mine += [dataclasses.replace(job, turn_at=at) for job, at in zip(same, turns, strict=False)]
        early += [Finish(job.row, "due", job.row.why, now, job.row.attempts, until) for job in same[len(turns) :]]
    return mine, early


def next_in_order(endpoint: str, now: Millis, most: int) -> Plan[tuple[list[Job], list[Finish]]]:
    """Return the first rows of a FIFO queue.

    They are not leased, so that nobody can pass by those that a dead process had: whoever ends them first, in
    their order and in one transaction, has delivered them.
    """
    rows = yield from stored.next_in_order(endpoint, most)
    return (yield from _sorted_out(rows, now))


def _sorted_out(rows: Sequence[DeliveryRow], now: Millis) -> Plan[tuple[list[Job], list[Finish]]]:
    """Read what the attempts of rows need; those that nobody wants any more are to end."""
    told = yield from stored.told(sorted({row.notification_id for row in rows}))
    jobs: list[Job] = []
    gone: list[Finish] = []
    for scope in sorted({row.scope for row in rows}):
        here = [row for row in rows if row.scope == scope]
        known = yield from subscribers.by_name(scope, sorted({row.subscription for row in here}))
        found = yield from nouns.get_many(scope, topics.KIND, sorted({row.topic for row in here}))
        known_topics = {noun.name: topics.read(noun.document) for noun in found}
        for row in here:
            notification, one = told.get(row.notification_id), known.get(row.subscription)
            topic = known_topics.get(row.topic)
            if notification and one and topic and one.state == _STATE_FOR[notification.kind]:
                jobs.append(_job(row, notification, one, topic))
            else:
                why = _why_nobody_wants(row.topic, notification, one, topic)
                gone.append(Finish(row, "removed", why, now, row.attempts))
    return jobs, gone


def finish_together(finishes: Sequence[Finish]) -> Plan[list[Finish | None]]:
    """End rows, with what goes into queues; None for a row whose lease was lost. For `store.commit`."""
    holds = yield from stored.held([finish.row for finish in finishes])
    ended: list[Finish | None] = [finish if hold else None for finish, hold in zip(finishes, holds, strict=True)]
    for place, why in (yield from _enqueue([finish.message if finish else None for finish in ended], finishes)):
        refused = finishes[place]
        ended[place] = dataclasses.replace(refused, state="dead", why=why, next_at=None, message=None)
    letters = [finish.dead_letter if finish and finish.state == "dead" else None for finish in ended]
    for place, why in (yield from _enqueue(letters, finishes)):
        if (dead := ended[place]) is not None:
            ended[place] = dataclasses.replace(dead, why=f"{dead.why}; the dead-letter queue refused it, too: {why}")
    yield from stored.end([_ending(finish) for finish in ended if finish is not None])
    return ended


def _enqueue(messages: Sequence[QueuedMessage | None], finishes: Sequence[Finish]) -> Plan[list[tuple[int, str]]]:
    """Put messages into their queues; return the places of those refused, and why."""
    places = [place for place, message in enumerate(messages) if message is not None]
    if not places:
        return []
    reasons = yield from queue_sending.enqueue_many(
        [message for message in messages if message is not None], finishes[places[0]].at
    )
    return [(place, why) for place, why in zip(places, reasons, strict=True) if why is not None]


def _ending(finish: Finish) -> Ending:
    row = finish.row
    over = finish.next_at is None
    due_at = finish.at if finish.next_at is None else finish.next_at
    ended_at = finish.at if over else None
    return Ending(row.notification_id, row.subscription, finish.state, due_at, finish.attempts, finish.why, ended_at)


def _why_nobody_wants(
    topic_name: str, notification: NotificationRow | None, one: Subscription | None, topic: Topic | None
) -> str:
    if notification is None:
        return "the notification is no longer kept"
    if topic is None:
        return f"the topic {topic_name} was deleted"
    if one is None or one.state == REMOVED:
        return "the subscription was removed"
    return f"the subscription is {one.state}"


def _job(row: DeliveryRow, notification: NotificationRow, one: Subscription, topic: Topic) -> Job:
    extras = read_extras(notification.attributes)
    told = Told(
        kind=notification.kind,
        notification_id=notification.notification_id,
        topic_arn=topics.arn_of(row.scope, notification.topic),
        subscription_arn=subscribers.arn_of(row.scope, row.subscription),
        subject=notification.subject,
        message=extras.by_protocol.get(row.protocol, notification.message),
        attributes=extras.attributes,
        published_at=notification.published_at,
        token=notification.token,
        sequence_number=extras.order.sequence_number if extras.order else None,
        is_replayed=bool(row.replay),
    )
    return Job(row, told, one, topic, extras.order, extras.tenant)
