"""Makes messages that were promised with a list of what each is made of.

Pure. Called by the expander and by whoever is asked for one meanwhile, through
sending/promised.py; what stands in a list is for sending/deferred.py (bulk
calls) and sending/unmade.py (single sends of a burst) to say.
"""

from collections.abc import Callable, Iterator, Sequence
from email.utils import getaddresses, parseaddr
from itertools import accumulate
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from pillarbox.events.types import MailFacts
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Refusal
from pillarbox.sending.draft import Draft, Templated
from pillarbox.sending.envelope import KEY_TAG, read_envelope
from pillarbox.sending.rows import Made, Route, SentAs, Written, message_row, tags_of
from pillarbox.store.messages import MessageRow

_write = msgspec.json.Encoder().encode


class Listed(Protocol):
    """What is listed of one message."""

    @property
    def recipient_count(self) -> int: ...


Own = TypeVar("Own", bound=Listed)


class Told(NamedTuple):
    """A message as its list tells of it; its draft names the configuration set that it was accepted in."""

    draft: Draft
    sent_as: SentAs
    message_id: str
    send_id: str
    accepted_at: Millis
    recipient_count: int


class Making(Generic[Own]):
    """Makes the messages of a list; `tell` reads what is listed of one."""

    def __init__(self, listed: Sequence[Own], tell: Callable[[Own], Told]) -> None:
        # Where each begins, counted in recipients, as a row counts what is written.
        self._listed = dict(zip(accumulate((one.recipient_count for one in listed), initial=0), listed, strict=False))
        self._tell = tell

    def following(self, written: int, most: int, route: Route, now: Millis) -> Iterator[Written]:
        """Yield the messages behind those of `written` recipients, at most so many."""
        for _ in range(most):
            if (one := self._listed.get(written)) is None:
                return
            yield _made(self._tell(one)).written(route, now)
            written += one.recipient_count

    def failed(self, written: int, fault: str) -> Made:
        """Return the message behind those of `written` recipients as one that cannot be made."""
        return _unread(self._tell(self._listed[written]), fault)

    def made(self, message_id: str) -> Made:
        """Return the message of that id."""
        return _made(next(told for told in map(self._tell, self._listed.values()) if told.message_id == message_id))


def _made(told: Told) -> Made:
    try:
        envelope = read_envelope(told.draft)
    except (Refusal, ValueError) as fault:  # of the content: it would be the same at each try
        return _unread(told, str(fault) or repr(fault))
    message = message_row(told.draft, envelope, told.sent_as, told.message_id, told.send_id, told.accepted_at)
    prepared = envelope.prepared
    return Made(message, prepared.recipients, told.sent_as.pool, prepared.raw, envelope.failure)


def _unread(told: Told, fault: str) -> Made:
    """Return what is known without reading anything as strictly as it must be read to be sent."""
    draft, content = told.draft, told.draft.content
    addresses = list(dict.fromkeys(one for _, one in getaddresses([*draft.to, *draft.cc, *draft.bcc]) if one))
    sender, tenant = draft.sender or "", draft.tenant or ""
    sender_address = parseaddr(sender)[1]
    tags = [tag for tag in draft.tags or () if tag[0] != KEY_TAG]
    mail = MailFacts(
        sender=sender,
        sender_address=sender_address,
        source_identity=told.sent_as.identity,
        source_ip=draft.source_ip,
        caller_identity=draft.caller_identity,
        recipients=addresses,
        headers=[],
        headers_truncated=True,
        tags=tags_of(draft, draft.configuration_set, tenant, sender_address.rpartition("@")[2], tags),
        return_path=draft.return_path or sender_address,
        templated=isinstance(content, Templated),
        template=content.name if isinstance(content, Templated) else "",
        tenant=tenant,
        pool=told.sent_as.pool,
    )
    message = MessageRow(
        told.message_id,
        *draft.scope,
        told.send_id,
        told.accepted_at,
        draft.operation,
        draft.configuration_set or "",
        sender,
        "",
        0,
        told.recipient_count,
        _write(mail).decode(),
        "",
    )
    return Made(message, addresses, told.sent_as.pool).failed(mail.template, fault)
