"""Read a draft: make or read its message, and tell who sends it to whom.

Pure. Called by accept. What comes out is everything that the checks, the
promise and the events need; nothing later parses the message again.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from pillarbox.events.types import RenderingFailure
from pillarbox.kit.addresses import parse_mailbox, parse_mailbox_list
from pillarbox.kit.headers import event_headers
from pillarbox.resources.identity_names import covering_names
from pillarbox.resources.sending_authorization import OnBehalf, from_headers
from pillarbox.sending.authorization import AUTHOR, RETURN_PATH, SOURCE, Spoken, asking
from pillarbox.sending.compose import Composed, compose
from pillarbox.sending.draft import Draft, Raw, Simple, Templated, Text, in_ascii
from pillarbox.sending.list_management import HEADER as LIST_HEADER
from pillarbox.sending.list_management import ListManagement, from_header
from pillarbox.sending.policy import InvalidMessage, Prepared
from pillarbox.sending.raw import KEY_HEADERS, RawFacts, read_raw
from pillarbox.sending.render import Rendered, TemplateParts, render
from pillarbox.sending.render import RenderingFailure as NotRendered

# By this tag, or by a header, a caller says that a message is the same one when it comes again.
KEY_TAG = "pillarbox-idempotency-key"
LONGEST_KEY = 255

Pairs = tuple[tuple[str, str], ...]


class Envelope(msgspec.Struct, frozen=True):
    """A message with its envelope.

    `sender` is the From as written, `return_path` where feedback mail goes,
    `from_domain` empty when a raw message has no From. `written` are the
    recipients with their names, in the order of the bare addresses. `key` is
    the caller's own for this message: sent again with it, it is the same one.
    `only_to` is whom its headers are to name, when that is not what they say.
    Of a message that is still to be made there are no bytes yet, no subject and
    no headers.
    """

    prepared: Prepared
    sender: str
    sender_address: str
    from_domain: str
    return_path: str
    subject: str
    headers: tuple[tuple[str, str], ...]
    headers_truncated: bool
    written: tuple[str, ...]
    key: str | None
    only_to: str = ""
    templated: bool = False
    template: str = ""
    failure: RenderingFailure | None = None

    def identity_among(self, verified: frozenset[str]) -> str | None:
        """Return the most specific verified identity that the sender speaks for."""
        return next((name for name in covering_names(self.sender_address) if name in verified), None)

    @property
    def on_behalf_of(self) -> str:
        """Return the ARN of another account's identity that it is sent by, or nothing."""
        claims = self.prepared.asking.claims
        return next((one.arn for one in claims if one.owner != self.prepared.scope), "")

    def in_configuration_set(self, name: str) -> "Envelope":
        """Return this envelope with the default configuration set of its identity."""
        return replace(self, prepared=replace(self.prepared, configuration_set=name))


class _MadeOf(NamedTuple):
    """The template that a message was made of or is to be, and why that failed."""

    templated: bool = False
    template: str = ""
    failure: RenderingFailure | None = None


_GIVEN = _MadeOf()
_UNMADE = Composed(b"", [])


def read_envelope(draft: Draft) -> Envelope:
    """Return the draft's message and envelope, or raise what is wrong with them."""
    draft = in_ascii(draft)
    if isinstance(draft.content, Raw):
        return _read_raw(draft, draft.content)
    if isinstance(draft.content, Templated):
        return _fill_in(draft, draft.content)
    return _read_simple(draft, draft.content)


def envelope_of_unmade(draft: Draft) -> Envelope:
    """Return the envelope of a message that is made later and has no Sender of its own, or raise what is wrong."""
    draft, content = in_ascii(draft), draft.content
    for text in draft.reply_to:
        parse_mailbox(text)
    made_of = _MadeOf(True, content.name) if isinstance(content, Templated) else _GIVEN
    return _addressed(draft, _UNMADE, "", (), made_of)


