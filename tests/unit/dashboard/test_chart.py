"""Bars and the words beside them."""

import pytest

from pillarbox.dashboard.chart import HEIGHT, chart_of
from pillarbox.kit.clock import DAY, HOUR, Millis
from pillarbox.stats.query import Point, Statistics
from pillarbox.stats.rates import rates_of

MIDNIGHT: Millis = 20_000 * DAY


def _statistics(points: dict[int, dict[str, int]], *, step: Millis = HOUR, buckets: int = 24) -> Statistics:
    series = [Point(MIDNIGHT + number * step, totals) for number, totals in points.items()]
    return Statistics("account", "", MIDNIGHT, MIDNIGHT + buckets * step, step, {}, rates_of({}), series)


def test_each_bucket_stacks_its_outcomes_to_scale() -> None:
    found = chart_of(_statistics({3: {"delivered": 6, "bounced.permanent": 1, "bounced.transient": 1, "opened": 9}}))

    (slot,) = found.slots
    delivered, bounced = slot.bars
    assert (found.most, found.width, slot.x) == (8, 24, 3)
    assert (delivered.kind, delivered.height, delivered.y) == ("delivered", HEIGHT * 0.75, HEIGHT * 0.25)
    assert (bounced.kind, bounced.height, bounced.y) == ("bounced", HEIGHT * 0.25, 0)
    assert slot.title.endswith("03:00: 6 delivered, 2 bounced")


def test_the_table_says_what_the_bars_say() -> None:
    found = chart_of(_statistics({0: {"delivered": 1}, 1: {"captured": 2, "complained": 1}}))

    assert found.kinds == [("delivered", "delivered"), ("captured", "captured"), ("complained", "complained")]
    assert [row.counts for row in found.rows] == [[1, 0, 0], [0, 2, 1]]


def test_where_nothing_happened_nothing_is_drawn() -> None:
    assert chart_of(_statistics({})).slots == []
    assert chart_of(_statistics({1: {"opened": 3}})).slots == []


@pytest.mark.parametrize("count, most", [(1, 1), (4, 4), (7, 8), (11, 15), (101, 150), (999, 1_000), (5_200, 6_000)])
def test_the_axis_ends_at_a_round_number(count: int, most: int) -> None:
    assert chart_of(_statistics({0: {"delivered": count}})).most == most


def test_days_are_named_by_their_date_and_minutes_by_the_clock() -> None:
    assert chart_of(_statistics({}, step=DAY, buckets=4)).ticks[1] == "05 Oct"
    assert chart_of(_statistics({}, step=60_000, buckets=60)).ticks[1] == "00:15"
