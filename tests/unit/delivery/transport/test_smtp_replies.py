"""Replies of SMTP servers, in whatever pieces they come."""

import pytest

from pillarbox.delivery.transport.smtp_replies import LONGEST_REPLY, NotSmtp, Reply, ReplyReader

WIRE = b"220 ready\r\n250-one\r\n250-SIZE 100\r\n250 three\r\n354\r\n421 4.3.2 bye\n"
REPLIES = [
    Reply(220, "220 ready", ("ready",)),
    Reply(250, "250 one SIZE 100 three", ("one", "SIZE 100", "three")),
    Reply(354, "354", ("",)),
    Reply(421, "421 4.3.2 bye", ("4.3.2 bye",)),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_pieces_in_which_replies_come_change_nothing(size: int) -> None:
    reader = ReplyReader()
    for start in range(0, len(WIRE), size):
        reader.feed(WIRE[start : start + size])

    assert list(reader.replies) == REPLIES


def test_what_is_not_whole_is_not_a_reply_yet() -> None:
    reader = ReplyReader()
    reader.feed(b"250-one\r\n250 tw")

    assert not reader.replies
    assert reader.has_more


@pytest.mark.parametrize(
    "line", [b"hello", b"25", b"2500 ok", b"250_ok", b"199 ok", b"600 ok", b"", b" 250 ok", b"2\xb20 x"]
)
def test_what_is_no_reply_is_said_to_be_none(line: bytes) -> None:
    reader = ReplyReader()
    with pytest.raises(NotSmtp):
        reader.feed(b"220 before\r\n" + line + b"\r\n")

    assert [reply.code for reply in reader.replies] == [220]  # what came before it counts


@pytest.mark.parametrize("wire", [b"250 " + b"x" * LONGEST_REPLY, b"250-and so on\r\n" * 4000])
def test_a_reply_without_end_is_none(wire: bytes) -> None:
    reader = ReplyReader()

    with pytest.raises(NotSmtp, match="more than"):
        for start in range(0, len(wire), 1000):
            reader.feed(wire[start : start + 1000])


def test_what_cannot_be_shown_is_replaced() -> None:
    reader = ReplyReader()
    reader.feed("550 né \x00\x1b[31m\r\n".encode() + b"550 \xff\r\n")

    assert [reply.text for reply in reader.replies] == ["550 né \ufffd\ufffd[31m", "550 \ufffd"]
