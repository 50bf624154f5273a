"""Stores with mail in them, put there by the functions that put mail there in earnest."""

from collections.abc import Mapping

import msgspec

from pillarbox.delivery.close import close, close_attempts, reject
from pillarbox.delivery.outcome import Delivered, Outcome
from pillarbox.delivery.tracking import UNMARKED, Marks
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.sending.accept import keep_promises
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Raw, Simple, Text
from pillarbox.stats import terms
from pillarbox.store import messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.outgoing import OutgoingRow
from tests.support.promises import SCOPE, promise

MTA = "mta.pillarbox.localhost"
NOON: Millis = 1_800_014_400_000  # 2027-01-15 12:00:00 UTC


class Mailroom:
    """Accepts messages and decides their fates."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def accept(
        self,
        *recipients: str,
        subject: str = "A subject",
        text: str = "Hello.",
        html: str | None = None,
        raw: bytes | None = None,
        sender: str = "Sender <sender@example.com>",
        scope: Scope = SCOPE,
        configuration_set: str | None = None,
        tenant: str | None = None,
        at: Millis = NOON,
    ) -> str:
        """Promise a message and return its id."""
        simple = Simple(Text(subject, "UTF-8"), Text(text, "UTF-8"), Text(html, "UTF-8") if html else None)
        draft = Draft(
            scope=scope,
            operation="SendEmail" if raw is None else "SendRawEmail",
            caller_identity="tester",
            source_ip="192.0.2.1",
            content=simple if raw is None else Raw(raw, recipients or ("someone@example.net",)),
            size_limit=V1_SIZE_LIMIT,
            sender=sender if raw is None else None,
            to=() if raw is not None else recipients or ("someone@example.net",),
            configuration_set=configuration_set,
            tenant=tenant,
        )
        promised = promise(draft, at)
        assert await self.store.commit(keep_promises, promised) is None
        await self.store.write(terms.index, [promised.message])
        return promised.message.message_id

    async def attempt(
        self, message_id: str, outcomes: Mapping[str, Outcome], at: Millis = NOON + 1_000, marks: Marks = UNMARKED
    ) -> None:
        """Close an attempt over SMTP for those rows of a message whose recipients have an outcome."""
        for row in await self.store.read(outgoing.of_message, message_id):
            theirs = {address: outcomes[address] for address in _recipients(row) if address in outcomes}
            if theirs:
                sent = row._replace(transport="smtp")
                closed = close(sent, theirs, MTA, at, marks=marks)
                assert await self.store.commit(close_attempts, closed)

    async def capture(self, message_id: str, at: Millis = NOON + 1_000) -> None:
        """Keep the message for every recipient that still waits."""
        message = await self.store.read(messages.get, message_id)
        assert message is not None
        for row in await self.store.read(outgoing.of_message, message_id):
            addresses = tuple(_recipients(row))
            body = await self.store.body(message.body)
            attempt = Attempt(message_id, row.part, 1, row.scope, "feedback@example.com", addresses, body, at)
            outcomes = await CaptureTransport(self.store).deliver(attempt)
            assert await self.store.commit(close_attempts, close(row, outcomes, MTA, at))

    async def reject(self, message_id: str, reason: str, at: Millis = NOON + 1_000) -> None:
        """Find something in the message that is never delivered."""
        for row in await self.store.read(outgoing.of_message, message_id):
            assert await self.store.commit(close_attempts, reject(row, reason, at))

    async def deliver(self, message_id: str, at: Millis = NOON + 1_000) -> None:
        """Deliver to every recipient that still waits."""
        for row in await self.store.read(outgoing.of_message, message_id):
            await self.attempt(message_id, dict.fromkeys(_recipients(row), Delivered("250 2.0.0 OK", "192.0.2.25")), at)


def _recipients(row: OutgoingRow) -> list[str]:
    return msgspec.json.decode(row.recipients, type=list[str])
