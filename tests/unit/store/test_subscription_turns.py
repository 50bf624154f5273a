"""Turns are given once, as far apart as the policy says, to whoever asks; what limits nobody is forgotten."""

import asyncio

from pillarbox.kit.clock import MINUTE, SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import subscription_turns
from pillarbox.store.engine import Store

NOON: Millis = 1_800_014_400_000
HERE, THERE = Scope("123456789012", "us-east-1"), Scope("123456789012", "eu-west-1")


async def take(store: Store, most: int, *, scope: Scope = HERE, now: Millis = NOON) -> list[Millis]:
    return await store.write(subscription_turns.take, scope, "events:1", 4, most, now, now + 10 * SECOND)


async def test_all_who_ask_at_a_time_get_turns_of_their_own(store: Store) -> None:
    taken = await asyncio.gather(*(take(store, 3) for _ in range(4)))
    assert sorted(turn for turns in taken for turn in turns) == [NOON + number * 250 for number in range(12)]


async def test_nobody_gets_a_turn_that_is_far_away_and_who_comes_late_gets_one_at_once(store: Store) -> None:
    assert len(await take(store, 100)) == 41
    assert await take(store, 1) == []
    assert await take(store, 2, now=NOON + MINUTE) == [NOON + MINUTE, NOON + MINUTE + 250]


async def test_subscriptions_have_turns_of_their_own(store: Store) -> None:
    assert await take(store, 1) == await take(store, 1, scope=THERE) == [NOON]


async def test_turns_that_are_over_are_forgotten(store: Store) -> None:
    await take(store, 1)
    await take(store, 1, scope=THERE, now=NOON + MINUTE)
    assert await store.write(subscription_turns.forget, NOON + SECOND, 10) == 1
    assert await store.write(subscription_turns.forget, NOON + SECOND, 10) == 0
    assert await take(store, 1, scope=THERE, now=NOON + MINUTE) == [NOON + MINUTE + 250]
