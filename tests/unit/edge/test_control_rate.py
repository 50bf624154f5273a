"""How often operations that send nothing may be called, whichever process is asked."""

from pathlib import Path

import pytest

from pillarbox.edge.control_rate import ControlRate
from pillarbox.kit.ids import Scope
from pillarbox.sending.policy import RateExceeded
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.sqlite import SqliteStore

HERE, THERE = Scope("111111111111", "us-east-1"), Scope("111111111111", "eu-west-1")
NOON = 1_790_000_000_000


async def test_each_operation_of_an_account_in_a_region_has_its_own_rate(store: Store) -> None:
    limit = ControlRate(store, 1.0)
    await limit.check(HERE, "ses", "ListIdentities", NOON)
    for at in (NOON, NOON + 999):
        with pytest.raises(RateExceeded, match="Rate exceeded"):
            await limit.check(HERE, "ses", "ListIdentities", at)
    await limit.check(HERE, "ses", "ListTemplates", NOON)
    await limit.check(THERE, "ses", "ListIdentities", NOON)
    await limit.check(HERE, "ses", "ListIdentities", NOON + 1_000)


async def test_all_processes_share_one_rate(store: Store) -> None:
    processes = [ControlRate(store, 2.0) for _ in range(3)]
    counted = []
    for at in (NOON, NOON + 500, NOON + 2_000):
        for limit in processes:
            try:
                await limit.check(HERE, "sesv2", "GetAccount", at)
            except RateExceeded:
                continue
            counted.append(at)
    assert counted == [NOON, NOON, NOON + 500, NOON + 2_000, NOON + 2_000]


async def test_what_cannot_be_counted_is_let_in(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.close()
    limit = ControlRate(store, 1.0)
    await limit.check(HERE, "ses", "ListIdentities", NOON)
    await limit.check(HERE, "ses", "ListIdentities", NOON)


async def test_what_was_long_ago_leaves_no_rows(store: Store) -> None:
    limit = ControlRate(store, 1.0)
    for number in range(20):
        await limit.check(HERE, "ses", f"Operation{number}", NOON)
    for second in range(2, 10):
        await limit.check(HERE, "ses", "ListIdentities", NOON + second * 1_000)
    assert await store.read(_rows) == 1


def _rows() -> Plan[int]:
    rows = yield Rows("SELECT count(*) FROM call_rates")
    return int(rows[0][0])


@pytest.mark.parametrize(("service", "operation"), [("ses", "SendRawEmail"), ("sesv2", "SendEmail"), ("sqs", "X")])
async def test_sends_and_other_services_are_not_counted(store: Store, service: str, operation: str) -> None:
    limit = ControlRate(store, 1.0)
    for _ in range(5):
        await limit.check(HERE, service, operation, NOON)
