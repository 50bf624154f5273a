"""Who is held off after failing to prove who they are, and who never is."""

import pytest

from pillarbox.edge.failures import Failures
from pillarbox.kit.clock import MINUTE, SECOND
from tests.support.clock import StandingClock

THERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
KEY, OTHER = "AKIAKEY", "AKIAOTHER"


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def failures(clock: StandingClock) -> Failures:
    return Failures(clock)


def fail(failures: Failures, times: int, peer: str = THERE, key: str = KEY) -> None:
    for _ in range(times):
        failures.failed("api", peer, key, "wrong")


def held(failures: Failures, peer: str = THERE, key: str = KEY) -> bool:
    return failures.holds_off("api", peer, key)


def test_a_few_failures_are_free(failures: Failures) -> None:
    fail(failures, 4)
    assert not held(failures)
    fail(failures, 1)
    assert held(failures)


def test_each_failure_more_holds_off_for_longer_up_to_a_limit(failures: Failures, clock: StandingClock) -> None:
    waits = []
    for _ in range(30):
        fail(failures, 1)
        began = clock.at
        while held(failures):
            clock.at += SECOND
        waits.append((clock.at - began) // SECOND)
    assert waits[:9] == [0, 0, 0, 0, 1, 2, 4, 8, 16]
    assert max(waits) == 15 * 60


def test_what_is_quiet_for_long_is_forgotten(failures: Failures, clock: StandingClock) -> None:
    fail(failures, 8)
    clock.at += 16 * MINUTE
    fail(failures, 4)
    assert not held(failures)


def test_guessing_at_a_key_keeps_its_owner_out_from_nowhere_else(failures: Failures) -> None:
    fail(failures, 1000)
    assert held(failures)
    assert not held(failures, peer=ELSEWHERE)


def test_a_key_that_was_right_from_a_place_is_not_held_off_there(failures: Failures, clock: StandingClock) -> None:
    failures.succeeded(THERE, KEY)
    fail(failures, 1000)
    assert not held(failures)
    clock.at += 24 * 60 * MINUTE
    fail(failures, 10)
    assert held(failures)


def test_a_place_that_tries_many_keys_is_held_off_for_a_minute_at_most(
    failures: Failures, clock: StandingClock
) -> None:
    for number in range(200):
        fail(failures, 1, key=f"AKIA{number}")
    assert held(failures, key=OTHER)
    clock.at += MINUTE
    assert not held(failures, key=OTHER)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", ""])
def test_a_proxy_of_this_machine_is_never_held_off_as_a_whole(failures: Failures, peer: str) -> None:
    for number in range(500):
        fail(failures, 1, peer=peer, key=f"AKIA{number}")
    assert not held(failures, peer=peer, key=OTHER)


def test_a_network_of_ipv6_is_one_place_and_a_mapped_address_is_its_own(failures: Failures) -> None:
    fail(failures, 10, peer="2001:db8::1")
    assert held(failures, peer="2001:db8::2")
    assert not held(failures, peer="2001:db8:0:1::2")
    fail(failures, 10, peer=f"::ffff:{THERE}", key=OTHER)
    assert held(failures, key=OTHER)


def test_memory_is_bounded(failures: Failures) -> None:
    for number in range(10_050):
        failures.succeeded(THERE, f"AKIA{number}")
    assert len(failures._right) == 10_000
    for number in range(10_050):
        failures.failed("api", "127.0.0.1", f"AKIA{number}", "unknown")
    assert len(failures._failed) == 10_000
