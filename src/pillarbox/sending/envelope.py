"""Read a draft: make or read its message, and tell who sends it to whom.

Pure. Called by accept. What comes out is everything that the checks, the
promise and the events need; nothing later parses the message again.
"""

from dataclasses import dataclass, replace

from pillarbox.events.types import RenderingFailure
from pillarbox.kit.addresses import Mailbox, parse_mailbox, parse_mailbox_list
from pillarbox.kit.headers import event_headers
from pillarbox.resources.identity_names import covering_names
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Draft, Raw, Simple, Templated, Text
from pillarbox.sending.policy import InvalidMessage, Prepared
from pillarbox.sending.raw import RawFacts, read_raw
from pillarbox.sending.render import Rendered, TemplateParts, render
from pillarbox.sending.render import RenderingFailure as NotRendered


@dataclass(slots=True, frozen=True)
class Envelope:
    """A message with its envelope.

    `sender` is the From as written, `return_path` where feedback mail goes,
    `from_domain` empty when a raw message has no From.
    """

    prepared: Prepared
    sender: str
    sender_address: str
    from_domain: str
    return_path: str
    subject: str
    headers: tuple[tuple[str, str], ...]
    headers_truncated: bool
    templated: bool = False
    failure: RenderingFailure | None = None

    def identity_among(self, verified: frozenset[str]) -> str | None:
        """Return the most specific verified identity that the sender speaks for."""
        return next((name for name in covering_names(self.sender_address) if name in verified), None)

    def in_configuration_set(self, name: str) -> "Envelope":
        """Return this envelope with the default configuration set of its identity."""
        return replace(self, prepared=replace(self.prepared, configuration_set=name))


def read_envelope(draft: Draft) -> Envelope:
    """Return the draft's message and envelope, or raise what is wrong with them."""
    if isinstance(draft.content, Raw):
        return _read_raw(draft, draft.content)
    if isinstance(draft.content, Templated):
        return _fill_in(draft, draft.content)
    return _read_simple(draft, draft.content)


def _read_simple(draft: Draft, content: Simple) -> Envelope:
    if not draft.sender:
        raise InvalidMessage("Missing required header 'From'.")
    sender = parse_mailbox(draft.sender)
    composed = compose(content, sender=draft.sender, to=draft.to, cc=draft.cc, reply_to=draft.reply_to)
    must = {draft.sender: covering_names(sender.address)}
    if draft.return_path:
        must[draft.return_path] = covering_names(parse_mailbox(draft.return_path).address)
    for name, value in content.headers:
        if name.lower() == "sender":
            must[value] = covering_names(parse_mailbox(value).address)
    recipients = [parse_mailbox(text).address for text in (*draft.to, *draft.cc, *draft.bcc)]
    headers, truncated = event_headers(composed.headers)
    return Envelope(
        prepared=_prepared(draft, composed.raw, recipients, must, draft.configuration_set, draft.tags or ()),
        sender=draft.sender,
        sender_address=sender.address,
        from_domain=sender.domain,
        return_path=draft.return_path or sender.address,
        subject=content.subject.data,
        headers=tuple(headers),
        headers_truncated=truncated,
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
        return replace(_read_simple(draft, shown), templated=True, failure=failure)
    return replace(_read_simple(draft, simple_of(content, rendered)), templated=True)


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
    headers, truncated = event_headers(facts.headers)
    return_path = draft.return_path or draft.sender or facts.return_path or spoken_for.address
    return Envelope(
        prepared=_prepared(
            draft,
            content.data,
            _raw_recipients(draft, content, facts),
            _raw_names(draft, facts),
            draft.configuration_set or facts.control.get("x-ses-configuration-set"),
            draft.tags if draft.tags is not None else header_tags(facts.control.get("x-ses-message-tags", "")),
        ),
        sender=str(author) if author and not draft.sender else draft.sender or spoken_for.address,
        sender_address=(author or spoken_for).address,
        from_domain=author.domain if author else "",
        return_path="" if draft.is_report else parse_mailbox(return_path).address,
        subject=facts.subject,
        headers=tuple(headers),
        headers_truncated=truncated,
    )


def _raw_recipients(draft: Draft, content: Raw, facts: RawFacts) -> list[str]:
    if content.destinations is not None:
        return [parse_mailbox(text).address for text in content.destinations]
    if given := (*draft.to, *draft.cc, *draft.bcc):
        return [parse_mailbox(text).address for text in given]
    return [mailbox.address for mailbox in (*facts.to, *facts.cc, *facts.bcc)]


def _raw_names(draft: Draft, facts: RawFacts) -> dict[str, tuple[str, ...]]:
    """From, Source, Sender and Return-Path must be verified.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
    """
    spoken: list[Mailbox] = list(facts.from_mailboxes)
    for given in (draft.sender, draft.return_path, facts.return_path):
        if given:
            spoken += parse_mailbox_list(given)
    if facts.sender:
        spoken.append(facts.sender)
    return {str(mailbox): covering_names(mailbox.address) for mailbox in spoken}


def _prepared(
    draft: Draft,
    raw: bytes,
    recipients: list[str],
    must: dict[str, tuple[str, ...]],
    configuration_set: str | None,
    tags: tuple[tuple[str, str], ...],
) -> Prepared:
    return Prepared(
        scope=draft.scope,
        raw=raw,
        size_limit=draft.size_limit,
        recipients=tuple(dict.fromkeys(recipients)),
        must_be_verified=must,
        configuration_set=configuration_set or None,
        tags=tags,
    )


def header_tags(value: str) -> tuple[tuple[str, str], ...]:
    """Read `X-SES-MESSAGE-TAGS: a=1, c=d`."""
    pairs = (part.strip().partition("=") for part in value.split(",") if part.strip())
    return tuple((name.strip(), content.strip()) for name, _, content in pairs)
