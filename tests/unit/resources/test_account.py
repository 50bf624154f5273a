"""The account's switch and quota."""

import pytest

from pillarbox.kit.clock import DAY, HOUR
from pillarbox.kit.ids import Scope
from pillarbox.resources import account
from pillarbox.resources.account import OwnQuota, Quota
from pillarbox.store import messages
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
ELSEWHERE = Scope("111111111111", "eu-west-1")
NOW = 1_700_000_000_000


async def test_an_account_sends_until_it_is_paused(store: Store) -> None:
    assert (await store.read(account.get, HERE)).sending_enabled
    for enabled in (False, False, True):
        await store.write(account.set_sending, HERE, enabled, NOW)
        assert (await store.read(account.get, HERE)).sending_enabled is enabled


async def test_a_pause_holds_in_one_region(store: Store) -> None:
    await store.write(account.set_sending, HERE, False, NOW)
    assert (await store.read(account.get, ELSEWHERE)).sending_enabled


async def test_recipients_count_for_a_day(store: Store) -> None:
    await store.write(messages.use_quota, [(*HERE, NOW, 3), (*HERE, NOW + HOUR, 4), (*ELSEWHERE, NOW, 5)])
    assert await store.read(account.sent_last_24_hours, HERE, NOW + HOUR) == 7
    assert await store.read(account.sent_last_24_hours, HERE, NOW + DAY + HOUR // 2) == 4


def test_no_limit_is_told_as_a_rate_that_a_client_can_divide_by() -> None:
    assert Quota(-1, 0, sandbox=False).told_rate > 1_000
    assert Quota(200, 1, sandbox=True).told_rate == 1


@pytest.mark.parametrize(
    ("of_all", "own", "has_left_sandbox", "holds"),
    [
        ((-1, 0), None, False, (200, 1)),
        ((100, 0.5), None, False, (100, 0.5)),
        ((50_000, 14), None, False, (200, 1)),
        ((50_000, 14), None, True, (50_000, 14)),
        ((50_000, 14), OwnQuota(max_rate=20), False, (50_000, 20)),
        ((50_000, 14), OwnQuota(-1, 0), True, (-1, 0)),
    ],
)
def test_an_account_has_its_own_limits_or_those_of_the_sandbox_or_those_of_all(
    of_all: tuple[float, float], own: OwnQuota | None, has_left_sandbox: bool, holds: tuple[float, float]
) -> None:
    quota = Quota(*of_all, sandbox=True).of(own, has_left_sandbox)
    assert (quota.max_24_hour, quota.max_rate) == holds
