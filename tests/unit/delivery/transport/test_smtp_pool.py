"""Connections that are kept: which are lent again, and which pools are forgotten."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from pillarbox.delivery.transport.smtp_connection import Connection
from pillarbox.delivery.transport.smtp_pool import Pool, Pools, Upkeep

UPKEEP = Upkeep(max_connections=2, messages_per_connection=10, idle_seconds=60.0)


class Line:
    """As much of a connection as a pool looks at."""

    def __init__(self) -> None:
        self.is_open = True
        self.messages = 0

    async def part(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False


def nothing(_: Connection) -> None:
    """Say nothing before one's turn."""


def opener() -> tuple[list[Line], Callable[[], Awaitable[Connection]]]:
    opened: list[Line] = []

    async def open_one() -> Connection:
        opened.append(Line())
        return cast(Connection, opened[-1])

    return opened, open_one


async def test_a_connection_is_lent_again_for_its_own_kind_only() -> None:
    opened, open_one = opener()
    pool = Pool(UPKEEP)
    for kind in ("plain", "secret", "plain"):
        pool.take_back(await pool.lend(kind, open_one, nothing), kind)

    assert len(opened) == 2
    await pool.close()


async def test_one_of_another_kind_gives_way_when_there_is_no_room() -> None:
    opened, open_one = opener()
    pool = Pool(UPKEEP)
    for kind in ("a", "b", "c"):
        pool.take_back(await pool.lend(kind, open_one, nothing), kind)

    assert [line.is_open for line in opened] == [False, True, True]
    await pool.close()


async def test_pools_that_nobody_uses_are_forgotten_and_the_others_kept() -> None:
    _, open_one = opener()
    pools = Pools(UPKEEP, many=2)
    idle: Any = pools.to("idle")
    used = pools.to("used")
    lent = await used.lend("kind", open_one, nothing)
    pools.to("third")

    assert pools.to("used") is used
    assert pools.to("idle") is not idle
    used.take_back(lent, "kind")
    await pools.close()


async def test_whoever_waits_comes_in_turn_and_one_who_went_away_holds_nobody_up() -> None:
    opened, open_one = opener()
    pool = Pool(UPKEEP)
    lent = [await pool.lend("kind", open_one, nothing) for _ in range(2)]
    first, second, third = (asyncio.create_task(pool.lend("kind", open_one, nothing)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    pool.take_back(lent[0], "kind")

    assert await second is lent[0] and not third.done()
    lent[1].abort()
    pool.take_back(lent[1], "kind")
    assert await third is cast(Any, opened[2])
    for one in (await second, await third):
        pool.take_back(one, "kind")
    assert len(opened) == 3
    await pool.close()


async def test_a_turn_that_comes_to_one_who_just_went_away_is_the_next_ones() -> None:
    opened, open_one = opener()
    pool = Pool(Upkeep(max_connections=1, messages_per_connection=10, idle_seconds=60.0))
    lent = await pool.lend("kind", open_one, nothing)
    first, second = (asyncio.create_task(pool.lend("kind", open_one, nothing)) for _ in range(2))
    await asyncio.sleep(0)
    pool.take_back(lent, "kind")
    first.cancel()

    assert await second is cast(Any, opened[1])
    pool.take_back(await second, "kind")
    await pool.close()
    assert pool.is_unused


async def test_only_one_of_the_same_kind_begins_on_a_connection_and_not_on_its_last_message() -> None:
    _, open_one = opener()
    pool = Pool(Upkeep(max_connections=1, messages_per_connection=2, idle_seconds=60.0))
    begun: list[Any] = []

    def begin(connection: Connection) -> Any:
        begun.append(connection)
        return "asked"

    lent: Any = await pool.lend("kind", open_one, nothing)
    waiting = asyncio.create_task(pool.lend("kind", open_one, begin))
    await asyncio.sleep(0)

    assert pool.following(lent, "another") is None
    assert pool.following(lent, "kind") == cast(Any, "asked")
    assert pool.following(lent, "kind") is None
    lent.messages = 1
    pool.take_back(lent, "kind")
    assert await waiting is lent and begun == [lent]
    assert pool.following(lent, "kind") is None
    pool.take_back(lent, "kind")
    await pool.close()
