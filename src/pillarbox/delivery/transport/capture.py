"""Keeps mail instead of sending it: for development, and until a route says otherwise.

Touches the store. What is kept are the bytes that would have left.
"""

from collections.abc import Mapping, Sequence

import msgspec

from pillarbox.delivery.outcome import Delivered, Outcome
from pillarbox.delivery.transport.base import Attempt
from pillarbox.store import outgoing
from pillarbox.store.engine import Store
from pillarbox.store.outgoing import CaptureRow
from pillarbox.store.plan import Keep, Plan

REPLY = "250 captured, not sent"


class CaptureTransport:
    """Says Delivered only after the mail is on disk for the viewer."""

    name = "capture"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        await self._store.commit(keep, attempt)
        return {address: Delivered(REPLY) for address in attempt.recipients}


def keep(attempts: Sequence[Attempt]) -> Plan[list[None]]:
    """Keep the mail of several attempts in one transaction."""
    bodies = [attempt.data for attempt in attempts]
    references = yield Keep(bodies, [one.scope.account for one in attempts], attempts[0].started_at)
    yield from outgoing.keep_captures(
        [
            CaptureRow(
                attempt.message_id,
                attempt.part,
                attempt.scope.account,
                attempt.started_at,
                attempt.sender,
                msgspec.json.encode(attempt.recipients).decode(),
                reference,
            )
            for attempt, reference in zip(attempts, references, strict=True)
        ]
    )
    return [None] * len(attempts)
