"""Who is held off after failing to prove who they are, and who never is."""

import asyncio
import pickle
from typing import Any

import pytest

from pillarbox.edge import failures as shared
from pillarbox.edge.failures import Failures
from pillarbox.kit.clock import HOUR, MINUTE, SECOND
from pillarbox.kit.errors import Unavailable
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
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


async def test_all_processes_hold_off_who_failed_at_any_of_them(store: Store, clock: StandingClock) -> None:
    first, second, later = (Failures(clock) for _ in range(3))
    fail(first, 3)
    fail(second, 3)
    assert not held(first) and not held(second)

    await first.share(store)
    await second.share(store)
    await first.share(store)
    await later.share(store)
    for one in (first, second, later):
        assert held(one) and not held(one, peer=ELSEWHERE)
        clock.at += SECOND
        assert held(one), "six failures are two seconds"
        clock.at -= SECOND
    clock.at += 2 * SECOND
    assert not any(held(one) for one in (first, second, later))


async def test_a_key_that_was_right_at_one_process_is_trusted_by_all(store: Store, clock: StandingClock) -> None:
    first, second = Failures(clock), Failures(clock)
    first.succeeded(THERE, KEY)
    await first.share(store)
    await second.share(store)
    fail(second, 1000)
    assert not held(second)
    clock.at += 23 * HOUR
    first.succeeded(THERE, KEY)
    await first.share(store)
    await second.share(store)
    clock.at += 2 * HOUR
    fail(second, 10)
    assert not held(second)


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "Zoë", "x" * 100_000], ids=range(5))
async def test_whatever_a_stranger_calls_a_key_can_be_told(store: Store, clock: StandingClock, key: str) -> None:
    first, second = Failures(clock), Failures(clock)
    fail(first, 10, key=key)
    await first.share(store)
    await second.share(store)
    assert held(second, key=key) and not held(second)


async def test_what_cannot_be_told_is_told_later(
    store: Store, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Failures(clock), Failures(clock)
    fail(first, 3)

    async def away(*_args: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", away)
        with pytest.raises(Unavailable):
            await first.share(store)
    fail(first, 2)
    assert held(first)
    await first.share(store)
    await second.share(store)
    assert held(second)


async def test_what_happens_while_it_is_told_is_told_next(store: Store, clock: StandingClock) -> None:
    first, second = Failures(clock), Failures(clock)
    fail(first, 3)
    telling = asyncio.create_task(first.share(store))
    await asyncio.sleep(0)
    fail(first, 2)
    await telling
    assert held(first)
    await first.share(store)
    await second.share(store)
    assert held(second)


async def test_who_shares_hears_at_once(store: Store) -> None:
    clock = StandingClock()
    first, second = Failures(clock), Failures(clock)
    async with first.shared_over(store), second.shared_over(store), asyncio.timeout(60):
        fail(first, 10)
        while not held(second):
            await asyncio.sleep(0.01)


async def test_rows_are_bounded(store: Store, clock: StandingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_MOST_KEPT", 50)
    one = Failures(clock)
    for number in range(120):
        one.failed("api", "127.0.0.1", f"AKIA{number}", "unknown")
        if number % 10 == 9:
            clock.at += SECOND
            await one.share(store)
    assert 50 <= await store.read(_rows) <= 60
    clock.at += 25 * HOUR
    one.failed("api", "127.0.0.1", KEY, "unknown")
    await one.share(store)
    assert await store.read(_rows) == 1


def _rows() -> Plan[int]:
    rows = yield Rows("SELECT count(*) FROM credential_failures")
    return int(rows[0][0])


def test_what_is_told_can_go_to_the_process_that_holds_the_store(failures: Failures) -> None:
    fail(failures, 3)
    said: tuple[Any, ...] = (shared.tell, failures._news, 1)
    assert pickle.loads(pickle.dumps(said)) == said
