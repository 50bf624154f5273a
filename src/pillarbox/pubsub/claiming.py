"""One look at a queue: which messages a receiver gets now.

Plans only. Called by receive.py. In one transaction the messages are hidden
from everybody else, those too old are removed and dead letters are moved.
How a FIFO queue chooses is fifo_claiming.py, a fair one fair_claiming.py.
"""

from dataclasses import dataclass

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import dead_letter_queues, fair_claiming, fifo, fifo_claiming, queue_access, queue_content, queues
from pillarbox.pubsub.dead_letter_queues import DeadLetters
from pillarbox.pubsub.fifo_claiming import Taken
from pillarbox.pubsub.queue_access import Asking
from pillarbox.pubsub.queues import Queue
from pillarbox.pubsub.receipts import Receipt, handle_of
from pillarbox.store import fifo_messages
from pillarbox.store import queue_messages as stored
from pillarbox.store.plan import Plan
from pillarbox.store.queue_messages import ClaimedRow

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MOST_IN_FLIGHT = 120_000
# Every system attribute that may be asked for; a standard queue's messages never have some of them.
SYSTEM_ATTRIBUTES = frozenset(
    {
        "AWSTraceHeader",
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "DeadLetterQueueSourceArn",
        "MessageDeduplicationId",
        "MessageGroupId",
        "SenderId",
        "SentTimestamp",
        "SequenceNumber",
    }
)
_ROUNDS = 20  # a claim that finds only dead letters and expired messages stops after so many tries
_EXPIRED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a receiver asks for; None means what the queue says. `asking` is who they are."""

    scope: Scope
    queue_name: str
    most: int = 1
    visibility_seconds: int | None = None
    wait_seconds: int | None = None
    attempt_id: str | None = None
    asking: Asking | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    row: ClaimedRow
    receipt_handle: str
    is_in_order: bool

    @property
    def system(self) -> dict[str, str]:
        """Return every system attribute that it has."""
        number = {"SequenceNumber": fifo.sequence_number(self.row.number)} if self.is_in_order else {}
        return {
            "SenderId": self.row.sender_id,
            "SentTimestamp": str(self.row.sent_at),
            "ApproximateReceiveCount": str(self.row.receive_count),
            "ApproximateFirstReceiveTimestamp": str(self.row.first_received_at),
            **queue_content.system_from_json(self.row.system),
            **number,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at a queue gave. `look_again_at` is when a further look may give more."""

    queue: Queue
    messages: list[ReceivedMessage]
    look_again_at: Millis | None
    in_flight: int | None  # None when it was not counted

    @property
    def is_full(self) -> bool:
        return self.in_flight is not None and self.in_flight >= MOST_IN_FLIGHT


def claim(wish: Wish, now: Millis, count: bool) -> Plan[Claim]:
    """Hide up to `wish.most` messages and return them; move the dead ones among them on the way.

    With `count`, what is in flight is counted first and the limit is kept.
    """
    queue = (
        yield from queues.find(wish.scope, wish.queue_name)
        if wish.asking is None
        else queue_access.enter(wish.scope, wish.queue_name, wish.asking)
    )
    if wish.attempt_id is not None:
        fifo.check_attempt_id(wish.attempt_id, is_fifo=queue.is_fifo)
    in_flight = (yield from stored.in_flight(queue.key, now)) if count else None
    most = min(wish.most, MOST_IN_FLIGHT - (in_flight or 0))
    seconds = queue.number("VisibilityTimeout") if wish.visibility_seconds is None else wish.visibility_seconds
    letters = yield from dead_letter_queues.of(wish.scope, wish.queue_name, queue)
    if queue.is_fifo:
        taken = yield from fifo_claiming.take(queue, most, now, now + seconds * SECOND, letters, wish.attempt_id)
    else:
        taken = yield from _take(queue, most, now, now + seconds * SECOND, letters)
    messages = [ReceivedMessage(row, _handle(queue, row, taken.received_at), queue.is_fifo) for row in taken.rows]
    return Claim(queue, messages, taken.look_again_at if most > 0 else None, in_flight)


def _take(queue: Queue, most: int, now: Millis, until: Millis, letters: DeadLetters | None) -> Plan[Taken]:
    live: list[ClaimedRow] = []
    finished = False
    for _ in range(_ROUNDS):
        if len(live) >= most:
            break
        known = [row.number for row in live]
        rows = yield from (
            fair_claiming.claim(queue.key, most - len(live), now, until)
            if queue.is_fair
            else stored.claim(queue.key, most - len(live), now, until, known)
        )
        good = yield from _sort_out(queue, rows, letters, now)
        live += good
        # A tenant may have had less to give than its share.
        if finished := not rows if queue.is_fair else len(good) == len(rows):
            break
    return Taken(live, now, (yield from _next_visible_at(queue, now)) if finished else now)


def _next_visible_at(queue: Queue, now: Millis) -> Plan[Millis | None]:
    times = [(yield from stored.next_visible_at(queue.key, now))]
    if queue.is_fair:
        times.append((yield from fifo_messages.next_ready_at(queue.key, now)))
    return min((at for at in times if at is not None), default=None)


def _sort_out(queue: Queue, rows: list[ClaimedRow], letters: DeadLetters | None, now: Millis) -> Plan[list[ClaimedRow]]:
    """Remove the expired among claimed messages, move the dead letters, return the others."""
    sent_until = queue.sent_until(now)
    expired = [row for row in rows if row.sent_at <= sent_until]
    if expired:
        yield from stored.remove([(queue.key, row.number) for row in expired])
        for tenant in {row.message_group for row in expired}:
            yield from stored.remove_expired(queue.key, tenant, sent_until, now, _EXPIRED_AT_ONCE)
    good = [row for row in rows if row.sent_at > sent_until]
    if letters is None:
        return good
    dead = [row for row in good if row.receive_count > letters.most_receipts]
    yield from dead_letter_queues.bury(letters, dead, now)
    return [row for row in good if row.receive_count <= letters.most_receipts]


def _handle(queue: Queue, row: ClaimedRow, received_at: Millis) -> str:
    return handle_of(Receipt(queue.queue_id, row.number, received_at, row.receive_count))
