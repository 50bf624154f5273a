"""What a door asks for, before anything is promised.

Pure values. Made by api/ (and the other doors), read by policy, compose and
accept. Text is kept as the caller gave it; nothing here has been checked
beyond what the operation's model says.
"""

from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from pillarbox.kit import addresses
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Policy
from pillarbox.resources.sending_authorization import IN_OWN_NAME, OnBehalf
from pillarbox.sending.list_management import ListManagement

V1_SIZE_LIMIT = 10 * 1024 * 1024
V2_SIZE_LIMIT = 40 * 1024 * 1024
# To read an address and write it down costs as much as to go through so many bytes.
_WEIGHT_OF_ADDRESS = 512


@dataclass(slots=True, frozen=True)
class Text:
    """Characters and the charset to send them in; None means 7-bit ASCII, as in SES."""

    data: str
    charset: str | None = None


@dataclass(slots=True, frozen=True)
class Attachment:
    """One file. `transfer_encoding` is BASE64, QUOTED_PRINTABLE, SEVEN_BIT or None (we choose)."""

    file_name: str
    content: bytes
    content_type: str | None = None
    disposition: str = "ATTACHMENT"
    content_id: str | None = None
    description: str | None = None
    transfer_encoding: str | None = None


@dataclass(slots=True, frozen=True)
class Simple:
    """Parts that we make the MIME of."""

    subject: Text
    text: Text | None = None
    html: Text | None = None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(slots=True, frozen=True)
class Raw:
    """A message that the caller made. `destinations` None means: take them from the headers."""

    data: bytes
    destinations: tuple[str, ...] | None = None


@dataclass(slots=True, frozen=True)
class Templated:
    """A template and the data to fill it with.

    `name` is empty for a template that came with the call; `data` is JSON text as given.
    """

    name: str
    subject: str
    text: str | None
    html: str | None
    data: str
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


class Invocation(NamedTuple):
    """What an SDK says of a call: `key` stays the same when it makes the call again for want of an answer.

    `is_again` says that this is not the first time; `ends_here` that there will be no other.
    """

    key: str
    is_again: bool
    ends_here: bool


class Tracked(NamedTuple):
    """Whether opens and clicks of one message are tracked; None leaves it to its configuration set."""

    opens: bool | None = None
    clicks: bool | None = None


AS_ITS_SET_SAYS = Tracked()


@dataclass(slots=True, frozen=True)
class Draft:
    """One message that somebody asks us to send.

    `sender` is the From (v1 Source, v2 FromEmailAddress) as given, with or
    without a display name; None for raw mail whose headers decide. `tags` None
    means that none were given, so that an X-SES-MESSAGE-TAGS header counts. `send_id`
    is what the messages of one call have in common; None for one that is alone. A report
    tells of another message: it leaves with the null return path. `grants` is the scope of
    the caller's key, None for one that may do everything; `on_behalf` names the identities
    on whose authority it is sent. `place` tells the messages of a call apart, so that each
    is known when the `invocation` comes again; `asked` is what the caller asked to have sent
    where the content is made anew for each try, None where it is the content. `tracked`
    takes the place of what the configuration set says about opens and clicks.
    """

    scope: Scope
    operation: str
    caller_identity: str
    source_ip: str
    content: Simple | Raw | Templated
    size_limit: int
    sender: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    return_path: str | None = None
    is_report: bool = False
    configuration_set: str | None = None
    tags: tuple[tuple[str, str], ...] | None = None
    send_id: str | None = None
    grants: Policy | None = None
    on_behalf: OnBehalf = IN_OWN_NAME
    invocation: Invocation | None = None
    place: int = 0
    list_management: ListManagement | None = None
    tenant: str | None = None
    asked: Simple | Raw | Templated | None = None
    tracked: Tracked = AS_ITS_SET_SAYS


def in_ascii(draft: Draft) -> Draft:
    """Return the draft with its addresses as mail carries them, or raise InvalidAddress; most are so already."""
    content = draft.content
    destinations = content.destinations or () if isinstance(content, Raw) else ()
    lists = (draft.to, draft.cc, draft.bcc, draft.reply_to, destinations)
    if all(map(str.isascii, (draft.sender or "", draft.return_path or "", *chain.from_iterable(lists)))):
        return draft
    to, cc, bcc, reply_to, destinations = (tuple(map(addresses.in_ascii, texts)) for texts in lists)
    return replace(
        draft,
        content=replace(content, destinations=destinations or None) if isinstance(content, Raw) else content,
        sender=draft.sender and addresses.in_ascii(draft.sender),
        return_path=draft.return_path and addresses.in_ascii(draft.return_path),
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=reply_to,
    )


def weight(draft: Draft) -> int:
    """Return about how many bytes are gone through to make or read the message."""
    return _weight_of(draft.content) + _WEIGHT_OF_ADDRESS * (len(draft.to) + len(draft.cc) + len(draft.bcc))


def weight_unmade(draft: Draft) -> int:
    """Return the same for a message that is made of its template later: its data and addresses are read."""
    data = draft.content.data if isinstance(draft.content, Templated) else ""
    return len(data) + _WEIGHT_OF_ADDRESS * (len(draft.to) + len(draft.cc) + len(draft.bcc))


def _weight_of(content: Simple | Raw | Templated) -> int:
    if isinstance(content, Raw):
        return len(content.data) + _WEIGHT_OF_ADDRESS * len(content.destinations or ())
    attached = sum(len(part.content) for part in content.attachments)
    if isinstance(content, Templated):
        # What a template makes of its data may be far longer than both.
        return attached + 8 * (len(content.text or "") + len(content.html or "") + len(content.data))
    return attached + sum(len(text.data) for text in (content.text, content.html) if text)
