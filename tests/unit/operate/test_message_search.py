"""A search finds what a look at every message finds, however little it looks at."""

import random

import msgspec
import pytest

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate import message_search, messages
from pillarbox.operate.message_search import Sought
from pillarbox.operate.messages import Wanted
from pillarbox.stats import terms
from pillarbox.store import messages as stored
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, RecipientRow
from tests.unit.events.examples import FACTS, message

HERE, THERE = Scope("111111111111", "us-east-1"), Scope("222222222222", "us-east-1")
NOON: Millis = 20_000 * DAY
NAMES = ("ann", "bob", "carl.orff", "dora")
WORDS = ("invoice", "news", "offer", "rare")


def _message(number: int, chance: random.Random) -> tuple[MessageRow, list[RecipientRow]]:
    scope = HERE if number % 3 else THERE
    at = NOON + number * 7 * 3_600_000  # some weeks in all
    to = [f"{name}@{chance.choice('xy')}.example" for name in chance.sample(NAMES, chance.randint(1, 2))]
    tags = {"customer": [str(chance.randint(1, 3))]}
    facts = msgspec.structs.replace(FACTS, recipients=to, tags=tags, tenant=chance.choice(["", "acme"]))
    subject = f"{chance.choice(WORDS[:3])} {'rare' if number % 40 == 5 else number}"
    row = message(facts, message_id=f"m-{number:03}", at=at)._replace(
        account=scope.account, region=scope.region, subject=subject
    )
    states = [chance.choice(["delivered", "delivered", "bounced"]) for _ in to]
    return row, [
        RecipientRow(row.message_id, place, *scope, address, at, state, 20, at)
        for place, (address, state) in enumerate(zip(to, states, strict=True))
    ]


@pytest.fixture
async def filled(store: Store) -> list[tuple[MessageRow, list[RecipientRow]]]:
    chance = random.Random(7)
    written = [_message(number, chance) for number in range(150)]
    await store.write(stored.add, [row for row, _ in written], [one for _, some in written for one in some])
    await store.write(terms.index, [row for row, _ in written])
    return written


WANTED = (
    Wanted(),
    Wanted(recipient="ann"),
    Wanted(recipient="orff @y"),
    Wanted(recipient="nobody"),
    Wanted(subject="rare"),
    Wanted(subject="in", recipient="bob", status="bounced"),
    Wanted(status="bounced", account=HERE.account),
    Wanted(status="rejected"),
    Wanted(tag="customer=2", since=NOON + 9 * DAY, until=NOON + 20 * DAY),
    Wanted(tenant="acme", status="delivered"),
    Wanted(message_id="<m-005@email.example.com>"),
    Wanted(message_id="m-005", subject="other"),
    Wanted(since=NOON + 9 * DAY, until=NOON + 11 * DAY),
)


@pytest.mark.parametrize("wanted", WANTED, ids=range(len(WANTED)))
async def test_page_by_page_all_that_fits_comes_once_and_newest_first(
    store: Store, filled: list[tuple[MessageRow, list[RecipientRow]]], wanted: Wanted
) -> None:
    sought = messages._sought(wanted)
    expected = [row.message_id for row, some in reversed(filled) if _is_wanted(row, some, wanted, sought)]

    found, page = [], messages.Page([], "")
    while page.next is not None:
        asked = msgspec.structs.replace(wanted, after=page.next, limit=7)
        page = await messages.page(store, asked)
        found += [one.message_id for one in page.messages]

    assert found == expected


def _is_wanted(row: MessageRow, some: list[RecipientRow], wanted: Wanted, sought: Sought) -> bool:
    if wanted.message_id and row.message_id not in wanted.message_id:
        return False
    is_in_time = wanted.since <= row.accepted_at < (wanted.until or NOON + 999 * DAY)
    return wanted.account in ("", row.account) and is_in_time and sought.fits(row, some)


async def test_a_search_that_stops_says_where_and_goes_on_from_there(
    store: Store, filled: list[tuple[MessageRow, list[RecipientRow]]]
) -> None:
    expected = [row.message_id for row, _ in reversed(filled) if row.scope == HERE]
    sought, place, found, turns = Sought(terms.tag_needles("customer")), (NOON + 999 * DAY, ""), list[str](), 0

    while True:
        one = await store.read(message_search.search, HERE, sought, place, 999, 1)
        found += [match.message.message_id for match in one.matches]
        if one.left is None:
            break
        place, turns = one.left, turns + 1

    assert found == expected
    assert turns > 1  # a week at a time, at least
