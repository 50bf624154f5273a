"""Whatever is accepted means to another reader of mail what it meant to us; the standard library is that reader."""

from email import message_from_bytes
from email.header import Header, decode_header, make_header
from email.policy import compat32, default
from email.utils import formataddr, getaddresses

import idna
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pillarbox.kit.addresses import InvalidAddress, in_ascii, parse_mailbox, parse_mailbox_list
from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Raw, Simple, Text
from pillarbox.sending.envelope import read_envelope
from pillarbox.sending.raw import read_raw

LABELS = st.sampled_from(["example", "a", "xn--bcher-kva", "mail-1", "bücher", "点看", "straße", "ÄPFEL"])
DOMAINS = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))
LOCALS = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,10}(\.[a-z0-9+-]{1,5})?", fullmatch=True)
# Characters that people have in their names, and those by which a name could end before its end.
NAMES = st.text(
    st.one_of(st.characters(categories=("L", "N", "P", "S", "Zs")), st.sampled_from('"\\<>,;:()@ =?')), max_size=40
)
HOSTILE = st.text(st.sampled_from('abz.@<>",;:()\\ \tü=?[]'), max_size=30)


def quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def draft(content: Simple | Raw, **addresses: object) -> Draft:
    return Draft(
        Scope("123456789012", "us-east-1"),
        "SendEmail",
        "root",
        "192.0.2.1",
        content,
        V2_SIZE_LIMIT,
        **addresses,  # type: ignore[arg-type]
    )


def ascii_domain(domain: str) -> str:
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()


@given(NAMES, LOCALS, DOMAINS)
@example("Müller, Jörg (Verkauf)", "jo", "bücher.example")
@example("=?utf-8?q?a?=ü", "jo", "a.example")
@settings(max_examples=50, deadline=None)
def test_a_name_and_a_domain_in_any_script_arrive_as_they_were_given(name: str, local: str, domain: str) -> None:
    name = " ".join(name.split())
    assume(name and not (name.isascii() and "=?" in name))
    text = f"{quoted(name)} <{local}@{domain}>"
    simple = Simple(Text("s"), Text("t"))
    envelope = read_envelope(draft(simple, sender=text, to=(text,), cc=(f"{local}@{domain}",)))
    message = message_from_bytes(envelope.prepared.raw, policy=compat32)
    for header in ("From", "To"):
        ((words, address),) = getaddresses([message[header]])
        assert " ".join(str(make_header(decode_header(words))).split()) == name
        assert address == f"{local}@{ascii_domain(domain)}"
    assert envelope.prepared.recipients == (f"{local}@{ascii_domain(domain)}",)
    assert envelope.prepared.raw.isascii()


@given(HOSTILE)
@example('"a" (b) <a@b.z>, z@z')
@example("a@b.z, ü <a@b>")
@example(":; ")
@example("nobody:;")
@settings(max_examples=150, deadline=None)
def test_a_list_that_is_taken_is_read_alike_by_others(text: str) -> None:
    try:
        ours = parse_mailbox_list(text)
    except InvalidAddress:
        return
    theirs = default.header_factory("To", text).addresses
    assert [(one.local.strip('"'), one.domain) for one in ours] == [(one.username, one.domain) for one in theirs]


@given(HOSTILE)
@settings(max_examples=100, deadline=None)
def test_what_is_made_ascii_is_one_mailbox_or_refused(text: str) -> None:
    try:
        made = in_ascii(text)
        mailbox = parse_mailbox(made)
    except InvalidAddress:
        return
    assert made.isascii()
    assert parse_mailbox(str(mailbox)).address == mailbox.address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("jäne@example.com", "Local address contains control or whitespace"),
        ("Jäne <jäne@example.com>", "Local address contains control or whitespace"),
        ("jane@büch er.example", "Domain contains illegal character"),
        (f"jane@{'ü' * 80}.example", "Domain contains illegal character"),
        ("ü <a@example.com>, b@example.com", "Illegal address"),
        ("Freünde: a@example.com;", "Illegal address: a group of addresses is not supported"),
        ("Jäne", "Missing final '@domain'"),
    ],
)
def test_what_no_mailbox_can_be_made_of_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        in_ascii(text)
    assert str(refusal.value) == reason


PEOPLE = st.tuples(
    st.text(st.characters(categories=("L", "N", "Zs")), max_size=20).map(lambda name: " ".join(name.split())),
    LOCALS.map(lambda local: f"{local}@example.com"),
)
_ANY_TEXT = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=80)
SUBJECTS = _ANY_TEXT.map(lambda text: " ".join(text.split()))


@given(PEOPLE, st.lists(PEOPLE, max_size=4), st.lists(PEOPLE, max_size=3), SUBJECTS)
@settings(max_examples=50, deadline=None)
def test_a_message_that_another_program_made_is_read_as_it_meant_it(
    author: tuple[str, str], to: list[tuple[str, str]], bcc: list[tuple[str, str]], subject: str
) -> None:
    assume(to)
    folded = ",\r\n ".join(map(formataddr, to))
    encoded = Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    lines = [f"From: {formataddr(author)}", f"To: {folded}"]
    lines += [f"Bcc: {', '.join(map(formataddr, bcc))}"] if bcc else []
    lines += [f"Subject: {encoded}", "", "text", ""]
    raw = "\r\n".join(lines).encode("ascii")

    facts = read_raw(raw)
    assert [one.address for one in facts.from_mailboxes] == [author[1]]
    assert [one.address for one in facts.to] == [address for _, address in to]
    assert [one.address for one in facts.bcc] == [address for _, address in bcc]
    assert facts.subject == subject

    envelope = read_envelope(draft(Raw(raw)))
    assert envelope.prepared.raw == raw  # not a byte is changed
    assert envelope.prepared.recipients == tuple(dict.fromkeys(address for _, address in (*to, *bcc)))
