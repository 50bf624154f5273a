"""Fair queues: standard queues in which messages of many tenants wait, told apart by their groups.

Plans only. A queue is one from its first message with a group on. Called by
whatever puts messages into standard queues.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
"""

from collections.abc import Iterable

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queues
from pillarbox.pubsub.queues import Queue
from pillarbox.store import fair_messages
from pillarbox.store.plan import Plan


def admit(
    scope: Scope, name: str, queue: Queue, arrived: Iterable[tuple[str | None, Millis]], now: Millis
) -> Plan[None]:
    """Let the tenants of messages that have arrived (group, visible at) take their turns."""
    turns: dict[str, Millis] = {}
    for tenant, visible_at in arrived:
        if tenant is not None:
            turns[tenant] = min(turns.get(tenant, visible_at), visible_at)
    if not turns:
        return
    if not queue.is_fair:
        yield from queues.make_fair(scope, name, now)
    yield from fair_messages.join(queue.key, turns)
