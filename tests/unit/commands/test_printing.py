"""What commands print does not obey strangers."""

import pytest

from pillarbox.commands.messages import read_since
from pillarbox.commands.printing import cut, moment, plain, rate_of, table, width_of
from pillarbox.commands.reach import CommandError

NOON = 1_800_014_400_000


def test_text_of_strangers_cannot_steer_a_terminal() -> None:
    assert plain(
        "a\x1b[2Jb\r\n\u202ec\u009bd"
    ) == "a\N{REPLACEMENT CHARACTER}[2Jb" + "\N{REPLACEMENT CHARACTER}" * 3 + ("c\N{REPLACEMENT CHARACTER}d")
    assert "\x1b" not in table(("A",), [("\x1b[31mred",)])


def test_columns_line_up_for_wide_characters() -> None:
    lines = table(("NAME", "X"), [("你好", "1"), ("café", "2")]).splitlines()
    assert {width_of(line) for line in lines} == {7}


def test_long_text_is_cut() -> None:
    assert (cut("abcdef", 4), cut("abcd", 4)) == ("abc…", "abcd")


def test_no_limit_is_said_in_words() -> None:
    assert (rate_of(0), rate_of(0.05), rate_of(20.0)) == ("no limit", "0.05/s", "20/s")
    assert (rate_of(1.26984), rate_of(0.001)) == ("1.27/s", "0.001/s")


def test_times_are_in_utc() -> None:
    assert moment(NOON + 5) == "2027-01-15 12:00:00"
    assert moment(NOON + 5, millis=True) == "2027-01-15 12:00:00.005"


@pytest.mark.parametrize(
    ("text", "at"),
    [("30m", NOON - 1_800_000), ("2h", NOON - 7_200_000), ("7d", NOON - 604_800_000), ("2027-01-15T12:00:00Z", NOON)],
)
def test_since_is_a_time_or_a_span(text: str, at: int) -> None:
    assert read_since(text, NOON) == at


@pytest.mark.parametrize("text", ["yesterday", "2027-01-15", "5", "-1h"])
def test_a_time_that_would_have_to_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="neither a time"):
        read_since(text, NOON)
