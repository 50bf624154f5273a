"""The promise of a transport; see docs/ADDING_A_TRANSPORT.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.transport.smtp_transcript import Conversations
from pillarbox.events.types import MailFacts
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: these bytes, from this envelope sender, to these recipients; encrypted or not at all when so asked.

    `conversations` is what a transport may keep of what was said, for whoever reads the message's history. For one
    that hands it to another SES, there is which `upstream`, and what the sender said beside the message.
    """

    message_id: str
    part: int
    number: int
    scope: Scope
    sender: str
    recipients: tuple[str, ...]
    data: bytes
    started_at: Millis
    tls_required: bool = False
    conversations: Conversations = field(default_factory=Conversations)
    upstream: str = ""
    configuration_set: str = ""
    mail: MailFacts | None = None


class Transport(Protocol):
    """Hands one attempt to the next hop.

    What the far side says is an Outcome, one for each recipient. An exception
    from here is a bug of ours: the worker logs it and defers everyone. Only
    Unavailable, when nothing was sent, means that the store has to come back.
    """

    name: str

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]: ...
