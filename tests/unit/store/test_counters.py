"""Totals grow by what is added, each in its own place."""

from pillarbox.kit.clock import DAY, HOUR, MINUTE
from pillarbox.kit.ids import Scope
from pillarbox.store import counters
from pillarbox.store.counters import CounterRow, FirstHit
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
ELSEWHERE = Scope("222222222222", "us-east-1")
ROW = CounterRow(*HERE, "tenant", HOUR, "acme", 2 * DAY, "sent", 3)


async def _all(store: Store) -> list[CounterRow]:
    return await store.read(counters.series, HERE, "tenant", "acme", HOUR, 0, 10**15)


async def test_what_is_added_again_is_added_up(store: Store) -> None:
    await store.write(counters.add, [ROW])
    await store.write(counters.add, [ROW._replace(total=4), ROW._replace(bucket_at=0, total=1)])

    assert await _all(store) == [ROW._replace(bucket_at=0, total=1), ROW._replace(total=7)]


async def test_one_batch_may_add_to_the_same_counter_twice(store: Store) -> None:
    await store.write(counters.add, [ROW, ROW])

    assert await _all(store) == [ROW._replace(total=6)]


async def test_what_was_taken_away_again_is_not_there(store: Store) -> None:
    await store.write(counters.add, [ROW])
    await store.write(counters.add, [ROW._replace(total=-3)])

    assert await _all(store) == []


async def test_every_part_of_the_key_tells_counters_apart(store: Store) -> None:
    others = [
        ROW._replace(account="222222222222"),
        ROW._replace(region="eu-west-1"),
        ROW._replace(dimension="identity"),
        ROW._replace(step=DAY),
        ROW._replace(member="x"),
        ROW._replace(bucket_at=0),
    ]
    await store.write(counters.add, [ROW, *others])

    assert await _all(store) == [ROW._replace(bucket_at=0), ROW]


async def test_totals_are_larger_than_any_machine_word_of_old(store: Store) -> None:
    await store.write(counters.add, [ROW._replace(total=2**40)])
    await store.write(counters.add, [ROW._replace(total=2**40)])

    assert [row.total for row in await _all(store)] == [2**41]


async def test_only_so_many_members_of_a_day_have_counters_of_their_own(store: Store) -> None:
    async def admit(*wanted: str, day_at: int = DAY, scope: Scope = HERE) -> set[str]:
        return await store.write(counters.admit, scope, "tag:campaign", day_at, list(wanted), 3, "(other)")

    assert await admit("a", "b") == {"a", "b"}
    assert await admit("b", "c", "d") == {"b", "c"}
    assert await admit("d", "a") == {"a"}
    assert await admit("d", day_at=2 * DAY) == {"d"}
    assert await admit("d", scope=ELSEWHERE) == {"d"}


async def test_sums_by_member_are_of_the_days_that_are_asked_for(store: Store) -> None:
    for day_at, member in ((DAY, "a"), (DAY, "b"), (2 * DAY, "b"), (3 * DAY, "c")):
        await store.write(counters.admit, HERE, "tenant", day_at, [member], 9, "(other)")
        row = ROW._replace(bucket_at=day_at + HOUR, member=member)
        await store.write(counters.add, [row, row._replace(name="opened", total=1)])

    found = await store.read(counters.by_member, HERE, "tenant", HOUR, DAY + HOUR, 3 * DAY)
    in_time = await store.read(counters.by_time_and_member, HERE, "tenant", "sent", HOUR, DAY + HOUR, 3 * DAY)

    assert found == {"a": {"sent": 3, "opened": 1}, "b": {"sent": 6, "opened": 2}}
    assert in_time == [(DAY + HOUR, "a", 3), (DAY + HOUR, "b", 3), (2 * DAY + HOUR, "b", 3)]


async def test_a_first_hit_is_replaced_by_an_earlier_one(store: Store) -> None:
    hit = FirstHit("111111111111", "m-1", "a@x.example", "opened.unique", 500)
    other = hit._replace(recipient="b@x.example")
    await store.write(counters.put_first_hits, [hit, other])
    await store.write(counters.put_first_hits, [hit._replace(happened_at=400)])

    found = await store.read(counters.first_hits, [hit.key, other.key, ("m-2", "", "opened.unique")])

    assert found == {hit.key: 400, other.key: 500}


async def test_old_minutes_are_forgotten_and_hours_stay(store: Store) -> None:
    await store.write(counters.add, [ROW, ROW._replace(step=MINUTE), ROW._replace(step=MINUTE, bucket_at=MINUTE)])

    await store.write(counters.forget_minutes, 2 * DAY)

    assert len(await _all(store)) == 1
    minutes = await store.read(counters.series, HERE, "tenant", "acme", MINUTE, 0, 10**15)
    assert [row.bucket_at for row in minutes] == [2 * DAY]


async def test_the_accounts_and_dimensions_that_were_counted_are_listed(store: Store) -> None:
    await store.write(counters.add, [ROW, ROW._replace(account="222222222222"), ROW._replace(dimension="tag:x")])

    assert await store.read(counters.scopes) == [HERE, ELSEWHERE]
    assert await store.read(counters.dimensions, HERE) == ["tag:x", "tenant"]
