"""Where commands and messages of an SMTP client end, however their bytes come in."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.edge.smtp_lines import LONGEST_LINE, BareNewline, Gone, Inlet, LineTooLong


def inlet(*chunks: bytes) -> Inlet:
    waiting = list(chunks)

    async def read(_count: int) -> bytes:
        return waiting.pop(0) if waiting else b""

    return Inlet(read)


def keep(_count: int) -> bool:
    return True


def cut(text: bytes, at: Iterable[int]) -> list[bytes]:
    """Cut a text into chunks, none of them empty."""
    marks = [0, *sorted({mark % (len(text) + 1) for mark in at}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(marks) if a < b]


async def test_commands_come_one_by_one_whatever_the_packets_are() -> None:
    told = inlet(b"EHLO a\r\nMA", b"IL FROM:<a@b>\r", b"\n\r\n")
    assert [await told.line() for _ in range(3)] == [b"EHLO a", b"MAIL FROM:<a@b>", b""]
    with pytest.raises(Gone):
        await told.line()


@pytest.mark.parametrize("line", [b"NOOP\n", b"NO\nOP\r\n", b"NO\rOP\r\n", b"NO\x00OP\r\n", b"\n", b"NOOP\r\r\n"])
async def test_only_crlf_ends_a_command(line: bytes) -> None:
    with pytest.raises(BareNewline):
        await inlet(line).line()


async def test_a_command_that_is_too_long_is_skipped_and_the_next_one_read() -> None:
    told = inlet(b"X" * LONGEST_LINE, b"Y" * LONGEST_LINE, b"\r\nNOOP\r\n")
    with pytest.raises(LineTooLong):
        await told.line()
    assert await told.line() == b"NOOP"


async def test_what_was_sent_ahead_can_be_forgotten() -> None:
    told = inlet(b"STARTTLS\r\nRSET\r\n", b"NOOP\r\n")
    await told.line()
    told.discard()
    assert await told.line() == b"NOOP"


@pytest.mark.parametrize(
    ("sent", "message"),
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
async def test_only_a_dot_between_crlfs_ends_a_message(sent: bytes, message: bytes) -> None:
    told = inlet(sent + b"QUIT\r\n")
    assert await told.message(keep) == message
    assert await told.line() == b"QUIT"
    bytewise = inlet(*(bytes([octet]) for octet in sent + b"QUIT\r\n"))
    assert await bytewise.message(keep) == message
    assert await bytewise.line() == b"QUIT"


@given(st.lists(st.sampled_from([b"\r\n", b".", b"\n", b"\r", b"x", b"\xff"])), st.lists(st.integers(0, 200)))
async def test_any_message_that_a_client_stuffs_arrives_as_it_was(pieces: list[bytes], at: list[int]) -> None:
    message = b"".join(pieces) + b"\r\n"
    # As clients do it: every line that begins with a dot gets another.
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in message.split(b"\r\n"))
    told = inlet(*cut(stuffed + b".\r\nQUIT\r\n", at))
    assert await told.message(keep) == message
    assert await told.line() == b"QUIT"


async def test_a_message_that_may_not_be_kept_is_read_to_its_end() -> None:
    seen = 0

    def take(count: int) -> bool:
        nonlocal seen
        seen += count
        return seen <= 10

    told = inlet(*[b"0123456789\r\n"] * 50, b"\r\n", b".", b"\r\nQUIT\r\n")
    assert await told.message(take) is None
    assert seen > 600
    assert await told.line() == b"QUIT"


async def test_what_is_not_kept_needs_no_room() -> None:
    told = inlet(*[b"x" * 65_536] * 100, b"\r\n.\r\n")
    assert await told.message(lambda _: False) is None
    assert len(told._buffer) == 0


async def test_a_client_that_leaves_within_a_message_has_sent_none() -> None:
    with pytest.raises(Gone):
        await inlet(b"Subject: x\r\n\r\nhalf").message(keep)