def addressed_as(draft: Draft, shared: Envelope) -> Envelope:
    """Return the envelope of one message of a call, or raise what is wrong with its addresses.

    `shared` is that of all, which differ in recipients, tags and keys.
    """
    draft = in_ascii(draft)
    written = _as_written((*draft.to, *draft.cc, *draft.bcc))
    recipients = tuple(written)
    tags, key = _without_key(draft.tags or ())
    asking = replace(shared.prepared.asking, recipients=recipients)
    prepared = replace(shared.prepared, recipients=recipients, asking=asking, tags=tags)
    return replace(shared, prepared=prepared, written=tuple(written.values()), key=key)


def _read_simple(draft: Draft, content: Simple, made_of: _MadeOf = _GIVEN) -> Envelope:
    if not draft.sender:
        raise InvalidMessage("Missing required header 'From'.")
    composed = compose(content, sender=draft.sender, to=draft.to, cc=draft.cc, reply_to=draft.reply_to)
    return _addressed(draft, composed, content.subject.data, content.headers, made_of)


def _addressed(draft: Draft, composed: Composed, subject: str, own_headers: Pairs, made_of: _MadeOf) -> Envelope:
    assert draft.sender is not None, "a message without a sender is not composed"
    sender = parse_mailbox(draft.sender)
    spoken = [Spoken(SOURCE, draft.sender, sender)]
    if draft.return_path:
        spoken.append(Spoken(RETURN_PATH, draft.return_path, parse_mailbox(draft.return_path)))
    for name, value in own_headers:
        if name.lower() == "sender":
            spoken.append(Spoken(SOURCE, value, parse_mailbox(value)))
    recipients = _as_written((*draft.to, *draft.cc, *draft.bcc))
    headers, truncated = event_headers(composed.headers)
    tags, key = _without_key(draft.tags or ())
    return Envelope(
        prepared=_prepared(draft, draft.on_behalf, composed.raw, recipients, spoken, draft.configuration_set, tags),
        sender=draft.sender,
        sender_address=sender.address,
        from_domain=sender.domain,
        return_path=draft.return_path or sender.address,
        subject=subject,
        headers=tuple(headers),
        headers_truncated=truncated,
        written=tuple(recipients.values()),
        key=key,
        templated=made_of.templated,
        template=made_of.template,
        failure=made_of.failure,
    )


def _fill_in(draft: Draft, content: Templated) -> Envelope:
    """Render a template. One that its data does not fill is no reason to refuse the call: it is told as an event.

    https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html
    """
    parts = TemplateParts(content.name, content.subject, content.text, content.html)
    try:
        rendered = render(parts, content.data)
    except NotRendered as error:
        failure = RenderingFailure(content.name, error.message)
        # Kept for people to look at, as it was written: a line break in the subject would be no header.
        subject = " ".join(content.subject.split())
        shown = simple_of(content, Rendered(subject, content.text, content.html))
        return _read_simple(draft, shown, _MadeOf(True, content.name, failure))
    return _read_simple(draft, simple_of(content, rendered), _MadeOf(True, content.name))


def simple_of(content: Templated, rendered: Rendered) -> Simple:
    """Return the parts of the message that a rendered template stands for."""
    return Simple(
        subject=Text(rendered.subject, "UTF-8"),
        text=None if rendered.text is None else Text(rendered.text, "UTF-8"),
        html=None if rendered.html is None else Text(rendered.html, "UTF-8"),
        headers=content.headers,
        attachments=content.attachments,
    )


