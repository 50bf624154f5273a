"""Terms lead to messages week by week, on both engines."""

from pillarbox.kit.clock import DAY
from pillarbox.kit.ids import Scope
from pillarbox.store import message_terms
from pillarbox.store.engine import Store
from pillarbox.store.message_terms import WEEK, TermRow, week_of

HERE = Scope("111111111111", "us-east-1")
THERE = Scope("222222222222", "us-east-1")
MONDAY = week_of(1_800_000_000_000)


def row(term: str, number: int, *, at: int | None = None, scope: Scope = HERE) -> TermRow:
    accepted_at = MONDAY + number if at is None else at
    return TermRow(week_of(accepted_at), *scope, term, accepted_at, f"m-{number}")


async def test_terms_that_begin_alike_stand_together_whatever_they_are_made_of(store: Store) -> None:
    terms = ["r:ann", "r:ann-b@x.example", "r:ann.b@x.example", "r:anna", "r:ann\U0001f600", "r:bob", "s:ann", "r:an"]
    await store.write(message_terms.add, [row(term, number) for number, term in enumerate(terms)])
    await store.write(message_terms.add, [row("r:anne", 9, scope=THERE), row("r:anne", 9, at=MONDAY + WEEK)])

    found = await store.read(message_terms.beginning_with, HERE, MONDAY, "r:ann", 99)

    assert found == sorted(term for term in terms if term.startswith("r:ann"))
    assert await store.read(message_terms.beginning_with, HERE, MONDAY, "r:ann", 2) == found[:2]


async def test_places_come_newest_first_within_their_week_and_once(store: Store) -> None:
    rows = [row("s:a", 1), row("s:a", 2), row("s:a", 3), row("s:b", 4), row("s:a", 5, at=MONDAY + WEEK)]
    await store.write(message_terms.add, rows)
    await store.write(message_terms.add, rows[:2])

    every = await store.read(message_terms.places, HERE, "s:a", MONDAY, (MONDAY + 2 * WEEK, ""), 9)

    assert every == [(MONDAY + 3, "m-3"), (MONDAY + 2, "m-2"), (MONDAY + 1, "m-1")]
    assert await store.read(message_terms.places, HERE, "s:a", MONDAY + 2, (MONDAY + 3, "m-3"), 9) == every[1:2]


async def test_of_some_places_those_are_told_that_have_a_term(store: Store) -> None:
    await store.write(message_terms.add, [row("s:a", 1), row("s:a", 2), row("s:b", 3), row("s:a", 4, scope=THERE)])
    among = [(MONDAY + number, f"m-{number}") for number in (4, 3, 2)]

    assert await store.read(message_terms.holding, HERE, "s:a", among) == {(MONDAY + 2, "m-2")}


async def test_terms_go_when_their_whole_week_is_over(store: Store) -> None:
    await store.write(message_terms.add, [row("s:a", 1), row("s:b", 2), row("s:a", 3, at=MONDAY + WEEK)])

    assert await store.write(message_terms.drop, MONDAY + WEEK - 1, 9) == 0
    assert await store.write(message_terms.drop, MONDAY + WEEK + DAY, 1) == 1
    assert await store.write(message_terms.drop, MONDAY + WEEK + DAY, 9) == 1
    left = await store.read(message_terms.places, HERE, "s:a", MONDAY + WEEK, (MONDAY + 2 * WEEK, ""), 9)
    assert left == [(MONDAY + WEEK, "m-3")]
