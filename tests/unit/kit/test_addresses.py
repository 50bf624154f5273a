"""Which addresses are taken, and what is said of the others."""

import contextlib
import email.headerregistry
import email.policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.kit.addresses import InvalidAddress, Mailbox, parse_mailbox, parse_mailbox_list

ATEXT = "abcXYZ019!#$%&'*+-/=?^_`{|}~"
LOCALS = st.lists(st.text(ATEXT, min_size=1, max_size=8), min_size=1, max_size=3).map(".".join)
DOMAINS = st.lists(st.text("abcXYZ019-", min_size=1, max_size=8), min_size=1, max_size=3).map(".".join)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)
MAILBOXES = st.builds(Mailbox, NAMES, LOCALS, DOMAINS)


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("jane@example.com", ("", "jane", "example.com")),
        ("  jane@example.com ", ("", "jane", "example.com")),
        ("<jane@example.com>", ("", "jane", "example.com")),
        ("Jane Doe <jane@example.com>", ("Jane Doe", "jane", "example.com")),
        ('"Doe, Jane" <jane@example.com>', ("Doe, Jane", "jane", "example.com")),
        (r'"A \"B\" C" <jane@example.com>', ('A "B" C', "jane", "example.com")),
        ("J. Q. Doe <jane@example.com>", ("J. Q. Doe", "jane", "example.com")),
        ("Jane [sales] <jane@example.com>", ("Jane [sales]", "jane", "example.com")),
        ("jane@example.com <jane@example.com>", ("jane@example.com", "jane", "example.com")),
        ("=?utf-8?B?w4l2YQ==?= <eva@example.com>", ("=?utf-8?B?w4l2YQ==?=", "eva", "example.com")),
        ("jane@example.com (Jane (at work))", ("", "jane", "example.com")),
        (r"Jane (a \) b) <jane@example.com>", ("Jane", "jane", "example.com")),
        ('"jane doe"@example.com', ("", '"jane doe"', "example.com")),
        ('Jane <"jane@home"@example.com>', ("Jane", '"jane@home"', "example.com")),
        ("a+b=c@xn--bcher-kva.example", ("", "a+b=c", "xn--bcher-kva.example")),
        ("root@localhost", ("", "root", "localhost")),
    ],
)
def test_a_mailbox_is_read(text: str, mailbox: tuple[str, str, str]) -> None:
    assert tuple(parse_mailbox(text)) == mailbox


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Illegal address"),
        ("a@example.com, b@example.com", "Illegal address"),
        ("a@example.com,", "Illegal address"),
        ("jane", "Missing final '@domain'"),
        ("Company, Inc <jane@example.com>", "Missing final '@domain'"),
        ("@example.com", "Missing local name"),
        ("jane@", "Missing domain"),
        ("Jane <>", "Empty address"),
        ("jane doe@example.com", "Local address contains control or whitespace"),
        ("jane@exam ple.com", "Domain contains control or whitespace"),
        ("jane[1]@example.com", "Local address contains illegal character"),
        (".jane@example.com", "Local address starts with dot"),
        ("jane.@example.com", "Local address ends with dot"),
        ("ja..ne@example.com", "Local address contains dot-dot"),
        ('"jane"doe@example.com', "Quote not at end of local address"),
        ("jane@[192.0.2.1]", "Domain contains illegal character"),
        ("jane@example_1.com", "Domain contains illegal character"),
        ("jane@bücher.example", "Domain contains illegal character"),
        ("jäne@example.com", "Local address contains control or whitespace"),
        ('"jäne"@example.com', "Local address contains control or whitespace"),
        ("a@b@example.com", "Domain contains illegal character"),
        ("jane@.example.com", "Domain starts with dot"),
        ("jane@example.com.", "Domain ends with dot"),
        ("jane@example..com", "Domain contains dot-dot"),
        ('"jane@example.com', "Missing '\"'"),
        (r'"jane\"@example.com', "Missing '\"'"),
        ("<jane@example.com", "Missing '>'"),
        ("jane@example.com>", "Missing '<'"),
        ("<<jane@example.com>>", "Missing '>'"),
        ("<a@example.com> <b@example.com>", "Extra route-addr"),
        ("jane (home @example.com", "Missing ')'"),
        ("jane) @example.com", "Missing '('"),
        ("a@example.com; b@example.com", "Illegal semicolon, not in group"),
    ],
)
def test_the_texts_of_ses_say_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        parse_mailbox(text)
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    "text",
    [
        "Jäne <jane@example.com>",
        "jane@example.com\r\nBcc: eve@example.com",
        "jane@example.com\nx",
        "jane\x00@example.com",
        "Jane\r <jane@example.com>",
        '"Jane\r\n Doe" <jane@example.com>',
        "friends: a@example.com, b@example.com;",
        "Jane <jane@example.com> Doe",
        "Jane <jane@example.com>:;",
        r"jane\@example.com",
        "x" * 309 + "@example.com",
        "Jane <" + "x" * 309 + "@example.com>",
    ],
)
def test_everything_else_that_ses_does_not_take_is_an_illegal_address(text: str) -> None:
    with pytest.raises(InvalidAddress, match=r"^(Illegal address|Extra route-addr)"):
        parse_mailbox(text)


