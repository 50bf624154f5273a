"""The embedded store, seen from a process beside the one that holds it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identities
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Keep, Many, Plan, Rows, Touch
from tests.support.beside import Both

SCOPE = Scope("123456789012", "us-east-1")
TOPIC = "things"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    async with Both.opened(tmp_path) as both:
        yield both


def add_things(names: Sequence[str]) -> Plan[list[int]]:
    """Add documents, and tell each how many were added with it."""
    yield Many(
        "INSERT INTO nouns (account, region, kind, name, parent, created_at, updated_at, document)"
        " VALUES ('', '', 'thing', ?, '', 0, 0, '')",
        [(name,) for name in names],
    )
    yield Touch(TOPIC)
    return [len(names)] * len(names)


def wait_for(gate: threading.Event) -> Plan[None]:
    gate.wait(10)
    yield Touch(TOPIC)


def keep(body: bytes) -> Plan[str]:
    (reference,) = yield Keep([body], [SCOPE.account], 0)
    return str(reference)


def names_of_things() -> Plan[list[str]]:
    return [row[0] for row in (yield Rows("SELECT name FROM nouns WHERE kind = 'thing' ORDER BY name"))]


async def test_what_is_written_beside_is_read_in_both_processes(both: Both) -> None:
    await both.beside.write(add_things, ["a", "b"])
    assert await both.holder.read(names_of_things) == await both.beside.read(names_of_things) == ["a", "b"]


async def test_those_who_commit_at_the_same_time_share_a_transaction_whatever_their_process(both: Both) -> None:
    stores: list[Store] = [both.beside, both.holder, both.beside]
    together = await asyncio.gather(*(store.commit(add_things, str(number)) for number, store in enumerate(stores * 9)))
    assert max(together) > 1
    assert len(await both.holder.read(names_of_things)) == 27


async def test_a_refusal_arrives_as_it_was_raised(both: Both) -> None:
    with pytest.raises(ConfigurationSetMissing, match=r"^Configuration set <none> does not exist\.$") as refused:
        await both.beside.write(identities.set_configuration_set, SCOPE, "example.com", "none", 0)
    assert refused.value.members == {"ConfigurationSetName": "none"}


async def test_what_one_plan_raises_is_no_matter_of_its_neighbours(both: Both) -> None:
    made, refused = await asyncio.gather(
        both.beside.write(configuration_sets.create, SCOPE, "made", 0),
        both.beside.write(configuration_sets.create, SCOPE, "not a name", 0),
        return_exceptions=True,
    )
    assert not isinstance(made, BaseException)
    assert isinstance(refused, configuration_sets.InvalidConfigurationSet)


async def test_a_plan_that_cannot_travel_fails_alone(both: Both) -> None:
    outcomes = await asyncio.gather(
        both.beside.write(add_things, ["a"]),
        both.beside.write(nouns.change, SCOPE, "thing", "a", lambda text: text, 1),
        return_exceptions=True,
    )
    assert outcomes[0] == [1]
    assert isinstance(outcomes[1], Exception)
    assert "lambda" in str(outcomes[1])


async def test_bodies_kept_beside_are_read_beside(both: Both) -> None:
    body = bytes(range(256)) * 4096
    reference = await both.beside.write(keep, body)
    assert await both.beside.body(reference) == body
    assert await both.beside.bodies([reference, "1970-01-01:999999999:1"]) == {reference: body}


@pytest.mark.parametrize("writer", ["beside", "holder"])
async def test_a_commit_wakes_those_who_listen_in_every_process(both: Both, writer: str) -> None:
    woken = {"beside": asyncio.Event(), "holder": asyncio.Event()}
    both.beside.listen(TOPIC, woken["beside"].set)
    both.holder.listen(TOPIC, woken["holder"].set)
    await both.beside.write(names_of_things)  # by then the holder has heard that somebody listens
    await getattr(both, writer).write(add_things, ["a"])
    async with asyncio.timeout(5):
        await asyncio.gather(*(one.wait() for one in woken.values()))


async def test_when_the_holder_goes_those_who_wait_are_told(both: Both) -> None:
    waiting = asyncio.create_task(both.beside.write(add_things, ["a"]))
    both.keeper.close()
    with pytest.raises(Unavailable):
        await waiting
    await both.beside.holder_gone.wait()
    with pytest.raises(Unavailable):
        await both.beside.write(add_things, ["b"])


async def test_what_a_lost_process_asked_for_is_done_all_the_same(both: Both) -> None:
    done = asyncio.Event()
    both.holder.listen(TOPIC, done.set)
    asking = asyncio.create_task(both.beside.write(add_things, ["a"]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # what was said leaves in the next turn of the loop
    await both.beside.close()
    with pytest.raises(Unavailable):
        await asking
    async with asyncio.timeout(5):
        await done.wait()
    assert await both.holder.read(names_of_things) == ["a"]


async def test_what_works_behind_the_doors_gives_way_while_many_wait_beside(both: Both) -> None:
    async def rests() -> bool:
        giving_way = asyncio.ensure_future(both.courtesy.give_way())
        await asyncio.sleep(0)
        return not giving_way.done()

    gate = threading.Event()
    writer = asyncio.ensure_future(both.holder.write(wait_for, gate))
    waiting = [asyncio.ensure_future(both.beside.commit(add_things, f"{number}")) for number in range(8)]
    async with asyncio.timeout(5):
        while not await rests():
            await asyncio.sleep(0.001)
    gate.set()
    await asyncio.gather(writer, *waiting)
    assert not await rests()
