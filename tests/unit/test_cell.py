"""The model behind docs/scale.md: what theory knows comes out of it, and no message is lost in it."""

import math
import random
from functools import partial
from statistics import fmean

import pytest

from bench.simulate import at
from bench.support.cell import LEASE, Agenda, Cell, Group, Happening, Servers, Simulation

SMALL = Cell(fronts=2, deliverers=2, database_cores=2)


def mean_wait(servers: int, arriving: float, served: float, customers: int = 60_000) -> float:
    """Return how long customers waited on average, who come and are served at random."""
    agenda, chance, waits = Agenda(), random.Random(7), list[float]()
    queue = Servers(agenda, servers)

    def arrive() -> None:
        came, service = agenda.now, chance.expovariate(served)
        queue.use(service, lambda: waits.append(agenda.now - came - service))

    when = 0.0
    for _ in range(customers):
        when += chance.expovariate(arriving)
        agenda.at(when, arrive)
    agenda.run()
    assert len(waits) == customers
    return fmean(waits)


def erlang_c(servers: int, load: float) -> float:
    """Return the share of customers who have to wait, as Erlang found it."""
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(load**one / math.factorial(one) for one in range(servers)) + last)


@pytest.mark.parametrize(("servers", "arriving"), [(1, 0.7), (4, 3.2)])
def test_queues_are_as_long_as_theory_says(servers: int, arriving: float) -> None:
    expected = erlang_c(servers, arriving) / (servers - arriving)
    assert mean_wait(servers, arriving, 1.0) == pytest.approx(expected, rel=0.1)


def test_what_waits_is_written_together_and_everybody_is_told() -> None:
    agenda, sizes, told = Agenda(), list[int](), list[float]()

    def write(size: int, then: object) -> None:
        sizes.append(size)
        assert callable(then)
        agenda.after(1.0, then)

    group = Group(write)
    for number in range(20):
        agenda.at(number / 100, partial(group.add, lambda: told.append(agenda.now)))
    agenda.run()

    assert sizes == [1, 1, 1, 1, 16]
    assert len(told) == 20


def test_everything_is_delivered_once_and_processors_work_as_much_as_there_is() -> None:
    seen = Simulation(SMALL).run(lambda _: 300.0, 300.0, 10.0)

    assert seen.delivered == len(seen.accepts) == seen.offered
    assert (seen.refused, seen.repeated) == (0, 0)
    assert seen.front_busy == pytest.approx(seen.offered / 10 * SMALL.accept / SMALL.fronts)
    assert seen.deliverer_busy == pytest.approx(seen.offered / 10 * SMALL.deliver / SMALL.deliverers)


def test_the_same_seed_gives_the_same_run() -> None:
    one, other = (Simulation(SMALL, seed=3).run(lambda _: 200.0, 200.0, 3.0) for _ in range(2))
    assert one == other
    assert one != Simulation(SMALL, seed=4).run(lambda _: 200.0, 200.0, 3.0)


def test_a_burst_makes_a_queue_that_goes_again() -> None:
    seen = Simulation(SMALL).run(lambda when: 2_000.0 if when < 2 else 50.0, 2_000.0, 8.0)
    assert max(seen.depths) > 1_000
    assert seen.depths[-1] == 0
    assert at(seen.waits, 0.99) > 10 * at(seen.waits, 0.01)


def test_what_a_dead_process_had_claimed_is_delivered_after_its_lease_and_may_go_twice() -> None:
    seen = Simulation(SMALL, [Happening(2, 4, dead=1)]).run(lambda _: 200.0, 200.0, 6.0)
    assert seen.delivered >= seen.offered
    assert seen.delivered - seen.repeated <= seen.offered
    assert LEASE - 2 < max(seen.waits) < LEASE + 4


def test_while_the_database_is_away_requests_are_refused_and_nothing_else_is_lost() -> None:
    seen = Simulation(SMALL, [Happening(2, 3, database_away=True)]).run(lambda _: 200.0, 200.0, 6.0)
    assert 100 < seen.refused < 300
    assert seen.delivered == len(seen.accepts) == seen.offered - seen.refused
