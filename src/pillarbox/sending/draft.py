"""What a door asks for, before anything is promised.

Pure values. Made by api/ (and the other doors), read by policy, compose and
accept. Text is kept as the caller gave it; nothing here has been checked
beyond what the operation's model says.
"""

from dataclasses import dataclass

from pillarbox.kit.ids import Scope

V1_SIZE_LIMIT = 10 * 1024 * 1024
V2_SIZE_LIMIT = 40 * 1024 * 1024


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


@dataclass(slots=True, frozen=True)
class Draft:
    """One message that somebody asks us to send.

    `sender` is the From (v1 Source, v2 FromEmailAddress) as given, with or
    without a display name; None for raw mail whose headers decide. `tags` None
    means that none were given, so that an X-SES-MESSAGE-TAGS header counts. `send_id`
    is what the messages of one call have in common; None for one that is alone. A report
    tells of another message: it leaves with the null return path.
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


def weight(draft: Draft) -> int:
    """Return about how many bytes are gone through to make or read the message."""
    content = draft.content
    if isinstance(content, Raw):
        return len(content.data)
    attached = sum(len(part.content) for part in content.attachments)
    if isinstance(content, Templated):
        # What a template makes of its data may be far longer than both.
        return attached + 8 * (len(content.text or "") + len(content.html or "") + len(content.data))
    return attached + sum(len(text.data) for text in (content.text, content.html) if text)
