"""Totals grow by what is added, each in its own place."""

from pillarbox.kit.ids import Scope
from pillarbox.store import counters
from pillarbox.store.counters import CounterRow
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
ROW = CounterRow(*HERE, "account", "", "sent", 900_000, 3)


async def _all(store: Store, scope: Scope = HERE) -> list[CounterRow]:
    return await store.read(counters.series, scope, "account", "", 0, 10**15)


async def test_what_is_added_again_is_added_up(store: Store) -> None:
    await store.write(counters.add, [ROW])
    await store.write(counters.add, [ROW._replace(total=4), ROW._replace(bucket_at=0, total=1)])

    assert await _all(store) == [ROW._replace(bucket_at=0, total=1), ROW._replace(total=7)]


async def test_one_batch_may_add_to_the_same_counter_twice(store: Store) -> None:
    await store.write(counters.add, [ROW, ROW])

    assert await _all(store) == [ROW._replace(total=6)]


async def test_every_part_of_the_key_tells_counters_apart(store: Store) -> None:
    others = [
        ROW._replace(account="222222222222"),
        ROW._replace(region="eu-west-1"),
        ROW._replace(dimension="identity"),
        ROW._replace(member="x"),
        ROW._replace(name="opened"),
        ROW._replace(bucket_at=0),
    ]
    await store.write(counters.add, [ROW, *others])

    assert await store.read(counters.totals, HERE, "account", "", 900_000, 900_001) == {"sent": 3, "opened": 3}
    assert await store.read(counters.totals, HERE, "account", "", 0, 900_000) == {"sent": 3}
    assert await store.read(counters.totals, HERE, "account", "x", 0, 900_001) == {"sent": 3}


async def test_sums_past_32_bits_are_kept(store: Store) -> None:
    await store.write(counters.add, [ROW._replace(total=2**40)])
    await store.write(counters.add, [ROW._replace(total=2**40, bucket_at=0)])

    assert await store.read(counters.totals, HERE, "account", "", 0, 10**9) == {"sent": 2**41}
