"""A pace falls by half, rises step by step, and is never exceeded, however many processes share it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery.pace import (
    RAISE_EVERY,
    Budget,
    Use,
    connections_of,
    forgotten,
    held,
    is_idle,
    leased,
    opens_at,
    raised,
    rate_of,
    set_by_far_side,
    set_by_hand,
    slowed,
)
from pillarbox.kit.clock import DAY, MINUTE, SECOND
from pillarbox.store.pace import Limits
from tests.support.clock import NOON

FREE = Limits("mx", "google")
BUSY = Use(rate=40.0, connections=16, began_at=NOON)


def test_the_first_throttling_halves_what_was_seen() -> None:
    limits = slowed(FREE, BUSY, "421 4.7.28 slower", NOON + 1)

    assert (rate_of(limits), connections_of(limits)) == (20.0, 8)
    assert limits.not_before == NOON + 1 + 30 * SECOND
    assert limits.why == "421 4.7.28 slower"


def test_answers_to_the_old_pace_do_not_slow_the_new_one() -> None:
    once = slowed(FREE, BUSY, "421 slower", NOON + 1)

    assert slowed(once, BUSY, "421 slower", NOON + 2) == once
    twice = slowed(once, BUSY._replace(began_at=NOON + MINUTE), "421 slower", NOON + 2 * MINUTE)
    assert (rate_of(twice), connections_of(twice)) == (10.0, 4)
    assert twice.not_before == NOON + 3 * MINUTE, "and the rest is longer"


def test_a_pace_never_falls_to_nothing() -> None:
    limits, now = FREE, NOON
    for _ in range(50):
        now = limits.not_before + MINUTE
        limits = slowed(limits, BUSY._replace(began_at=now), "421", now)

    assert rate_of(limits) > 0 and connections_of(limits) == 1
    assert limits.not_before - now == 15 * MINUTE


def test_success_raises_a_pace_until_it_is_forgotten() -> None:
    limits = slowed(FREE, BUSY, "421", NOON + 1)
    now, rates = limits.raised_at, []
    while rate_of(limits):
        now += RAISE_EVERY
        limits = raised(limits, int(rate_of(limits) * RAISE_EVERY / SECOND), now)
        rates.append(rate_of(limits))

    assert rates[:3] == [22.0, 24.0, 26.0]
    assert rates[-2:] == [78.0, 0.0], "twice of what was too fast has been fine"
    assert is_idle(limits)


def test_an_idle_pace_proves_nothing() -> None:
    limits = slowed(FREE, BUSY, "421", NOON + 1)

    assert rate_of(raised(limits, 10, limits.raised_at + RAISE_EVERY)) == 20.0
    assert rate_of(raised(limits, 1000, limits.raised_at + RAISE_EVERY - 1)) == 20.0, "nor does a short while"


def test_what_was_learned_a_day_ago_is_forgotten() -> None:
    limits = set_by_hand(slowed(FREE, BUSY, "421", NOON), 30.0, None)

    assert rate_of(raised(limits, 0, NOON + DAY - 1)) == 20.0
    assert rate_of(raised(limits, 0, NOON + DAY)) == 30.0, "what was set by hand is not"


def test_what_is_set_by_hand_is_never_exceeded() -> None:
    limits = set_by_hand(FREE, 5.0, 3)
    assert (rate_of(limits), connections_of(limits)) == (5.0, 3)

    throttled = slowed(limits, BUSY, "421", NOON + 1)
    assert (rate_of(throttled), connections_of(throttled)) == (2.5, 1)
    assert rate_of(throttled._replace(rate=100.0)) == 5.0
    assert rate_of(forgotten(throttled)) == 5.0
    assert is_idle(set_by_hand(forgotten(throttled), 0.0, 0))


def test_a_lease_is_one_second_and_the_next_one_follows_it() -> None:
    limits, first = leased(set_by_hand(FREE, 10.0, None), None, NOON)
    limits, second = leased(limits, None, NOON + SECOND // 2)

    assert first is not None and first.left(NOON) == 10
    assert second is None, "the coming time is another process's"
    limits, third = leased(limits, None, NOON + SECOND)
    assert third is not None and third.left(NOON + SECOND) == 10
    assert third.next >= first.end


def test_a_process_alone_loses_nothing_between_its_leases() -> None:
    limits, first = leased(set_by_hand(FREE, 10.0, None), None, NOON)
    assert first is not None
    assert [first.begin(NOON + 100 * number) for number in range(11)] == [*[True] * 10, False]

    limits, second = leased(limits, first, NOON + 1000)

    assert second is not None and second.begin(NOON + 1000)


def test_a_pace_below_one_a_second_leases_the_time_of_one() -> None:
    limits, budget = leased(set_by_hand(FREE, 0.1, None), None, NOON)

    assert budget is not None and budget.begin(NOON + 200) and not budget.begin(NOON + 10 * SECOND)
    assert leased(limits, None, NOON + 9 * SECOND)[1] is None
    assert leased(limits, None, NOON + 11 * SECOND)[1] is not None


def test_what_is_late_is_lost() -> None:
    _, budget = leased(set_by_hand(FREE, 10.0, None), None, NOON)

    assert budget is not None
    assert budget.left(NOON + 950) == 0 and not budget.begin(NOON + 950), "its second ends before another may begin"
    assert budget.begin(NOON + 920) and not budget.begin(NOON + 920)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([0.5, 1.0, 3.0, 7.0, 14.0, 50.0, 333.0, 2500.0]), st.integers(1, 4), st.integers(0, 2**32))
def test_in_any_window_no_more_than_its_time_allows_and_one_begin(rate: float, processes: int, seed: int) -> None:
    """Processes lease, begin late, forget their leases and die: beginnings are still as far apart as they must be."""
    chance = random.Random(seed)
    limits = set_by_hand(FREE, rate, None)
    budgets: list[Budget | None] = [None] * processes
    begun: list[int] = []
    now = NOON
    while now < NOON + 6 * SECOND:
        now += chance.choice((0, 0, 1, 1, 2, 5, 40, 300))
        place = chance.randrange(processes)
        budget = budgets[place]
        if chance.random() < 0.02:
            budgets[place] = None  # it died
        elif budget is None or budget.is_over(now):
            limits, budgets[place] = leased(limits, budget, now)
        elif budget.begin(now):
            begun.append(now)

    assert begun
    for first, start in enumerate(begun):
        for last in range(first, len(begun)):
            assert last - first + 1 <= rate * (begun[last] - start) / SECOND + 1 + 1e-6


@pytest.mark.parametrize("rate", [1.0, 14.0, 100.0])
def test_a_process_that_is_never_late_uses_all_there_is(rate: float) -> None:
    limits, now, begun = set_by_hand(FREE, rate, None), NOON, 0
    budget = None
    while now < NOON + 10 * SECOND:
        if budget is None or budget.is_over(now):
            limits, budget = leased(limits, budget, now)
        begun += bool(budget and budget.begin(now))
        now += 1

    assert begun >= 0.98 * rate * 10


def test_what_the_far_side_allows_is_a_ceiling_that_stays() -> None:
    limits = set_by_far_side(set_by_hand(FREE, 30.0, None), 14.0)
    assert rate_of(limits) == 14.0

    throttled = slowed(limits, BUSY, "429 too fast", NOON + 1)
    assert rate_of(throttled) == 7.0 and throttled.not_before == NOON + 1 + SECOND
    assert rate_of(forgotten(throttled)) == 14.0
    assert rate_of(set_by_far_side(limits, 0.0)) == 30.0, "without a quota only the hand sets one"


def test_a_pace_that_is_known_comes_back_soon_however_often_others_use_it() -> None:
    limits, now = set_by_far_side(FREE, 20.0), NOON
    for _ in range(20):
        now = limits.not_before + MINUTE
        limits = slowed(limits, BUSY._replace(began_at=now), "429 too fast", now)
        assert limits.not_before == now + SECOND
    assert rate_of(limits) == 1.0

    steps = 0
    while limits.rate:
        now, steps = now + RAISE_EVERY + SECOND, steps + 1
        limits = raised(limits, 1000, now)
    assert steps == 19 and rate_of(limits) == 20.0


def test_a_hold_lasts_as_long_as_who_looked_last_says() -> None:
    limits = held(held(FREE, NOON + 10, "used up"), NOON + 5, "used up, 200 of 200")

    assert (opens_at(limits), limits.held_why) == (NOON + 10, "used up, 200 of 200")
    assert not is_idle(limits) and opens_at(forgotten(limits)) == NOON + 10
    assert opens_at(set_by_far_side(limits, 14.0)) == 0


def test_what_counts_as_several_takes_the_time_of_as_many() -> None:
    _, budget = leased(set_by_hand(FREE, 10.0, None), None, NOON)

    assert budget is not None and budget.begin(NOON, 4)
    assert not budget.begin(NOON + 399) and budget.begin(NOON + 400, 5)
    assert not budget.begin(NOON + 900, 2), "one is left of the second"
    assert budget.begin(NOON + 900)


def test_one_that_counts_as_more_than_a_second_gets_the_time_it_needs() -> None:
    limits, budget = leased(set_by_hand(FREE, 10.0, None), None, NOON, 50)

    assert budget is not None and budget.begin(NOON + 200, 50)
    assert leased(limits, None, NOON + 4 * SECOND)[1] is None, "for as long nobody else sends"


@given(st.floats(0.5, 200), st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 3), st.integers())
@settings(max_examples=60, deadline=None)
def test_processes_that_count_recipients_exceed_a_rate_by_one_call_at_most(
    rate: float, calls: list[int], processes: int, seed: int
) -> None:
    chance = random.Random(seed)
    limits, budgets, begun, now = set_by_far_side(FREE, rate), [None] * processes, [], float(NOON)
    while calls and len(begun) < 200 and now < NOON + 600 * SECOND:
        mine = chance.randrange(processes)
        budget, moment = budgets[mine], round(now)
        if budget is None or budget.is_over(moment, calls[-1]):
            limits, budget = leased(limits, budget, moment, calls[-1])
            budgets[mine] = budget
        if budget is not None and budget.begin(moment, calls[-1]):
            begun.append((moment, calls.pop()))
        now += chance.random() * 80

    for first, (start, _) in enumerate(begun):
        count = 0
        for moment, cost in begun[first:]:  # a call begins when all before it have had their time
            assert count <= rate * (moment - start + 1) / SECOND
            count += cost
