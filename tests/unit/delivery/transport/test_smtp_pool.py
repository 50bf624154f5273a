"""Connections that are kept: which are lent again, and which pools are forgotten."""

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
        async with pool.connection(kind, open_one):
            pass

    assert len(opened) == 2
    await pool.close()


async def test_one_of_another_kind_gives_way_when_there_is_no_room() -> None:
    opened, open_one = opener()
    pool = Pool(UPKEEP)
    for kind in ("a", "b", "c"):
        async with pool.connection(kind, open_one):
            pass

    assert [line.is_open for line in opened] == [False, True, True]
    await pool.close()


async def test_pools_that_nobody_uses_are_forgotten_and_the_others_kept() -> None:
    _, open_one = opener()
    pools = Pools(UPKEEP, many=2)
    idle: Any = pools.to("idle")
    used = pools.to("used")
    async with used.connection("kind", open_one):
        pools.to("third")

        assert pools.to("used") is used
        assert pools.to("idle") is not idle
    await pools.close()
