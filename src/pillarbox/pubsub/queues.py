"""Queues: the noun, its attributes, its tags and its end.

Plans only. Called by api/sqs/, and by the modules through which messages pass:
sending.py (in), receive.py (out), holding.py (kept and deleted). Who may do
what is queue_access.py.
"""

import os
from collections.abc import Callable, Mapping, Sequence

import msgspec

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queue_attributes
from pillarbox.pubsub.queue_attributes import Redrive
from pillarbox.pubsub.queue_errors import (
    InvalidParameter,
    PurgeInProgress,
    QueueDeletedRecently,
    QueueExists,
    QueueMissing,
)
from pillarbox.pubsub.queue_names import arn_of, check_name, place_of_arn
from pillarbox.store import fifo_messages, nouns
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan, Touch

_KIND = "queue"
MOVE_TASK = "queue-move-task"  # below the queue that it takes messages from
_DELETED = "deleted-queue"  # holds a name back for a minute
_PAUSE: Millis = 60 * SECOND
_PAGE = 1_000

# Where the keys of purged and deleted queues wait until queue_sweep.py has removed their messages.
REMAINS = (Scope("", ""), "queue-remains")


class Queue(msgspec.Struct, frozen=True):
    """A queue's document. `attributes` are those that were set; each purge begins a new life."""

    queue_id: str
    created_at: Millis
    modified_at: Millis
    attributes: dict[str, str]
    tags: dict[str, str]
    life: int = 1
    purged_at: Millis | None = None
    is_fair: bool = False  # messages with groups have come into a standard queue

    @property
    def key(self) -> str:
        """What its messages are found by."""
        return f"{self.queue_id}-{self.life}"

    @property
    def is_fifo(self) -> bool:
        return queue_attributes.is_fifo(self.attributes)

    def says(self, attribute: str) -> str:
        return queue_attributes.value_of(self.attributes, attribute)

    @property
    def redrive(self) -> Redrive | None:
        text = self.attributes.get("RedrivePolicy")
        return queue_attributes.redrive_of(text) if text else None

    def number(self, attribute: str) -> int:
        return int(self.says(attribute))

    def sent_until(self, now: Millis) -> Millis:
        """Return the time up to which messages sent are past their retention."""
        return now - self.number("MessageRetentionPeriod") * SECOND


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Queue).decode


def topic_of(scope: Scope, name: str) -> str:
    """Return the topic by which those who wait for a queue's messages are woken."""
    return f"queue:{scope.account}/{scope.region}/{name}"


def find(scope: Scope, name: str) -> Plan[Queue]:
    """Return a queue; QueueMissing when there is none of that name."""
    noun = yield from nouns.get(scope, _KIND, name)
    if noun is None:
        raise QueueMissing
    return _decode(noun.document)


def create(scope: Scope, name: str, attributes: Mapping[str, str], tags: Mapping[str, str], now: Millis) -> Plan[None]:
    """Create a queue, or do nothing when there is one with these attributes."""
    check_name(name, is_fifo=queue_attributes.is_fifo(attributes))
    kept = queue_attributes.changed({}, attributes, is_new=True)
    noun = yield from nouns.get(scope, _KIND, name)
    if noun is not None:
        if other := queue_attributes.first_difference(_decode(noun.document).attributes, attributes):
            raise QueueExists(f"A queue already exists with the same name and a different value for attribute {other}")
        return
    deleted = yield from nouns.get(scope, _DELETED, name)
    if deleted is not None and now < deleted.updated_at + _PAUSE:
        raise QueueDeletedRecently(
            "You must wait 60 seconds after deleting a queue before you can create another with the same name."
        )
    yield from _check_redrive(scope, name, kept)
    queue = Queue(os.urandom(8).hex(), now, now, kept, _with_tags(name, {}, tags))
    yield from nouns.delete(scope, _DELETED, name)
    yield from nouns.create(scope, _KIND, name, _encode(queue).decode(), now)


def set_attributes(scope: Scope, name: str, given: Mapping[str, str], now: Millis) -> Plan[None]:
    before = yield from find(scope, name)
    yield from _edit(
        scope,
        name,
        lambda queue: msgspec.structs.replace(
            queue, attributes=queue_attributes.changed(queue.attributes, given), modified_at=now
        ),
        now,
    )
    yield from _check_redrive(scope, name, given)
    after = yield from find(scope, name)
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
    if after.is_fifo and after.number("DelaySeconds") != before.number("DelaySeconds"):
        yield from fifo_messages.delay_anew(after.key, after.number("DelaySeconds") * SECOND)
    yield Touch(topic_of(scope, name))


