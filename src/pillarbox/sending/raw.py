"""Read a message that the caller made: who sends it to whom, and whether it is one.

Pure, and linear in the length of what it reads; not a byte is changed. Called
by envelope for raw and SMTP sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.kit.addresses import Mailbox, parse_mailbox, parse_mailbox_list
from pillarbox.kit.headers import LONGEST_LINE, Head, decode_text, name_of, split, value_of
from pillarbox.kit.mime import file_name, has_long_line, walk
from pillarbox.sending.content import check_file_name, check_occurrences
from pillarbox.sending.policy import InvalidMessage

_SHOWN = 50
# By this header, which is stripped, a caller says that a message is the same one when it comes again.
KEY_HEADERS = ("pillarbox-idempotency-key", "x-pillarbox-idempotency-key")


@dataclass(slots=True, frozen=True)
class RawFacts:
    """What a message says of itself.

    `headers` are unfolded, in their order. `return_path` is None also for the
    null path `<>`. `control` are the X-SES-* headers by lower-case name, the
    first of each. `subject` is decoded. `idempotency_key` is None where no
    header gives one.
    """

    headers: list[tuple[str, str]]
    from_mailboxes: tuple[Mailbox, ...]
    sender: Mailbox | None
    return_path: str | None
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]
    subject: str
    control: dict[str, str]
    idempotency_key: str | None
    part_count: int
    attachment_names: tuple[str, ...]


def read_raw(raw: bytes) -> RawFacts:
    """Read the message, or raise InvalidMessage or InvalidAddress with the reason not to take it.

    A message without any header is taken, as SES does; whether a From is
    needed depends on the call.
    """
    head = split(raw)
    _check_head(raw, head)
    if has_long_line(raw):
        # https://docs.aws.amazon.com/ses/latest/dg/quotas.html
        raise InvalidMessage("Message contains a line of more than 1000 characters.")
    headers = [(name_of(raw, field), value_of(raw, field)) for field in head.fields]
    check_occurrences(name for name, _ in headers)
    values: dict[str, list[str]] = {}
    for field, (_, value) in zip(head.fields, headers, strict=True):
        values.setdefault(field.name, []).append(value)
    _check_content_type(values.get("content-type"))
    part_count, names = _parts(raw, head)
    return_path = values.get("return-path", [""])[0]
    sender = values.get("sender", [""])[0]
    return RawFacts(
        headers=headers,
        from_mailboxes=_mailboxes(values.get("from", ())),
        sender=parse_mailbox(sender) if sender else None,
        return_path=None if return_path in ("", "<>") else parse_mailbox(return_path).address,
        to=_mailboxes(values.get("to", ())),
        cc=_mailboxes(values.get("cc", ())),
        bcc=_mailboxes(values.get("bcc", ())),
        subject=decode_text(values.get("subject", [""])[0]),
        control={name: found[0] for name, found in values.items() if name.startswith("x-ses-")},
        idempotency_key=next((values[name][0] for name in KEY_HEADERS if name in values), None),
        part_count=part_count,
        attachment_names=names,
    )


def _check_head(raw: bytes, head: Head) -> None:
    """Refuse a header section that another reader might end at another place."""
    section = raw[: head.body]
    if b"\x00" in section or section.count(b"\r") != section.count(b"\r\n"):
        raise InvalidMessage("Illegal header: it contains a control character.")
    if head.separated or head.body == len(raw):
        return
    line = raw[head.body : head.body + LONGEST_LINE].partition(b"\n")[0].strip()
    if head.fields or b":" in line:
        name = line.partition(b":")[0][:_SHOWN].decode("utf-8", "replace")
        raise InvalidMessage(f"Illegal header '{name}'.")


def _check_content_type(values: Sequence[str] | None) -> None:
    if not values:
        return
    kind, semicolon, _ = values[0].partition(";")
    main, slash, subtype = kind.strip().partition("/")
    if not slash or not main or not subtype:
        raise InvalidMessage(f"Expected '/', got {semicolon or 'null'}")


def _mailboxes(values: Sequence[str]) -> tuple[Mailbox, ...]:
    return tuple(mailbox for value in values for mailbox in parse_mailbox_list(value))


def _parts(raw: bytes, head: Head) -> tuple[int, tuple[str, ...]]:
    count = 0
    names = []
    for part in walk(raw, head):
        count += 1
        if name := file_name(raw, part):
            check_file_name(name)
            names.append(name)
    return count, tuple(names)
