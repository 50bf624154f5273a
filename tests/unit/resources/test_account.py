"""The account's switch and quota."""

from pillarbox.kit.clock import DAY, HOUR
from pillarbox.kit.ids import Scope
from pillarbox.resources import account
from pillarbox.resources.account import Quota
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
