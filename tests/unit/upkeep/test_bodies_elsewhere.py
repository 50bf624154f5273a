"""Of what is kept outside the store, what is old and what nothing refers to goes, and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.clock import DAY, HOUR, Millis
from pillarbox.kit.ids import Scope
from pillarbox.sending.accept import Promise, keep_promises
from pillarbox.sending.bulk import Entry, send_bulk
from pillarbox.sending.draft import Templated
from pillarbox.sending.expand import Expander
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.store import account_times, messages, outgoing
from pillarbox.store.account_times import Days
from pillarbox.store.elsewhere import ElsewhereStore, piece_of
from pillarbox.store.engine import Store
from pillarbox.store.outgoing import Closing
from pillarbox.store.places import FolderPlace
from pillarbox.store.plan import PutAway
from pillarbox.upkeep.bodies_elsewhere import BodiesElsewhere
from pillarbox.upkeep.retention import Kept
from tests.support.clock import NOON, StandingClock
from tests.support.promises import SCOPE, draft, promise

START: Millis = NOON - NOON % HOUR
THEIRS = Scope("999999999999", "eu-west-1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


@pytest.fixture
async def kept(store: Store, folder: Path) -> AsyncIterator[ElsewhereStore]:
    yield ElsewhereStore(store, FolderPlace(folder))


def duty_of(store: ElsewhereStore, at: Millis) -> BodiesElsewhere:
    return BodiesElsewhere(store, store.place, Kept(bodies_days=3, history_days=180), StandingClock(at))


async def rounds_until(store: ElsewhereStore, at: Millis) -> None:
    duty = duty_of(store, at)
    while await duty.due_at() <= at:
        await duty.work(at)


async def put_away(store: ElsewhereStore, at: Millis, scope: Scope = SCOPE) -> Promise:
    """Do what comes before a promise is on disk."""
    made = promise(draft(scope=scope), at)
    assert isinstance(made.body, bytes)
    (body,) = await store.put_away([made.body], scope.account, at)
    return replace(made, body=body)


async def promised(store: ElsewhereStore, at: Millis, scope: Scope = SCOPE, *, waits: bool = False) -> str:
    """Return the reference of the body of a message that was accepted, and delivered unless it waits."""
    made = await put_away(store, at, scope)
    assert await store.commit(keep_promises, made) is None
    for due in () if waits else made.outgoing:
        await store.write(outgoing.close, Closing(due.message_id, due.part, "", None, 0, ""))
    row = await store.read(messages.get, made.message.message_id)
    assert row is not None
    return row.body


async def orphaned(store: ElsewhereStore, at: Millis) -> str:
    """Return the reference of a body whose promise was never made."""
    body = (await put_away(store, at)).body
    assert isinstance(body, PutAway)
    return body.reference


def pieces(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*-*") if file.is_file()}


async def test_what_nothing_refers_to_goes_when_nobody_can_be_about_to(kept: ElsewhereStore, folder: Path) -> None:
    await rounds_until(kept, START - HOUR)
    used = {piece_of(await promised(kept, START + minutes * 60_000)) for minutes in (0, 59)}
    orphan = piece_of(await orphaned(kept, START))

    await rounds_until(kept, START + 2 * HOUR - 1)
    assert pieces(folder) == {orphan, *used}
    await rounds_until(kept, START + 2 * HOUR)
    assert pieces(folder) == used


async def test_what_messages_are_still_to_be_made_of_stays(kept: ElsewhereStore, folder: Path) -> None:
    await rounds_until(kept, START)
    standings = Standings(kept, StandingClock(START), any_sender=True, sandbox=False)
    shared = replace(draft(), content=Templated("t", "Hello", "Hi {{name}}", None, '{"name": "you"}'), to=())
    entries = [Entry(to=(f"a{number}@example.net",)) for number in range(20)]
    sent = await send_bulk(Sender(kept, standings, RouteTable()), shared, entries, START)
    assert len(pieces(folder)) == 1

    await rounds_until(kept, START + 3 * HOUR)
    expander = Expander(kept, RouteTable(), StandingClock(START + 3 * HOUR))
    while await expander.step():
        pass
    await rounds_until(kept, START + 6 * HOUR)

    for one in sent:
        row = await kept.read(messages.get, one.message_id or "")
        assert row is not None and b"Hi you" in await kept.body(row.body)


async def test_a_piece_whose_writing_was_cut_off_goes(kept: ElsewhereStore, folder: Path) -> None:
    await rounds_until(kept, START)
    used = folder / piece_of(await promised(kept, START))
    partial = used.with_name(f".{used.name[:-1]}x")
    partial.write_bytes(b"hal")

    await rounds_until(kept, START + 3 * HOUR)

    assert used.exists()
    assert not partial.exists()


async def test_bodies_go_by_the_days_of_their_account(kept: ElsewhereStore) -> None:
    await rounds_until(kept, START)
    await kept.write(account_times.put, THEIRS.account, Days(bodies=1), START)
    ours, theirs, waiting = [
        await promised(kept, START),
        await promised(kept, START, THEIRS),
        await promised(kept, START, Scope("888888888888", "us-east-1"), waits=True),
    ]

    await rounds_until(kept, START + 2 * DAY)
    assert (await kept.bodies([ours, theirs, waiting])).keys() == {ours, waiting}
    await rounds_until(kept, START + 4 * DAY)
    assert (await kept.bodies([ours, theirs, waiting])).keys() == {waiting}


async def test_nothing_is_removed_where_another_store_keeps_its_bodies(kept: ElsewhereStore, folder: Path) -> None:
    await rounds_until(kept, START)
    (folder / "owner").write_bytes(b"somebody else")
    body = await promised(kept, START - 40 * DAY)
    orphan = await orphaned(kept, START)

    await rounds_until(kept, START + 3 * HOUR)

    assert (await kept.bodies([body, orphan])).keys() == {body, orphan}
