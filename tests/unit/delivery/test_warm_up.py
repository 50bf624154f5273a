"""A source that is new to the world sends each provider only so much in a day, and every day more."""

from collections.abc import Mapping

import pytest

from pillarbox.delivery.outcome import Delivered, Outcome
from pillarbox.delivery.pace import is_idle
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.warm_up import Allowance, WarmUp, granted
from pillarbox.delivery.worker import Worker
from pillarbox.kit.clock import DAY, HOUR, SECOND
from pillarbox.operate import queue
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import What
from pillarbox.sending.accept import keep_promises
from pillarbox.store.engine import Store
from pillarbox.store.pace import Limits
from tests.support.clock import NOON, StandingClock
from tests.support.preparer import KEYRING, preparer_of
from tests.support.promises import draft, promise

TODAY = NOON - NOON % DAY
NEW = WarmUp(TODAY, messages=10, days=4)


@pytest.mark.parametrize(
    ("days", "ceiling"), [(-1, 10), (0, 10), (0.99, 10), (1, 15), (2, 22), (3.5, 33), (4, None), (400, None)]
)
def test_each_day_takes_half_as_many_again_until_there_is_no_ceiling(days: float, ceiling: int | None) -> None:
    assert NEW.ceiling(round(TODAY + days * DAY)) == ceiling


def test_no_ceiling_is_more_than_a_store_can_hold() -> None:
    assert WarmUp(TODAY, 50, 365).ceiling(TODAY + 364 * DAY) == 1_000_000_000


@pytest.mark.parametrize("processes", [1, 3])
def test_all_processes_together_begin_as_many_as_the_day_has(processes: int) -> None:
    limits, begun = Limits("mx", "google"), 0
    allowances: list[Allowance | None] = [None] * processes
    for turn in range(200):
        place = turn % processes
        limits, allowance = granted(limits, NEW, allowances[place], NOON)
        assert allowance is not None
        if not allowance.is_spent(NOON):
            allowance.begin()
            begun += 1
        allowances[place] = allowance

    assert begun == 10
    assert limits.held_until == TODAY + DAY
    assert "10 messages of this day" in limits.held_why


def test_what_a_dead_process_took_is_not_sent_and_a_new_day_begins_anew() -> None:
    limits, taken = granted(Limits("mx", "google"), WarmUp(TODAY, 100, 4), None, NOON)
    assert taken is not None and taken.left == 12
    left = 0
    while not limits.held_until:
        limits, allowance = granted(limits, WarmUp(TODAY, 100, 4), None, NOON)
        left += allowance.left if allowance else 0
    assert left == 88

    assert taken.is_spent(NOON + DAY), "what was for yesterday is not for today"
    limits, allowance = granted(limits, WarmUp(TODAY, 100, 4), taken, NOON + DAY)
    assert (limits.day_used, limits.day_most) == (18, 150)


def test_a_warm_up_that_is_over_leaves_no_trace() -> None:
    limits, _ = granted(Limits("mx", "google"), NEW, None, NOON)
    assert not is_idle(limits)

    limits, allowance = granted(limits, NEW, None, NOON + 5 * DAY)
    assert allowance is None and is_idle(limits)


class Far:
    name = "mx"

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        self.taken += attempt.recipients
        return dict.fromkeys(attempt.recipients, Delivered("250 ok"))


async def deliver(worker: Worker, clock: StandingClock) -> None:
    clock.at += SECOND
    while await worker.step():
        pass


async def test_what_is_beyond_the_ceiling_waits_for_the_next_day_and_says_so(store: Store) -> None:
    clock, far = StandingClock(), Far()
    desk = Desk(store, KEYRING, clock)
    preparer = preparer_of(store, clock)
    worker = Worker(store, {far.name: far}, EicarScanner(), preparer, clock, warm_ups={far.name: NEW})

    routes = RouteTable([Rule("mx")], lambda domain: domain.partition(".")[0])
    for number in range(12):
        made = promise(draft(f"{number}@google.example"), clock.at, routes=routes)
        assert await store.commit(keep_promises, made) is None
    made = promise(draft("a@other.example"), clock.at, routes=routes)
    assert await store.commit(keep_promises, made) is None

    await deliver(worker, clock)
    assert sorted(far.taken)[-1] == "a@other.example" and len(far.taken) == 11
    google, other = await queue.paces(desk)
    assert (google.provider, google.day_used, google.day_most) == ("google", 10, 10)
    assert (other.provider, other.day_used, other.day_most) == ("other", 1, 10)
    (lane,) = (await queue.show(desk)).lanes
    assert lane.rows == 2 and lane.next_at == TODAY + DAY
    assert "the 10 messages of this day of the warm-up have been sent" in lane.closed

    await queue.retry(desk, What(provider="google"))
    await deliver(worker, clock)
    assert len(far.taken) == 11, "no hand lifts the ceiling by mistake"

    clock.at = TODAY + DAY + HOUR
    await deliver(worker, clock)
    assert len(far.taken) == 13
