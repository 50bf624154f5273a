"""A store whose bodies are kept outside it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.sending.accept import keep_promises
from pillarbox.store import elsewhere, messages
from pillarbox.store.elsewhere import ElsewhereStore, piece_of
from pillarbox.store.engine import Store
from pillarbox.store.places import FolderPlace
from pillarbox.store.plan import Keep, Plan, PutAway
from tests.support.clock import NOON
from tests.support.promises import SCOPE, draft, promise

LARGE = bytes(range(256)) * 20_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


@pytest.fixture
async def kept(store: Store, folder: Path) -> AsyncIterator[ElsewhereStore]:
    yield ElsewhereStore(store, FolderPlace(folder))


async def put(kept: ElsewhereStore, *bodies: bytes, account: str = "1") -> list[str]:
    return [one.reference for one in await kept.put_away(bodies, account, NOON)]


async def test_bodies_come_back_from_where_they_were_put(kept: ElsewhereStore) -> None:
    given = [b"short", b"", LARGE, b"z" * 5_000]
    references = await put(kept, *given)

    assert await kept.bodies(references) == dict(zip(references, given, strict=True))
    assert [await kept.body(one) for one in references] == given


async def test_bodies_are_compressed_where_that_makes_them_smaller(kept: ElsewhereStore, folder: Path) -> None:
    (text,) = await put(kept, b"the same words again " * 500)
    (random,) = await put(kept, b"Sg")

    assert (folder / piece_of(text)).stat().st_size < 500
    assert (folder / piece_of(random)).stat().st_size == len(b"Sg") + 8


async def test_those_that_come_together_share_pieces_which_are_one_accounts(kept: ElsewhereStore) -> None:
    asked = [put(kept, b"%d" % number, account=str(number % 2)) for number in range(100)]
    references = [one for some in await asyncio.gather(*asked) for one in some]

    pieces = {piece_of(one) for one in references}
    assert len(pieces) <= 10
    assert {piece_of(one).split("/")[1] for one in references[::2]} == {"0"}
    assert await kept.bodies(references) == {one: b"%d" % number for number, one in enumerate(references)}


async def test_what_is_damaged_or_gone_is_not_told(kept: ElsewhereStore, folder: Path) -> None:
    damaged, gone, whole = (await put(kept, b"damaged"))[0], (await put(kept, b"gone"))[0], (await put(kept, b"x"))[0]
    file = folder / piece_of(damaged)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    (folder / piece_of(gone)).unlink()

    assert await kept.bodies([damaged, gone, whole]) == {whole: b"x"}
    with pytest.raises(Unavailable, match="no longer kept, or damaged"):
        await kept.body(damaged)


async def test_a_promise_refers_to_what_was_put_away_before(kept: ElsewhereStore) -> None:
    made = promise(draft(), NOON)
    body = made.body
    assert isinstance(body, bytes)
    put_away = await elsewhere.put_away(kept, [body], SCOPE.account, NOON)
    assert put_away is not None
    assert await kept.commit(keep_promises, replace(made, body=put_away[0])) is None

    row = await kept.read(messages.get, made.message.message_id)
    assert row is not None
    assert row.body == put_away[0].reference
    assert await kept.body(row.body) == body


async def test_what_the_store_kept_itself_is_read_from_it_beside_the_others(store: Store, kept: ElsewhereStore) -> None:
    def keep() -> Plan[list[str]]:
        references: list[str] = yield Keep([b"inside", PutAway("at:x:0:1")], ["1", "1"], NOON)
        return references

    inside, outside = await store.write(keep)
    assert outside == "at:x:0:1"
    (away,) = await put(kept, b"outside")
    assert await kept.bodies([inside, away]) == {inside: b"inside", away: b"outside"}
    assert await elsewhere.put_away(store, [b"x"], "1", NOON) is None


async def test_a_store_that_knows_no_place_does_not_find_what_is_elsewhere(store: Store) -> None:
    with pytest.raises(Unavailable):
        await store.body("at:2026-11-23/1/09-a:0:5")
    assert await store.bodies(["at:2026-11-23/1/09-a:0:5"]) == {}


async def test_nothing_is_promised_while_the_place_is_away(kept: ElsewhereStore, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    failed = await asyncio.gather(*(put(kept, b"x") for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in failed] == [Unavailable] * 3
