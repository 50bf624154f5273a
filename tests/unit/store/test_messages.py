"""Messages and their recipients are found again, and their states only move forward."""

from typing import Any

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.store import messages
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, RecipientRow, Search

HERE = Scope("111111111111", "us-east-1")
THERE = Scope("222222222222", "eu-west-1")
FIVE_MINUTES = 300_000


def message(number: int, *, scope: Scope = HERE, at: int | None = None, **changes: str) -> MessageRow:
    row = MessageRow(
        f"m-{number}", *scope, f"m-{number}", number if at is None else at, "SendEmail", "set", "a@x.example", "Hello",
        10, 2, "{}", "body",
    )  # fmt: skip
    return row._replace(**changes)  # type: ignore[arg-type]


def recipients(row: MessageRow, *addresses: str) -> list[RecipientRow]:
    return [
        RecipientRow(row.message_id, number, *row.scope, address, row.accepted_at, "accepted", 0, row.accepted_at)
        for number, address in enumerate(addresses)
    ]


async def _add(store: Store, row: MessageRow, *addresses: str) -> None:
    await store.write(messages.add, [row], recipients(row, *addresses))


async def _states(store: Store, message_id: str = "m-1") -> list[tuple[str, str, int]]:
    found = await store.read(messages.recipients_of, message_id)
    return [(one.address, one.state, one.changed_at) for one in found]


async def _found(store: Store, limit: int = 10, **search: Any) -> list[str]:
    rows = await store.read(messages.newest, Search(**search), limit)
    return [row.message_id for row in rows]


async def test_a_message_is_read_as_it_was_written(store: Store) -> None:
    row = message(1, subject="Größe 😀", mail='{"a":"é"}')
    await _add(store, row, "b@x.example", "a@x.example")

    assert await store.read(messages.get, "m-1") == row
    assert await store.read(messages.recipients_of, "m-1") == recipients(row, "b@x.example", "a@x.example")
    assert await store.read(messages.get, "m-2") is None


async def test_many_are_asked_for_at_once_and_the_missing_are_left_out(store: Store) -> None:
    for number in (1, 2):
        await _add(store, message(number), f"r{number}@x.example")

    assert await store.read(messages.get_many, ["m-2", "m-1", "m-9"]) == {"m-1": message(1), "m-2": message(2)}
    assert await store.read(messages.get_many, []) == {}
    many = await store.read(messages.recipients_of_many, ["m-1", "m-2", "m-9"])
    assert {key: [one.address for one in found] for key, found in many.items()} == {
        "m-1": ["r1@x.example"],
        "m-2": ["r2@x.example"],
    }
    assert await store.read(messages.recipients_of_many, []) == {}


async def test_a_state_moves_to_a_higher_rank_only(store: Store) -> None:
    await _add(store, message(1), "a@x.example", "b@x.example")

    await store.write(messages.move_states, [("delivered", 20, 50, "m-1", "a@x.example", 20)])
    await store.write(
        messages.move_states,
        [("delayed", 10, 60, "m-1", "a@x.example", 10), ("delivered", 20, 70, "m-1", "a@x.example", 20)],
    )

    assert await _states(store) == [("a@x.example", "delivered", 50), ("b@x.example", "accepted", 1)]


async def test_a_whole_message_moves_where_it_still_can(store: Store) -> None:
    await _add(store, message(1), "a@x.example", "b@x.example")
    await _add(store, message(2), "a@x.example")
    await store.write(messages.move_states, [("complained", 40, 50, "m-1", "a@x.example", 40)])

    await store.write(messages.move_whole_messages, [("rejected", 30, 60, "m-1", 30)])

    assert await _states(store) == [("a@x.example", "complained", 50), ("b@x.example", "rejected", 60)]
    assert await _states(store, "m-2") == [("a@x.example", "accepted", 2)]


async def test_the_newest_come_first_and_pages_do_not_overlap(store: Store) -> None:
    for number, at in enumerate([10, 30, 20, 20, 20]):
        await _add(store, message(number, at=at), "a@x.example")

    assert await _found(store) == ["m-1", "m-4", "m-3", "m-2", "m-0"]
    assert await _found(store, limit=2) == ["m-1", "m-4"]
    assert await _found(store, limit=2, before=(20, "m-4")) == ["m-3", "m-2"]
    assert await _found(store, before=(20, "m-2")) == ["m-0"]


@pytest.mark.parametrize(
    "search, expected",
    [
        ({}, ["m-2", "m-1"]),
        ({"account": HERE.account}, ["m-1"]),
        ({"region": "eu-west-1"}, ["m-2"]),
        ({"since": 2}, ["m-2"]),
        ({"before": (2, "m-2")}, ["m-1"]),
    ],
    ids=str,
)
async def test_a_search_narrows(store: Store, search: dict[str, Any], expected: list[str]) -> None:
    await _add(store, message(1), "bob@x.example")
    await _add(store, message(2, scope=THERE), "carl@x.example")

    assert await _found(store, **search) == expected


async def test_what_is_not_delivered_is_found_and_counted_by_its_state(store: Store) -> None:
    for number in range(1, 5):
        await _add(store, message(number), "a@x.example", "b@x.example")
    await store.write(messages.move_states, [("bounced", 30, 5, f"m-{one}", "a@x.example", 30) for one in (1, 2, 4)])

    assert await store.read(messages.places_in_state, HERE, "bounced", 2, (9, ""), 9) == [(4, "m-4"), (2, "m-2")]
    assert await store.read(messages.places_in_state, HERE, "bounced", 0, (4, "m-4"), 1) == [(2, "m-2")]
    assert await store.read(messages.places_in_state, HERE, "accepted", 0, (2, ""), 9) == [(1, "m-1")]
    assert await store.read(messages.places_in_state, THERE, "bounced", 0, (9, ""), 9) == []
    counted = [await store.read(messages.count_in_state, HERE, "bounced", 2, 5, most) for most in (9, 1)]
    assert counted == [2, 1]


async def test_places_are_of_one_account_newest_first(store: Store) -> None:
    for number, at in ((1, 10), (2, 20), (3, 20), (4, 30)):
        await _add(store, message(number, at=at, scope=THERE if number == 4 else HERE), "a@x.example")

    assert await store.read(messages.places, HERE, 0, (20, "m-3"), 9) == [(20, "m-2"), (10, "m-1")]
    assert await store.read(messages.places, HERE, 11, (99, ""), 1) == [(20, "m-3")]
    assert await store.read(messages.first_and_last, HERE) == (10, 20)
    assert await store.read(messages.first_and_last, Scope("3", "eu-west-1")) is None


async def test_accounts_and_regions_with_messages_are_listed_once(store: Store) -> None:
    elsewhere = Scope(HERE.account, "eu-west-1")
    for number, scope in enumerate((THERE, HERE, HERE, elsewhere)):
        await _add(store, message(number, scope=scope), "a@x.example")

    assert await store.read(messages.scopes) == sorted((elsewhere, HERE, THERE))


async def test_used_quota_adds_up_and_is_forgotten(store: Store) -> None:
    now = 100 * FIVE_MINUTES
    uses = [(*HERE, now - FIVE_MINUTES, 5), (*HERE, now, 2), (*HERE, now + 1, 3), (*THERE, now, 100)]
    await store.write(messages.use_quota, uses[:2])
    await store.write(messages.use_quota, uses[2:])

    assert await store.read(messages.recipients_since, HERE, now - FIVE_MINUTES) == 10
    assert await store.read(messages.recipients_since, HERE, now + FIVE_MINUTES) == 0
    assert await store.read(messages.recipients_since, HERE, now) == 5
