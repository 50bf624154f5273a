"""Whose turn it is."""

from pillarbox.store.engine import Store
from pillarbox.upkeep import turns

NOW = 1_700_000_000_000


async def test_one_has_the_turn_until_it_ends_or_is_given_back(store: Store) -> None:
    assert await store.write(turns.take, "sweep", "me", NOW, NOW + 60)
    assert not await store.write(turns.take, "sweep", "you", NOW + 59, NOW + 99)
    assert await store.write(turns.take, "rotate", "you", NOW + 59, NOW + 99)  # another duty, another turn
    assert await store.write(turns.take, "sweep", "me", NOW + 59, NOW + 99)  # renewed

    assert await store.write(turns.take, "sweep", "you", NOW + 99, NOW + 200)

    await store.write(turns.end, "sweep", "me", NOW + 100)  # it is no longer theirs to give
    assert not await store.write(turns.take, "sweep", "me", NOW + 100, NOW + 200)
    await store.write(turns.end, "sweep", "you", NOW + 100)
    assert await store.write(turns.take, "sweep", "me", NOW + 100, NOW + 200)