def attributes_of(scope: Scope, name: str, now: Millis) -> Plan[dict[str, str]]:
    """Return everything that a queue tells of itself."""
    queue = yield from find(scope, name)
    counts = yield from stored.counts(queue.key, queue.sent_until(now), now)
    return {
        "QueueArn": arn_of(scope, name),
        "ApproximateNumberOfMessages": str(counts.visible),
        "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
        "CreatedTimestamp": str(queue.created_at // SECOND),
        "LastModifiedTimestamp": str(queue.modified_at // SECOND),
        **queue_attributes.defaults_of(queue.attributes),
        **queue.attributes,
    }


def delete(scope: Scope, name: str, now: Millis) -> Plan[None]:
    """Delete a queue with its messages; its name stays taken for a minute."""
    queue = yield from find(scope, name)
    yield from nouns.delete(scope, _KIND, name)
    yield from nouns.delete_children(scope, MOVE_TASK, name)
    for old in (yield from nouns.list_by_name(scope, _DELETED, "", _PAGE)):
        if old.updated_at + _PAUSE <= now:
            yield from nouns.delete(scope, _DELETED, old.name)
    yield from nouns.create(scope, _DELETED, name, "{}", now)
    yield from _leave_behind(queue, now)
    yield Touch(topic_of(scope, name))


def purge(scope: Scope, name: str, now: Millis) -> Plan[None]:
    """Forget all messages, those in flight too."""
    queue = yield from find(scope, name)

    def begin_anew(present: Queue) -> Queue:
        if present.purged_at is not None and now < present.purged_at + _PAUSE:
            raise PurgeInProgress(f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.")
        return msgspec.structs.replace(present, life=present.life + 1, purged_at=now)

    yield from _edit(scope, name, begin_anew, now)
    yield from _leave_behind(queue, now)


def make_fair(scope: Scope, name: str, now: Millis) -> Plan[None]:
    """Note that messages of tenants come into a standard queue."""
    yield from _edit(scope, name, lambda queue: msgspec.structs.replace(queue, is_fair=True), now)


def tag(scope: Scope, name: str, tags: Mapping[str, str], now: Millis) -> Plan[None]:
    yield from _edit(
        scope, name, lambda queue: msgspec.structs.replace(queue, tags=_with_tags(name, queue.tags, tags)), now
    )


def untag(scope: Scope, name: str, keys: Sequence[str], now: Millis) -> Plan[None]:
    def without(queue: Queue) -> Queue:
        return msgspec.structs.replace(queue, tags={k: v for k, v in queue.tags.items() if k not in keys})

    yield from _edit(scope, name, without, now)


def page(scope: Scope, fits: Callable[[str, Queue], bool], after: str, limit: int) -> Plan[tuple[list[str], bool]]:
    """Return the names of at most `limit` queues that fit, after one name, and whether there are more."""
    found: list[str] = []
    while True:
        rows = yield from nouns.list_by_name(scope, _KIND, after, _PAGE)
        for row in rows:
            if fits(row.name, _decode(row.document)):
                if len(found) == limit:
                    return found, True
                found.append(row.name)
        if len(rows) < _PAGE:
            return found, False
        after = rows[-1].name


def _edit(scope: Scope, name: str, edit: Callable[[Queue], Queue], now: Millis) -> Plan[None]:
    there = yield from nouns.change(scope, _KIND, name, lambda text: _encode(edit(_decode(text))).decode(), now)
    if not there:
        raise QueueMissing


def _leave_behind(queue: Queue, now: Millis) -> Plan[None]:
    yield from nouns.create(*REMAINS, queue.key, "{}", now)
    yield Touch(REMAINS[1])


def _check_redrive(scope: Scope, name: str, attributes: Mapping[str, str]) -> Plan[None]:
    """Refuse a dead-letter queue that is not there or does not want this queue's messages."""
    text = attributes.get("RedrivePolicy")
    if not text:
        return
    redrive = queue_attributes.redrive_of(text)
    place = place_of_arn(redrive.target_arn)
    target = (yield from nouns.get(scope, _KIND, place[1])) if place and place[0] == scope else None
    if target is None:
        raise InvalidParameter.value(text, "RedrivePolicy", "Dead letter target does not exist.")
    allowed = _decode(target.document).attributes
    if queue_attributes.is_fifo(allowed) != name.endswith(".fifo"):
        raise InvalidParameter.value(
            text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source."
        )
    if not queue_attributes.may_be_dead_letter_queue_of(allowed, arn_of(scope, name)):
        raise InvalidParameter.value(
            text, "RedrivePolicy", "The dead letter target's RedriveAllowPolicy does not allow this source queue."
        )


def _with_tags(name: str, present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    for key, value in given.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise InvalidParameter(
                f"Tag '{key}' is invalid: keys have 1 to 128 characters and must not start with aws:,"
                " values have at most 256."
            )
    after = {**present, **given}
    if len(after) > 50:
        raise InvalidParameter(f"Too many tags added for queue {name}.")
    return after
