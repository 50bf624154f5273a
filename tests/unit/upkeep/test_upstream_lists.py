"""The suppression list of an upstream is kept in step here, whoever stood on ours before, over both stores."""

from pillarbox.kit.ids import Scope
from pillarbox.resources import suppression, upstreams
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.resources.upstreams import ListState
from pillarbox.store.engine import Store
from pillarbox.upkeep.upstream_lists import _gone, take_off, take_page
from tests.support.clock import NOON

HERE = Scope("123456789012", "eu-west-1")


async def read_through(store: Store, *pages: dict[str, Reason], name: str = "eu") -> None:
    """Read a whole list once."""
    for number, page in enumerate(pages, 1):
        state = await store.read(upstreams.list_state, name)
        token = f"page {number}" if number < len(pages) else ""
        await store.write(take_page, HERE, name, page, token, state, NOON)
    while (state := await store.read(upstreams.list_state, name)).is_read:
        gone = await store.read(_gone, HERE, name, state.round)
        await store.write(take_off, HERE, name, gone, state, NOON)


async def listed(store: Store) -> dict[str, Reason]:
    page = await store.read(suppression.list_page, HERE, frozenset(), None, None, None, None)
    return {one.address: one.reason for one in page.addresses}


async def test_who_is_on_their_list_is_on_ours_until_they_leave_it(store: Store) -> None:
    await read_through(store, {"a@x.example": Reason.BOUNCE}, {"b@x.example": Reason.COMPLAINT})
    assert await listed(store) == {"a@x.example": Reason.BOUNCE, "b@x.example": Reason.COMPLAINT}
    assert (await store.read(upstreams.list_state, "eu")).addresses == 2

    await read_through(store, {"a@x.example": Reason.COMPLAINT})
    assert await listed(store) == {"a@x.example": Reason.COMPLAINT}


async def test_who_was_on_our_list_before_stays_when_theirs_forgets_them(store: Store) -> None:
    await store.write(suppression.put, HERE, "own@x.example", Reason.BOUNCE, NOON)
    await read_through(store, {"own@x.example": Reason.COMPLAINT})
    assert await listed(store) == {"own@x.example": Reason.BOUNCE}, "and for the reason that we know"

    await read_through(store, {})
    assert await listed(store) == {"own@x.example": Reason.BOUNCE}


async def test_who_is_deleted_here_and_listed_there_comes_back(store: Store) -> None:
    await read_through(store, {"a@x.example": Reason.BOUNCE})
    await store.write(suppression.delete, HERE, "a@x.example")
    await read_through(store, {"a@x.example": Reason.BOUNCE})

    assert await listed(store) == {"a@x.example": Reason.BOUNCE}


async def test_a_long_list_is_read_and_left_page_by_page(store: Store) -> None:
    everybody = {f"{number}@x.example": Reason.BOUNCE for number in range(450)}
    await read_through(store, everybody)
    state = await store.read(upstreams.list_state, "eu")
    assert (state.addresses, state.looked_at) == (450, NOON)

    await read_through(store, {"0@x.example": Reason.BOUNCE})
    assert await listed(store) == {"0@x.example": Reason.BOUNCE}


async def test_two_upstreams_keep_their_own_marks(store: Store) -> None:
    await read_through(store, {"a@x.example": Reason.BOUNCE}, name="eu")
    await read_through(store, {"b@x.example": Reason.BOUNCE}, name="us")
    await read_through(store, {}, name="us")

    assert await listed(store) == {"a@x.example": Reason.BOUNCE}


async def test_who_two_upstreams_list_stays_until_both_have_forgotten_them(store: Store) -> None:
    for name in ("eu", "us"):
        await read_through(store, {"a@x.example": Reason.BOUNCE}, name=name)
    await read_through(store, {}, name="eu")
    await read_through(store, {"a@x.example": Reason.BOUNCE}, name="us")
    assert await listed(store) == {"a@x.example": Reason.BOUNCE}

    await read_through(store, {}, name="us")
    assert await listed(store) == {}


async def test_a_list_that_is_asked_for_now_begins_anew(store: Store) -> None:
    await store.write(upstreams.put_list_state, "eu", ListState(NOON + 5, "token", 3, seen=7, addresses=9), NOON)
    await store.write(upstreams.look_now, "eu", NOON)

    assert await store.read(upstreams.list_state, "eu") == ListState(round=4, addresses=9)
