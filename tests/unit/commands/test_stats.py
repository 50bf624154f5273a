"""Bars that fit a line of the terminal."""

import pytest

from pillarbox.commands.stats import sparkline


@pytest.mark.parametrize(
    "values, shown",
    [
        ({}, "    "),
        ({0: 8, 10: 4, 20: 1}, "█▄▁ "),
        ({0: 1000, 30: 1}, "█  ▁"),
    ],
)
def test_each_bucket_is_a_bar_and_nothing_that_happened_is_invisible(values: dict[int, int], shown: str) -> None:
    assert sparkline(values, 0, 40, 10) == shown


def test_many_buckets_share_bars() -> None:
    line = sparkline(dict.fromkeys(range(168), 1), 0, 168, 1)

    assert line == "█" * 56


def test_times_are_counted_from_the_beginning_of_the_span() -> None:
    assert sparkline({1_020: 3}, 1_000, 1_040, 10) == "  █ "