def _read_raw(draft: Draft, content: Raw) -> Envelope:
    facts = read_raw(content.data)
    author = facts.from_mailboxes[0] if facts.from_mailboxes else None
    source = parse_mailbox(draft.sender) if draft.sender else None
    if author is None and source is None:
        raise InvalidMessage("Missing required header 'From'.")
    spoken_for = source or author
    assert spoken_for is not None
    headers, truncated = event_headers([header for header in facts.headers if header[0].lower() not in KEY_HEADERS])
    recipients = _raw_recipients(draft, content, facts)
    if not recipients and content.destinations is None and all(name.lower() != "to" for name, _ in facts.headers):
        raise InvalidMessage("Missing required header 'To'.")
    given_tags = draft.tags
    if given_tags is None:
        given_tags = header_tags(facts.control.get("x-ses-message-tags", ""))
    tags, key = _without_key(given_tags, facts.idempotency_key)
    return_path = draft.return_path or draft.sender or facts.return_path or spoken_for.address
    return Envelope(
        prepared=_prepared(
            draft,
            draft.on_behalf.or_else(from_headers(facts.control)),
            content.data,
            recipients,
            _raw_names(draft, facts),
            draft.configuration_set or facts.control.get("x-ses-configuration-set"),
            tags,
            from_header(facts.control.get(LIST_HEADER, "")),
            facts.control.get("x-ses-tenant"),
        ),
        sender=str(author) if author and not draft.sender else draft.sender or spoken_for.address,
        sender_address=(author or spoken_for).address,
        from_domain=author.domain if author else "",
        return_path="" if draft.is_report else parse_mailbox(return_path).address,
        subject=facts.subject,
        headers=tuple(headers),
        headers_truncated=truncated,
        written=tuple(recipients.values()),
        key=key,
    )


def _as_written(texts: Sequence[str]) -> dict[str, str]:
    """Return the mailboxes by address, each once, as they were first written."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(parse_mailbox(text).address, text.strip())
    return found


def _raw_recipients(draft: Draft, content: Raw, facts: RawFacts) -> dict[str, str]:
    """Return who receives the message; a name that the call does not give is taken from the headers."""
    in_headers: dict[str, str] = {}
    for mailbox in (*facts.to, *facts.cc, *facts.bcc):
        in_headers.setdefault(mailbox.address, str(mailbox))
    if content.destinations is None:
        given = _as_written((*draft.to, *draft.cc, *draft.bcc))
    else:
        given = _as_written(content.destinations)
    if not given:
        return {} if content.destinations is not None else in_headers
    return {
        address: in_headers.get(address, written) if written == address else written
        for address, written in given.items()
    }


def _raw_names(draft: Draft, facts: RawFacts) -> list[Spoken]:
    """From, Source, Sender and Return-Path must be verified.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
    """
    spoken = [Spoken(AUTHOR, str(mailbox), mailbox) for mailbox in facts.from_mailboxes]
    if facts.sender:
        spoken.append(Spoken(SOURCE, str(facts.sender), facts.sender))
    for role, given in ((SOURCE, draft.sender), (RETURN_PATH, draft.return_path), (RETURN_PATH, facts.return_path)):
        if given:
            spoken += [Spoken(role, str(mailbox), mailbox) for mailbox in parse_mailbox_list(given)]
    return spoken


def _prepared(
    draft: Draft,
    on_behalf: OnBehalf,
    raw: bytes,
    recipients: Iterable[str],
    spoken: list[Spoken],
    configuration_set: str | None,
    tags: tuple[tuple[str, str], ...],
    in_header: ListManagement | None = None,
    tenant_in_header: str | None = None,
) -> Prepared:
    addresses, tenant = tuple(recipients), draft.tenant or tenant_in_header or ""
    return Prepared(
        scope=draft.scope,
        raw=raw,
        size_limit=draft.size_limit,
        recipients=addresses,
        must_be_verified={one.written: covering_names(one.mailbox.address) for one in spoken},
        asking=asking(draft, on_behalf, spoken, addresses, tenant),
        configuration_set=configuration_set or None,
        tags=tags,
        list_management=draft.list_management or in_header,
        tenant=tenant,
    )


def _without_key(tags: Pairs, in_header: str | None = None) -> tuple[Pairs, str | None]:
    """Take the caller's key out of the tags: it is for us, and no event tells it."""
    key = next((value for name, value in tags if name == KEY_TAG), in_header)
    if key is None:
        return tags, None
    if not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidMessage(f"An idempotency key has 1 to {LONGEST_KEY} characters.")
    return tuple(tag for tag in tags if tag[0] != KEY_TAG), key


def header_tags(value: str) -> tuple[tuple[str, str], ...]:
    """Read `X-SES-MESSAGE-TAGS: a=1, c=d`."""
    pairs = (part.strip().partition("=") for part in value.split(",") if part.strip())
    return tuple((name.strip(), content.strip()) for name, _, content in pairs)
