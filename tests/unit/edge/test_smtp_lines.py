"""Where commands and messages of an SMTP client end, however their bytes come in."""

import itertools
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pillarbox.edge.smtp_lines import LONGEST_LINE, BareNewline, Inlet, LineTooLong, unstuffed

LONG = b"y" * LONGEST_LINE


def inlet(*chunks: bytes) -> Inlet:
    told = Inlet()
    for chunk in chunks:
        told.feed(chunk)
    return told


def keep(_count: int) -> bool:
    return True


def cut(text: bytes, at: Iterable[int]) -> list[bytes]:
    """Cut a text into chunks, none of them empty."""
    marks = [0, *sorted({mark % (len(text) + 1) for mark in at}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(marks) if a < b]


def first(told: Inlet, chunks: Iterable[bytes]) -> str:
    """Say what becomes of the first line, when it is looked for after each chunk."""
    for chunk in chunks:
        told.feed(chunk)
        try:
            line = told.line()
        except (BareNewline, LineTooLong) as error:
            return type(error).__name__
        if line is not None:
            return line.decode("latin-1")
    return "not whole"


def message(told: Inlet, chunks: Iterable[bytes], take: Callable[[int], bool] = keep) -> bytes | None:
    """Return the message that is looked for after each chunk; the chunks behind it are fed as well."""
    told.begin_message()
    found = told.message(take)
    for chunk in chunks:
        told.feed(chunk)
        found = told.message(take) if found is None else found
    return None if found is None else unstuffed(found)


def test_commands_come_one_by_one_whatever_the_packets_are() -> None:
    told = inlet(b"EHLO a\r\nMA", b"IL FROM:<a@b>\r", b"\n\r\n")
    assert [told.line() for _ in range(4)] == [b"EHLO a", b"MAIL FROM:<a@b>", b"", None]


@pytest.mark.parametrize("line", [b"NOOP\n", b"NO\nOP\r\n", b"NO\rOP\r\n", b"NO\x00OP\r\n", b"\n", b"NOOP\r\r\n"])
def test_only_crlf_ends_a_command(line: bytes) -> None:
    with pytest.raises(BareNewline):
        inlet(line).line()


def test_a_command_that_is_too_long_is_skipped_and_the_next_one_read() -> None:
    told = Inlet()
    for _ in range(10):
        told.feed(b"X" * LONGEST_LINE)
        assert told.line() is None
        assert len(told) <= LONGEST_LINE
    told.feed(b"X\r\nNOOP\r\n")
    with pytest.raises(LineTooLong):
        told.line()
    assert told.line() == b"NOOP"


@given(
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"\x00", b"NOOP", LONG]), max_size=6),
    st.lists(st.integers(0, 6 * LONGEST_LINE), max_size=8),
)
@example([LONG, b"\r", LONG, b"\r\n"], [2 * LONGEST_LINE])
@example([LONG, b"\x00", LONG, b"\r\n"], [2 * LONGEST_LINE])
@example([LONG, LONG, b"\n"], [2 * LONGEST_LINE])
def test_how_the_bytes_of_a_command_come_makes_no_difference(pieces: list[bytes], at: list[int]) -> None:
    text = b"".join(pieces)
    assert first(Inlet(), cut(text, at)) == first(Inlet(), [text])


def test_what_was_sent_ahead_can_be_forgotten() -> None:
    told = inlet(b"STARTTLS\r\nRSET\r\nRS")
    assert told.line() == b"STARTTLS"
    told.discard()
    told.feed(b"NOOP\r\n")
    assert told.line() == b"NOOP"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n"),
        (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
        (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
        (b"a\r.\rb\r\n.\r\n", b"a\r.\rb\r\n"),
        (b"a\r\n.\r.\r\n.\r\n", b"a\r\n\r.\r\n"),
    ],
)
def test_only_a_dot_between_crlfs_ends_a_message(sent: bytes, meant: bytes) -> None:
    whole, bytewise, ahead = Inlet(), Inlet(), inlet(sent + b"QUIT\r\n")
    assert message(whole, [sent + b"QUIT\r\n"]) == meant
    assert message(bytewise, (bytes([octet]) for octet in sent + b"QUIT\r\n")) == meant
    assert message(ahead, []) == meant
    assert whole.line() == bytewise.line() == ahead.line() == b"QUIT"


@given(st.lists(st.sampled_from([b"\r\n", b".", b"\n", b"\r", b"x", b"\xff"])), st.lists(st.integers(0, 200)))
def test_any_message_that_a_client_stuffs_arrives_as_it_was(pieces: list[bytes], at: list[int]) -> None:
    meant = b"".join(pieces) + b"\r\n"
    # As clients do it: every line that begins with a dot gets another.
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in meant.split(b"\r\n"))
    told, counts = Inlet(), []

    def take(count: int) -> bool:
        counts.append(count)
        return True

    assert message(told, cut(stuffed + b".\r\nQUIT\r\n", at), take) == meant
    assert sum(counts) == len(stuffed + b".\r\n")
    assert told.line() == b"QUIT"


@given(st.integers(0, 700), st.lists(st.integers(0, 700), max_size=10))
def test_how_the_bytes_of_a_message_come_makes_no_difference_to_what_is_kept(limit: int, at: list[int]) -> None:
    seen = 0

    def take(count: int) -> bool:
        nonlocal seen
        seen += count
        return seen <= limit

    told, sent = Inlet(), b"0123456789\r\n" * 50 + b".\r\n"
    assert message(told, cut(sent + b"QUIT\r\n", at), take) == (sent[:-3] if limit >= len(sent) else b"")
    assert seen == len(sent)
    assert told.line() == b"QUIT"


def test_what_is_not_kept_needs_no_room() -> None:
    told = Inlet()
    told.begin_message()
    for _ in range(100):
        told.feed(b"x" * 65_536)
        assert told.message(lambda _: False) is None
        assert len(told) < 10
    told.feed(b"\r\n.\r\n")
    assert told.message(lambda _: False) == b""


def test_half_a_message_is_none() -> None:
    assert message(Inlet(), [b"Subject: x\r\n\r\nhalf"]) is None
