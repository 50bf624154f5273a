"""Conversations in the store: written again by a repeated attempt, read in their order, gone with their message."""

from pillarbox.store import conversations
from pillarbox.store.conversations import ConversationRow
from pillarbox.store.engine import Store


def row(attempt: int = 1, place: int = 0, lines: str = "0 > EHLO us", began_at: int = 1) -> ConversationRow:
    return ConversationRow("m1", 0, attempt, place, "123456789012", began_at, "peer", '["a@example.net"]', lines)


async def test_they_come_back_in_the_order_of_attempts(store: Store) -> None:
    given = [row(2, began_at=20), row(1, 1, began_at=10), row(1, 0, began_at=10)]
    await store.write(conversations.keep, given)

    assert await store.read(conversations.of_message, "m1") == given[::-1]
    assert await store.read(conversations.of_message, "m2") == []


async def test_an_attempt_that_is_repeated_takes_the_place_of_what_it_kept(store: Store) -> None:
    await store.write(conversations.keep, [row(lines="0 > QUIT")])
    await store.write(conversations.keep, [row(lines="0 > EHLO us", began_at=5)])

    assert await store.read(conversations.of_message, "m1") == [row(began_at=5)]