def test_an_address_may_have_320_characters() -> None:
    longest = "x" * 308 + "@example.com"
    assert parse_mailbox(longest).address == longest
    assert parse_mailbox(f"Jane <{longest}>").address == longest
    assert parse_mailbox(f'"J, D" <{longest}>').address == longest


def test_a_list_is_split_at_its_own_commas_only() -> None:
    found = parse_mailbox_list('"Doe, J" <a@x.example>, b@x.example (one, two),, <"c,d"@x.example>')
    assert [mailbox.address for mailbox in found] == ["a@x.example", "b@x.example", '"c,d"@x.example']


def test_an_empty_group_names_nobody() -> None:
    assert parse_mailbox_list("undisclosed-recipients:;") == []
    assert parse_mailbox_list("undisclosed-recipients: ;, a@x.example") == [Mailbox("", "a", "x.example")]


def test_one_bad_address_makes_the_list_bad() -> None:
    with pytest.raises(InvalidAddress):
        parse_mailbox_list("a@x.example, nobody, b@x.example")


@given(MAILBOXES)
def test_what_is_written_is_read_again(mailbox: Mailbox) -> None:
    assert parse_mailbox(str(mailbox)) == mailbox
    assert parse_mailbox_list(f"{mailbox}, {mailbox}") == [mailbox, mailbox]


@settings(max_examples=60, deadline=None)
@given(st.lists(MAILBOXES.filter(lambda one: "=?" not in one.display_name), min_size=1, max_size=4))
def test_the_standard_library_reads_the_same(mailboxes: list[Mailbox]) -> None:
    header = email.policy.default.header_factory("To", ", ".join(map(str, mailboxes)))
    assert isinstance(header, email.headerregistry.AddressHeader)
    assert [one.addr_spec for one in header.addresses] == [one.address for one in mailboxes]


@pytest.mark.parametrize(
    "hostile",
    [
        '"' + '\\"' * 50_000,
        "(" * 100_000,
        "(" + "\\(" * 50_000,
        "<" * 100_000,
        '"a" ' * 30_000 + "<",
        "a." * 50_000 + "@",
        "a " * 50_000 + "<",
        " " * 100_000,
        "a@" * 50_000,
        "=?" * 50_000,
    ],
)
def test_hostile_text_is_read_in_linear_time(hostile: str) -> None:
    # In quadratic time each of these would take minutes.
    for parse in (parse_mailbox, parse_mailbox_list):
        with contextlib.suppress(InvalidAddress):
            parse(hostile)
