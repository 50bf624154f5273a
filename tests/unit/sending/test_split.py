"""What the parts of a split send have in common, and what each has for itself."""

from dataclasses import replace

import msgspec

from pillarbox.delivery.route import RouteTable
from pillarbox.events.types import MailFacts
from pillarbox.sending import split
from pillarbox.sending.draft import Draft, Raw
from pillarbox.sending.envelope import read_envelope
from pillarbox.store.messages import MessageRow
from tests.support.promises import draft, split_promise

NOON = 1_790_000_000_000
RAW = (
    b"From: sender@example.com\r\nTo: Ann <ann@example.net>\r\nSubject: x\r\n"
    b"X-Pillarbox-Idempotency-Key: k\r\n\r\ny\r\n"
)


def raw(*destinations: str) -> Draft:
    return replace(draft(), content=Raw(RAW, destinations or None), to=())


def mail_of(message: MessageRow) -> MailFacts:
    return msgspec.json.decode(message.mail, type=MailFacts)


def test_a_part_is_the_first_one_to_another_recipient() -> None:
    promised = split_promise(3, NOON)
    assert isinstance(promised.everybody, bytes)
    making = split.Making(promised.message, promised.everybody)
    second, third = (one.message for one in making.following(1, 2, RouteTable(), NOON))

    assert second.message_id[:-6] == third.message_id[:-6] == promised.message.message_id[:-6]
    assert (second.message_id[-6:], third.message_id[-6:]) == ("000001", "000002")
    assert second.send_id == promised.message.send_id != promised.message.message_id
    mail = mail_of(third)
    assert (mail.recipients, mail.only_to) == (["p2@example.net"], "p2@example.net")
    assert [value for name, value in mail.headers if name == "To"] == ["p2@example.net"]
    assert mail.sender == mail_of(promised.message).sender


def test_names_come_from_the_call_or_else_from_the_headers() -> None:
    assert read_envelope(raw("ann@example.net", "Bo <bo@example.net>")).written == (
        "Ann <ann@example.net>",
        "Bo <bo@example.net>",
    )
    assert read_envelope(raw("Annie <ann@example.net>")).written == ("Annie <ann@example.net>",)
    assert read_envelope(raw()).written == ("Ann <ann@example.net>",)


def test_a_message_that_the_caller_made_is_kept_as_it_is() -> None:
    asked = raw("ann@example.net", "bo@example.net")
    made = split.for_one_each(asked, read_envelope(asked))
    assert made.prepared.raw == RAW
    assert made.prepared.recipients == ("ann@example.net",)
    assert "X-Pillarbox-Idempotency-Key" not in dict(made.headers)


def test_a_list_of_thousands_leaves_the_other_headers_in_the_events() -> None:
    asked = draft(*(f"p{number}@example.net" for number in range(5_000)))
    envelope = read_envelope(asked)
    assert envelope.headers_truncated
    made = split.for_one_each(asked, envelope)
    assert not made.headers_truncated
    assert dict(made.headers)["Subject"] == "A subject"
    assert len(made.prepared.raw) < 1_000


def test_who_has_a_message_alone_is_named_alone_too() -> None:
    promised = split_promise(1, NOON)
    assert promised.everybody == b""
    assert promised.message.send_id == promised.message.message_id
    assert mail_of(promised.message).only_to == "p0@example.net"
