"""Whatever bytes are called a message, they are read or refused, and they leave with their body unchanged."""

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transform.headers import TransformFacts
from pillarbox.delivery.transform.pipeline import transform
from pillarbox.kit.addresses import InvalidAddress, parse_mailbox, parse_mailbox_list
from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import decode_text, list_headers, read_parameters, split
from pillarbox.kit.mime import MOST_PARTS, TooManyParts, decoded, file_name, walk
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Attachment, Simple, Text
from pillarbox.sending.raw import read_raw
from tests.support.examples import examples

FACTS = TransformFacts("id-1", "eu-west-1", "mail.example.org", "mta.mail.example.org", 1_476_421_336_645, {}, ())

PIECES = [
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/alternative; boundary=\"b\"\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Type: text/plain; charset*=utf-7''x; name*0*=utf-16''%FF; name*1=\"\\\n",

    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Disposition: attachment; filename=\"=?utf-8?b?w6k=?= =?x?q?=?=\"\n", b"From: a <a@b.example>\r\n",
    b"To: g:;, \"x\\", b"Subject: =?utf-16?b?w6k=?=\r\n", b"--b\r\n", b"--b", b"--b--\n", b"--b--",
    b"\r\n", b"\n", b"\r",    b"\r\n\r\n", b" ", b"\t", b":", b"=\n", b"=3D", b"YQ==", b"\x00", b"\xff", b"x" * 1000,
    b"X-SES-A: b\n", b"Bcc: c@d.e\n",
]  # fmt: skip
MESSAGES = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=30).map(b"".join)
ADDRESS_TEXTS = st.lists(
    st.sampled_from(
        ['"', "\\", "(", ")", "<", ">", "@", ",", ":", ";", ".", " ", "a", "é", "\r", "\n", "[", "]", "x.example"]
    ),
    max_size=20,
).map("".join)
ANY = st.text(max_size=30)

some = settings(max_examples=examples(100), deadline=None)


@some
@given(MESSAGES)
def test_any_bytes_are_walked(raw: bytes) -> None:
    try:
        parts = list(walk(raw))
    except TooManyParts:
        return
    assert 1 <= len(parts) <= MOST_PARTS
    for part in parts:
        assert 0 <= part.start <= part.end <= len(raw)
        assert isinstance(decoded(raw, part), bytes)
        name = file_name(raw, part)
        assert name is None or isinstance(name, str)


@some
@given(MESSAGES)
def test_any_bytes_are_read_or_refused_with_a_reason(raw: bytes) -> None:
    try:
        facts = read_raw(raw)
    except Invalid as reason:
        assert str(reason)
    else:
        assert facts.headers == list_headers(raw)


@some
@given(MESSAGES)
def test_any_bytes_leave_with_their_body_unchanged_but_for_the_ends_of_lines(raw: bytes) -> None:
    left = transform(raw, FACTS).data
    given = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    if given and not given.endswith(b"\r\n"):
        given += b"\r\n"
    assert left[split(left).body :] == given[split(given).body :]
    assert not {"bcc", "x-ses-a"} & {field.name for field in split(left).fields}
    EicarScanner().reason_to_reject(raw)


@some
@given(ADDRESS_TEXTS)
def test_any_text_is_an_address_or_not(text: str) -> None:
    for parse in (parse_mailbox, parse_mailbox_list):
        try:
            found = parse(text)
        except InvalidAddress as reason:
            assert str(reason)
            continue
        for mailbox in found if isinstance(found, list) else [found]:
            assert str(mailbox).isascii()
            assert not {"\r", "\n"} & set(str(mailbox))
            assert parse_mailbox(str(mailbox)) == mailbox


@some
@given(ANY)
def test_any_value_is_decoded(value: str) -> None:
    for text in (value, f"=?{value}?q?{value}?=", f"=?utf-7?b?{value}?="):
        assert isinstance(decode_text(text), str)
    assert isinstance(read_parameters(f"{value};a={value};a*0*={value};b*={value}''%41"), tuple)


@some
@given(ANY, ANY, ANY, ANY, ANY, st.sampled_from([None, "UTF-8", "UTF-16", "iso-2022-kr", "hz", "x"]) | ANY)
def test_any_parts_are_composed_into_exactly_the_headers_told_or_refused(
    subject: str, text: str, name: str, value: str, address: str, charset: str | None
) -> None:
    simple = Simple(
        Text(subject, charset),
        Text(text, charset),
        Text(value, charset),
        headers=((name, value),),
        attachments=(Attachment(value, b"x", content_id=name, disposition="INLINE", description=subject),),
    )
    for draft in (simple, Simple(Text(subject, charset), Text(text, charset))):
        try:
            composed = compose(draft, sender=address, to=("a@b.example", address))
        except Invalid:
            try:
                composed = compose(draft, sender="a@b.example")
            except Invalid:
                continue
        names = [name.lower() for name, _ in composed.headers]
        assert list_headers(composed.raw) == composed.headers
        assert "bcc" not in names
        assert len(names) == len(set(names)) or len(draft.headers) > 0
        read_raw(composed.raw)


@pytest.mark.parametrize(
    "hostile",
    [
        b"A: b\r\n" * 20_000,
        b"A: b\r\n" + b" c\r\n" * 50_000,
        b"Content-Type: a/b" + b'; a="\\"' * 20_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"\n--bx" * 50_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b" * 100_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 5_000,
        b"To: " + b"(" * 100_000,
        b"Subject: " + b"=?utf-8?q?" * 20_000,
        b"\n" * 300_000,
        b"\r" * 300_000,
    ],
    ids=range(10),
)
def test_hostile_messages_are_read_in_linear_time(hostile: bytes) -> None:
    # In quadratic time each of these would take minutes.
    with contextlib.suppress(TooManyParts):
        list(walk(hostile))
    with contextlib.suppress(Invalid):
        read_raw(hostile)
    transform(hostile, FACTS)
    EicarScanner().reason_to_reject(hostile)
