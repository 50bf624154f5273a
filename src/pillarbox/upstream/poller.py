"""Fetches an upstream's events from an SQS queue.

Touches the queue and the store. Run by app as a duty of upkeep/runner.py, so
that one process polls at a time. A message is deleted only after all that it
tells is on disk; whoever is killed in between finds it again, and knows it.
"""

import asyncio
from collections.abc import Collection

from pillarbox.consumer import Leftover, Unreadable, parse_envelope, read
from pillarbox.kit import log
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.store.engine import Store
from pillarbox.upstream.arrival import Arrival, Source, arrival_of
from pillarbox.upstream.ingest import note, take
from pillarbox.upstream.sqs_client import Received, SqsClient

_TOO_SOON: Millis = SECOND
_BETWEEN_SECONDS = 1.0


class QueuePoller:
    """Takes in one batch of messages at a time, for ever. QueueError when the queue cannot be asked."""

    topic = "upstream-queue"

    def __init__(self, source: Source, client: SqsClient, topics: Collection[str], store: Store, clock: Clock) -> None:
        self.name = f"upstream-queue/{source.name}"
        self._source = source
        self._client = client
        self._topics = topics
        self._store = store
        self._clock = clock
        self._log = log.named("events-in")

    async def due_at(self) -> Millis | None:
        """Return the past: the queue itself says when there is something to do."""
        return 0

    async def work(self, now: Millis) -> None:
        received = await self._client.receive()
        if not received:
            if self._clock.now() - now < _TOO_SOON:  # a queue that does not wait for messages is not asked without end
                await asyncio.sleep(_BETWEEN_SECONDS)
            return
        arrivals = [arrival_in(one, self._source, self._topics, self._clock.now()) for one in received]
        taken = await asyncio.gather(*(self._store.commit(take, arrival) for arrival in arrivals))
        for arrival, one in zip(arrivals, taken, strict=True):
            note(self._source, one)
            if one.quarantined:
                self._log.warning("event not readable", upstream=self._source.name, post=arrival.post_id)
        await self._client.delete([one.receipt for one in received])


def arrival_in(one: Received, source: Source, topics: Collection[str], now: Millis) -> Arrival:
    """Read one message of a queue, in an envelope of SNS or, by raw delivery, without one."""
    try:
        envelope = parse_envelope(one.body)
    except Unreadable:
        post_id = one.message_id
    else:
        post_id = envelope.message_id
        if topics and envelope.topic_arn not in topics:
            why = f"nobody expects posts of the topic {envelope.topic_arn[:200]!r}"
            return arrival_of(source, post_id, (), (Leftover(one.body, why),), now)
    reading = read(one.body)
    return arrival_of(source, post_id, tuple(reading.events), tuple(reading.unreadable), now)
