"""A send in which each recipient gets a message of their own and sees only themselves.

Pure. `accept` promises the first part with the list of all recipients; the
expander makes the other parts from the first one and that list. A part has
nothing of its own but its id and its recipient: the body is stored once, and
who it is for is written into its headers when it leaves.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from pillarbox.events.types import MailFacts, RenderingFailure
from pillarbox.kit.clock import Millis
from pillarbox.kit.headers import event_headers, list_headers
from pillarbox.kit.ids import part_message_id
from pillarbox.kit.recipient_headers import headers_naming_only, naming_only
from pillarbox.sending.draft import Draft, Raw
from pillarbox.sending.envelope import Envelope
from pillarbox.sending.raw import KEY_HEADERS
from pillarbox.sending.rows import Made, Route, Written
from pillarbox.store.messages import MessageRow

_write = msgspec.json.Encoder().encode
_read_mail = msgspec.json.Decoder(MailFacts).decode


class Recipients(msgspec.Struct, frozen=True):
    """Everybody to whom a send goes, by address and as written; `failure` is why nobody's message can be made."""

    addresses: tuple[str, ...]
    written: tuple[str, ...]
    failure: RenderingFailure | None


read_recipients = msgspec.json.Decoder(Recipients).decode


def for_one_each(draft: Draft, envelope: Envelope) -> Envelope:
    """Return the envelope of the first recipient, whom alone its headers name.

    A message that the caller made is kept as it was given; in one of ours there is no list to keep.
    """
    raw = envelope.prepared.raw
    if not isinstance(draft.content, Raw):
        raw = naming_only(raw, None)
    shown = [header for header in list_headers(raw) if header[0].lower() not in KEY_HEADERS]
    headers, truncated = event_headers(headers_naming_only(shown, envelope.written[0]))
    return replace(
        envelope,
        prepared=replace(envelope.prepared, raw=raw, recipients=envelope.prepared.recipients[:1]),
        headers=tuple(headers),
        headers_truncated=truncated,
        only_to=envelope.written[0],
    )


def list_of(envelope: Envelope) -> bytes:
    """Return all recipients as they are kept until each has a message."""
    return _write(Recipients(envelope.prepared.recipients, envelope.written, envelope.failure))


class Making:
    """Makes the messages of a send that are still to be written: those of the recipients behind the first."""

    def __init__(self, first: MessageRow, listed: bytes) -> None:
        self._first = first
        self._mail = _read_mail(first.mail)
        self._recipients = read_recipients(listed)

    def following(self, written: int, most: int, route: Route, now: Millis) -> Iterator[Written]:
        """Yield the messages behind those of `written` recipients, at most so many."""
        for number in range(written, min(written + most, len(self._recipients.addresses))):
            yield self._made(number).written(route, now)

    def failed(self, written: int, fault: str) -> Made:
        """Return the message behind those of `written` recipients as one that cannot be made."""
        return self._made(written).failed(self._mail.template, fault)

    def made(self, message_id: str) -> Made:
        """Return the message of that id."""
        return self._made(int(message_id[-6:]))

    def _made(self, number: int) -> Made:
        address, written = self._recipients.addresses[number], self._recipients.written[number]
        own = replace(
            self._mail, recipients=[address], headers=headers_naming_only(self._mail.headers, written), only_to=written
        )
        message_id = part_message_id(self._first.message_id, number)
        message = self._first._replace(message_id=message_id, mail=_write(own).decode())
        return Made(message, [address], self._mail.pool, failure=self._recipients.failure)
