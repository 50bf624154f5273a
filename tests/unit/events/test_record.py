"""A fact is written down once, and moves a state only while that still can be moved."""

import asyncio
from typing import Any

import msgspec
import pytest

from pillarbox.events.record import record, record_once
from pillarbox.events.tail import event_of
from pillarbox.events.types import Bounce, BouncedRecipient, Complaint, Delivery, Event, Fact
from pillarbox.store import events, messages
from pillarbox.store.engine import Store
from tests.unit.events.examples import HAPPENED_AT, KINDS, MESSAGE_ID, SCOPE, event, message, recipients

BOB, CAROL = "bob@example.net", "carol@example.org"


@pytest.fixture
async def accepted(store: Store) -> Store:
    """A store in which the example message has been accepted."""
    await store.write(messages.add, [message()], recipients(message()))
    return store


async def _states(store: Store) -> dict[str, str]:
    return {one.address: one.state for one in await store.read(messages.recipients_of, MESSAGE_ID)}


async def _story(store: Store) -> list[Event]:
    return [event_of(row) for row in await store.read(events.of_message, MESSAGE_ID)]


def _delivered(*addresses: str) -> Delivery:
    return Delivery(list(addresses), "250 ok", 1, "mta.example")


def _bounced(*addresses: str) -> Bounce:
    return Bounce("Permanent", "General", [BouncedRecipient(address) for address in addresses], "f")


async def test_what_is_recorded_is_told_again_as_it_was(accepted: Store) -> None:
    told = [event(fact) for fact in KINDS.values()]

    await accepted.write(record, told)

    assert await _story(accepted) == told


async def test_a_fact_moves_those_that_it_names(accepted: Store) -> None:
    await accepted.write(record, [event(KINDS["send"]), event(_delivered(BOB)), event(_bounced(CAROL))])

    assert await _states(accepted) == {BOB: "delivered", CAROL: "bounced"}
    changed = {one.changed_at for one in await accepted.read(messages.recipients_of, MESSAGE_ID)}
    assert changed == {HAPPENED_AT}


async def test_a_complaint_that_comes_before_its_delivery_stays(accepted: Store) -> None:
    await accepted.write(record, [event(Complaint([BOB], "f"))])
    await accepted.write(record, [event(_delivered(BOB, CAROL))])

    assert await _states(accepted) == {BOB: "complained", CAROL: "delivered"}
    assert len(await _story(accepted)) == 2


@pytest.mark.parametrize(
    "facts, state",
    [
        ([KINDS["delivery-delay"], _delivered(BOB)], "delivered"),
        ([_delivered(BOB), KINDS["delivery-delay"]], "delivered"),
        ([_delivered(BOB), _bounced(BOB)], "bounced"),
        ([_bounced(BOB), _delivered(BOB)], "bounced"),
        ([KINDS["reject"]], "rejected"),
        ([KINDS["rendering-failure"]], "rendering-failed"),
        ([_delivered(BOB), KINDS["open"], KINDS["click"], KINDS["subscription"]], "delivered"),
        ([KINDS["delivery-delay"]], "delayed"),
        ([KINDS["send"]], "accepted"),
    ],
)
async def test_a_late_fact_moves_nothing_back(accepted: Store, facts: list[Fact], state: str) -> None:
    for fact in facts:
        await accepted.write(record, [event(fact)])

    assert (await _states(accepted))[BOB] == state
    assert len(await _story(accepted)) == len(facts)


async def test_a_batch_moves_states_as_its_facts_one_by_one_would(accepted: Store) -> None:
    await accepted.write(record, [event(_bounced(BOB)), event(_delivered(BOB, CAROL)), event(Complaint([CAROL], "f"))])

    assert await _states(accepted) == {BOB: "bounced", CAROL: "complained"}


async def test_a_fact_that_strangers_tell_twice_is_recorded_once(accepted: Store) -> None:
    told = [event(_bounced(BOB)), msgspec.structs.replace(event(_bounced(BOB)), event_id="again")]

    verdicts = [await accepted.write(record_once, one, "dsn/1") for one in told]

    assert verdicts == [True, False]
    assert [one.event_id for one in await _story(accepted)] == [told[0].event_id]


async def test_told_at_the_same_time_it_is_recorded_once_too(accepted: Store) -> None:
    verdicts = await asyncio.gather(
        *(accepted.write(record_once, event(KINDS["open"]), "open/1") for _ in range(10)),
        *(accepted.write(record_once, event(KINDS["open"]), "open/2") for _ in range(10)),
    )

    assert sorted(verdicts) == [False] * 18 + [True] * 2
    assert len(await _story(accepted)) == 2


async def test_a_fact_whose_message_is_unknown_is_recorded_all_the_same(store: Store) -> None:
    await store.write(record, [event(_bounced(BOB))])

    assert [one.scope for one in await _story(store)] == [SCOPE]


async def test_a_refused_transaction_leaves_no_key_behind(accepted: Store) -> None:
    def refused() -> Any:
        yield from record_once(event(KINDS["open"]), "open/1")
        raise LookupError

    with pytest.raises(LookupError):
        await accepted.write(refused)

    assert await accepted.write(record_once, event(KINDS["open"]), "open/1")
