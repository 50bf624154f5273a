"""What a dead process had leased, when nobody else can hold it."""

from pillarbox.sending.accept import keep_promises
from pillarbox.store import events, leases, outgoing
from pillarbox.store.engine import Store
from tests.support.promises import draft, promise

NOON = 1_790_000_000_000
LATER = NOON + 60_000


async def test_leased_rows_are_due_at_once(store: Store) -> None:
    made = promise(draft("a@example.net"), NOON)
    await store.commit(keep_promises, made)
    lane = made.outgoing[0].lane
    (claimed,) = await store.write(outgoing.claim, {lane: 1}, "the dead one", NOON, LATER)
    assert await store.write(outgoing.claim, {lane: 1}, "another", NOON, LATER) == []

    assert await store.write(leases.end_all, NOON) == 1

    (again,) = await store.write(outgoing.claim, {lane: 1}, "another", NOON, LATER)
    assert again.message_id == claimed.message_id
    closing = outgoing.Closing(claimed.message_id, claimed.part, "the dead one", None, 0, "")
    assert not await store.write(outgoing.close, closing)


async def test_rows_that_one_had_leased_are_due_at_once_and_those_of_others_are_not(store: Store) -> None:
    for lease in ("the dead one", "the living one"):
        made = promise(draft("a@example.net"), NOON)
        await store.commit(keep_promises, made)
        await store.write(outgoing.claim, {made.outgoing[0].lane: 1}, lease, NOON, LATER)

    await store.commit(leases.end_of, "the dead one")

    (again,) = await store.write(outgoing.claim, {made.outgoing[0].lane: 2}, "another", NOON, LATER)
    assert again.message_id != made.message.message_id


async def test_cursors_are_free_at_once(store: Store) -> None:
    await store.write(events.lease_cursors, "stats", [0, 1], "the dead one", NOON, LATER)
    assert await store.write(events.lease_cursors, "stats", [0, 1], "another", NOON, LATER) == {}

    await store.write(leases.end_all, NOON)

    assert set(await store.write(events.lease_cursors, "stats", [0, 1], "another", NOON, LATER)) == {0, 1}


async def test_rows_that_wait_for_their_next_try_go_on_waiting(store: Store) -> None:
    made = promise(draft("a@example.net"), NOON)
    await store.commit(keep_promises, made)
    row = made.outgoing[0]
    await store.write(outgoing.claim, {row.lane: 1}, "mine", NOON, LATER)
    waiting = outgoing.Closing(row.message_id, row.part, "mine", row.recipients, LATER, "busy")
    assert await store.write(outgoing.close, waiting)

    assert await store.write(leases.end_all, NOON) == 0
    assert await store.write(outgoing.claim, {row.lane: 1}, "mine", NOON, LATER) == []
