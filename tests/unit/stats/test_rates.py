"""Rates, and what stays out of them."""

import pytest

from pillarbox.stats.rates import (
    BOUNCE_REVIEW,
    bounce_rate,
    click_rate,
    complaint_rate,
    delivery_rate,
    open_rate,
    rates_of,
    reaches,
)

TOTALS = {
    "sent": 200,
    "sent.simulator": 1_000,
    "delivered": 80,
    "delivered.with-pixel": 40,
    "delivered.with-links": 20,
    "delivered.simulator": 500,
    "captured": 60,
    "captured.with-pixel": 10,
    "captured.with-links": 5,
    "bounced.permanent": 5,
    "bounced.transient": 9,
    "bounced.undetermined": 2,
    "bounced.suppressed": 30,
    "bounced.simulator": 400,
    "complained": 1,
    "complained.suppressed": 10,
    "complained.simulator": 100,
}
COUNTING = 200 - 60 - 30 - 10


def test_only_hard_bounces_of_mail_that_was_really_tried_make_the_bounce_rate() -> None:
    assert bounce_rate(TOTALS) == pytest.approx(5 / COUNTING)


def test_only_complaints_about_mail_that_was_really_tried_make_the_complaint_rate() -> None:
    assert complaint_rate(TOTALS) == pytest.approx(1 / COUNTING)


def test_captured_mail_is_delivered_only_when_asked_for() -> None:
    assert delivery_rate(TOTALS) == pytest.approx(80 / COUNTING)
    assert delivery_rate(TOTALS, with_captured=True) == pytest.approx(140 / (COUNTING + 60))


@pytest.mark.parametrize("totals", [{}, {"sent.simulator": 5, "bounced.simulator": 5}, {"sent": 3, "captured": 3}])
def test_there_is_no_rate_where_nothing_counts(totals: dict[str, int]) -> None:
    assert [bounce_rate(totals), complaint_rate(totals), delivery_rate(totals)] == [None, None, None]


def test_everything_captured_is_everything_delivered_when_asked_for() -> None:
    assert delivery_rate({"sent": 3, "captured": 3}, with_captured=True) == 1.0


def test_opens_and_clicks_are_shares_of_what_could_tell_of_them_as_far_as_people_made_them() -> None:
    engaged = TOTALS | {"opened": 90, "opened.people.unique": 20, "clicked": 50, "clicked.people.unique": 8}

    assert [open_rate(engaged), click_rate(engaged)] == [20 / 40, 8 / 20]
    assert open_rate(engaged, with_captured=True) == 20 / 50
    assert rates_of(engaged, with_captured=True).click == 8 / 25


def test_mail_that_tells_of_no_opens_and_clicks_has_no_share_of_them() -> None:
    assert [open_rate({"delivered": 9}), click_rate({"delivered": 9})] == [None, None]


def test_no_share_is_more_than_the_whole() -> None:
    assert delivery_rate({"sent": 2, "delivered": 3}) == 1.0


@pytest.mark.parametrize("rate, too_much", [(None, False), (0.049, False), (0.05, True), (0.2, True)])
def test_a_line_is_reached_where_it_begins(rate: float | None, too_much: bool) -> None:
    assert reaches(rate, BOUNCE_REVIEW) is too_much
