"""One rate for an account, whichever process takes its mail."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.resources import account
from pillarbox.resources.account import OwnQuota, Quota
from pillarbox.sending.accept import Promise, keep_promises
from pillarbox.sending.admission import ShutAccounts, admitted
from pillarbox.sending.policy import RateExceeded
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.store.engine import Store
from pillarbox.store.plan import Rows
from pillarbox.store.send_rates import Allowance
from tests.support.clock import StandingClock
from tests.support.promises import SCOPE, draft, promise

NOON: Millis = 1_790_000_000_000
OTHER = Scope("210987654321", "us-east-1")


def paced(*recipients: str, at: Millis = NOON, rate: float = 10.0, scope: Scope = SCOPE) -> Promise:
    return replace(promise(draft(*recipients, scope=scope), at), rate=rate)


async def admits(store: Store, *promises: Promise) -> list[bool]:
    verdicts = await store.write(keep_promises, promises)
    assert all(verdict is None or isinstance(verdict, RateExceeded) for verdict in verdicts)
    return [verdict is None for verdict in verdicts]


async def test_a_big_call_is_let_in_and_the_next_ones_wait_until_the_debt_is_paid(store: Store) -> None:
    many = [f"r{number}@example.net" for number in range(50)]
    assert await admits(store, paced(*many)) == [True]
    assert await admits(store, paced(at=NOON + 4_000)) == [False]
    assert await admits(store, paced(at=NOON + 4_100)) == [True]
    assert await admits(store, paced(scope=OTHER)) == [True]


async def test_a_burst_of_a_second_is_let_in_whether_it_comes_at_once_or_one_by_one(store: Store) -> None:
    assert await admits(store, *(paced() for _ in range(12))) == [True] * 10 + [False] * 2
    assert [await admits(store, paced(at=NOON + 100)) for _ in range(2)] == [[True], [False]]


async def test_where_no_rate_is_set_nothing_is_counted(store: Store) -> None:
    assert await store.write(keep_promises, [promise(draft(), NOON) for _ in range(20)]) == [None] * 20

    def counted() -> object:
        return (yield Rows("SELECT count(*) FROM send_rates"))

    assert await store.read(counted) == [(0,)]


async def test_senders_of_one_account_share_its_rate_and_its_own_quota_holds(store: Store) -> None:
    await store.write(account.set_quota, SCOPE, OwnQuota(max_rate=2.0), NOON)
    clock = StandingClock(NOON)

    def sender() -> Sender:
        quota = Quota(-1, 1000.0, False)
        return Sender(store, Standings(store, clock, any_sender=True, sandbox=False, quota=quota), RouteTable())

    first, second = sender(), sender()
    await first.send(draft(), NOON)
    await second.send(draft(), NOON)
    for one in (first, second, first):
        with pytest.raises(RateExceeded, match="Maximum sending rate"):
            await one.send(draft(), NOON)
    await first.send(draft(), NOON + 500)


def test_who_is_shut_out_is_let_ask_again_after_a_second_at_most() -> None:
    shut = ShutAccounts()
    shut.add(SCOPE, NOON + 60 * SECOND, NOON)
    assert shut.is_shut(SCOPE, NOON + 999)
    assert not shut.is_shut(OTHER, NOON)
    assert not shut.is_shut(SCOPE, NOON + 1_000)


@given(
    some.floats(0.1, 1000.0),
    some.lists(some.tuples(some.integers(0, 5_000), some.integers(1, 50)), min_size=1, max_size=60),
)
def test_never_more_than_the_rate_and_a_burst_and_one_call_are_let_in(
    rate: float, calls: list[tuple[Millis, int]]
) -> None:
    burst = max(1.0, rate)
    left, now, let_in, biggest = Allowance(burst, NOON), NOON, 0, 0
    for pause, recipients in calls:
        now += pause
        left, until = admitted(left, rate, recipients, now)
        if until is None:
            let_in += recipients
            biggest = max(biggest, recipients)
        else:
            assert until > now
            assert admitted(left, rate, 1, until + 1)[1] is None
    assert let_in <= burst + rate * (now - NOON) / SECOND + biggest + 1e-6


def test_a_clock_that_runs_behind_gives_nothing() -> None:
    left, until = admitted(Allowance(0.0, NOON), 1.0, 1, NOON - 10 * SECOND)
    assert (left, until) == (Allowance(0.0, NOON), NOON + SECOND)
