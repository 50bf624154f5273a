"""How the pages write times, sizes and names."""

import pytest

from pillarbox.dashboard.words import after, ago, clock_time, full_time, person, size
from pillarbox.kit.clock import DAY, HOUR, MINUTE, SECOND, Millis

NOON: Millis = 1_800_014_400_000


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (SECOND, "just now"),
        (40 * SECOND, "40 s ago"),
        (3 * MINUTE, "3 min ago"),
        (5 * HOUR, "5 h ago"),
        (2 * DAY, "13 Jan 12:00"),
    ],
)
def test_a_time_is_told_as_it_is_best_understood(passed: Millis, words: str) -> None:
    assert ago(NOON - passed, NOON) == words


def test_times_are_told_to_the_millisecond() -> None:
    assert full_time(NOON + 7) == "2027-01-15 12:00:00.007 UTC"
    assert clock_time(NOON + 7) == "12:00:00.007"
    assert after(NOON + 420, NOON) == "+420 ms"


@pytest.mark.parametrize(("count", "words"), [(10, "10 bytes"), (2_048, "2.0 KB"), (3 * 1024 * 1024, "3.0 MB")])
def test_sizes_have_a_unit(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Ada <ada@example.net>", "Ada"),
        ('"Ada, L." <a@b.c>', "Ada, L."),
        ("ada@example.net", "ada@example.net"),
        ("<a@b.c>", "<a@b.c>"),
    ],
)
def test_a_sender_is_called_by_name(sender: str, name: str) -> None:
    assert person(sender) == name
