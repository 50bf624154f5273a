"""Lists in pages."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import pages
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

HERE = Scope("111111111111", "us-east-1")


def _fill(count: int) -> Plan[None]:
    for number in range(count):
        yield from nouns.create(HERE, "thing", f"n{number:04}", "{}", 0)


async def _walk(store: Store, size: int | None, **fits) -> list[list[str]]:  # type: ignore[no-untyped-def]
    found, token = [], None
    while True:
        page = await store.read(lambda token=token: pages.page_of(HERE, "thing", token, size, **fits))
        found.append([noun.name for noun in page.rows])
        token = page.next_token
        if token is None:
            return found


async def test_pages_join_to_the_whole_list(store: Store) -> None:
    await store.write(_fill, 7)
    assert await _walk(store, 3) == [["n0000", "n0001", "n0002"], ["n0003", "n0004", "n0005"], ["n0006"]]


async def test_a_page_that_ends_with_the_list_has_no_token(store: Store) -> None:
    await store.write(_fill, 4)
    assert [len(page) for page in await _walk(store, 2)] == [2, 2]
    assert [len(page) for page in await _walk(store, 4)] == [4]


async def test_no_size_means_the_longest_page(store: Store) -> None:
    await store.write(_fill, 1_001)
    assert [len(page) for page in await _walk(store, None)] == [1_000, 1]
    assert [len(page) for page in await _walk(store, 0)] == [1_000, 1]


async def test_what_does_not_fit_does_not_shorten_a_page(store: Store) -> None:
    await store.write(_fill, 1_200)
    found = await _walk(store, 2, fits=lambda noun: noun.name.endswith("99"))
    assert found == [[f"n{hundred:02}99", f"n{hundred + 1:02}99"] for hundred in range(0, 12, 2)]


async def test_a_row_that_goes_between_pages_hides_no_other(store: Store) -> None:
    await store.write(_fill, 4)
    first = await store.read(pages.page_of, HERE, "thing", None, 2)
    await store.write(nouns.delete, HERE, "thing", "n0001")
    second = await store.read(pages.page_of, HERE, "thing", first.next_token, 2)
    assert [noun.name for noun in second.rows] == ["n0002", "n0003"]


@pytest.mark.parametrize("token", ["*", "abc", "_w==", "é"])
async def test_a_token_that_no_list_gave_is_refused(store: Store, token: str) -> None:
    with pytest.raises(pages.InvalidToken):
        await store.read(pages.page_of, HERE, "thing", token, 2)


@pytest.mark.parametrize("size", [-1, 1_001])
async def test_a_page_size_out_of_bounds_is_refused(store: Store, size: int) -> None:
    with pytest.raises(Invalid):
        await store.read(pages.page_of, HERE, "thing", None, size)
