"""Policies of recipient domains, kept until they expire."""

from pillarbox.store import mta_sts
from pillarbox.store.engine import Store
from pillarbox.store.mta_sts import PolicyRow


async def test_a_policy_takes_the_place_of_the_one_before(store: Store) -> None:
    await store.write(mta_sts.keep, PolicyRow("example.net", "1", 1_000, "{}"), 0)
    await store.write(mta_sts.keep, PolicyRow("example.net", "2", 2_000, "[]"), 0)

    assert await store.read(mta_sts.get, "example.net") == PolicyRow("example.net", "2", 2_000, "[]")
    assert await store.read(mta_sts.get, "example.org") is None


async def test_what_has_expired_is_forgotten_with_the_next_that_is_kept(store: Store) -> None:
    await store.write(mta_sts.keep, PolicyRow("old.example.net", "1", 1_000, "{}"), 0)
    await store.write(mta_sts.keep, PolicyRow("young.example.net", "1", 1_001, "{}"), 0)
    await store.write(mta_sts.keep, PolicyRow("example.net", "1", 2_000, "{}"), 1_000)

    assert await store.read(mta_sts.get, "old.example.net") is None
    assert await store.read(mta_sts.get, "young.example.net") is not None
