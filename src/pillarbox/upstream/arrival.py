"""What came from an upstream in one post, ready to be taken in by one transaction.

Pure. Made by the intake and the poller from what the consumer module read;
taken by upstream/ingest.py, perhaps in another process.
"""

import hashlib
import json
from typing import NamedTuple

from pillarbox.consumer import Leftover, Mail, SesEvent
from pillarbox.events.types import Fact
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.upstream.facts import fact_key, fact_of, millis

# Nobody's MessageIds are longer; it becomes part of keys of ours.
_LONGEST_ID = 200


class Source(NamedTuple):
    """An upstream as far as its events go: `scope` is the account and region of ours that they belong to."""

    name: str
    scope: Scope
    republish: bool = False


class Told(NamedTuple):
    """One event: `key` makes it the same fact when it is told again, `named` are the recipients it names."""

    mail: Mail
    fact: Fact
    happened_at: Millis
    key: str
    named: tuple[str, ...]


class Arrival(NamedTuple):
    """One post. `post_id` is how the upstream calls it: posted again, it has the same."""

    source: Source
    post_id: str
    told: tuple[Told, ...]
    unreadable: tuple[Leftover, ...]
    arrived_at: Millis


def arrival_of(
    source: Source,
    post_id: str,
    events: tuple[SesEvent, ...],
    unreadable: tuple[Leftover, ...],
    now: Millis,
) -> Arrival:
    """Return a post as it is taken in; what has no MessageId that can be one is unreadable too."""
    told, left = [], list(unreadable)
    for event in events:
        if reason := _reason_to_refuse(event.mail.message_id):
            left.append(Leftover(json.dumps(event.raw), reason))
            continue
        named = event.recipients if getattr(event.detail, "recipients", None) is not None else ()
        told.append(Told(event.mail, fact_of(event), millis(event.happened_at), fact_key(event), named))
    return Arrival(source, post_id, tuple(told), tuple(left), now)


def digest_of(text: str) -> str:
    """Return an id for a post that came without one."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _reason_to_refuse(message_id: str) -> str | None:
    if not message_id or len(message_id) > _LONGEST_ID:
        return "mail.messageId is empty or too long"
    if not message_id.isascii() or not message_id.isprintable():
        return "mail.messageId holds characters that no MessageId has"
    return None
