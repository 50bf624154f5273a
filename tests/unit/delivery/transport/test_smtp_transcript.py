"""What is kept of conversations: bounded, and beginning and end rather than the middle."""

from pillarbox.delivery.transport.smtp_transcript import MOST, OURS, THEIRS, Conversations, Transcript


def test_lines_tell_when_who_and_what() -> None:
    kept, said = Conversations(), Transcript()
    said.add(OURS, "EHLO us")
    said.add(THEIRS, "250 them")
    kept.keep("them", ["a@example.net"], said.take())

    (one,) = kept.held
    first, second = one.lines.splitlines()
    assert first.split(" ", 1)[0].isdecimal() and first.endswith(" > EHLO us") and second.endswith(" < 250 them")
    assert not said.take()


def test_of_a_long_conversation_the_beginning_and_the_end_are_kept() -> None:
    kept, said = Conversations(), Transcript()
    for number in range(2000):
        said.add(OURS, f"RCPT TO:<{number}@example.net>")
    kept.keep("them", [], said.take())

    lines = kept.held[0].lines.splitlines()
    assert len(kept.held[0].lines) <= MOST
    assert "<0@example.net>" in lines[0] and "<1999@example.net>" in lines[-1]
    (left_out,) = [line for line in lines if "left out" in line]
    assert int(left_out.split()[2]) == 2000 - (len(lines) - 1)


def test_all_conversations_of_an_attempt_have_one_limit() -> None:
    kept = Conversations()
    for _ in range(100):
        said = Transcript()
        said.add(THEIRS, "x" * 5000)
        kept.keep("them", [], said.take())

    assert 0 < sum(len(one.lines) for one in kept.held) <= MOST
