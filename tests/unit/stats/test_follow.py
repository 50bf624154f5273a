"""Counters as they grow with the log are what a count of the whole log gives."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.events.follow import Follower
from pillarbox.events.record import record
from pillarbox.events.types import (
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Event,
    Fact,
    Open,
    Reject,
    Send,
)
from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.stats import tags
from pillarbox.stats.follow import MINUTES_KEPT, QUARTER, count
from pillarbox.stats.query import Whose, tag_dimensions
from pillarbox.stats.rebuild import begin_again, left
from pillarbox.stats.spans import FOUR_WEEKS
from pillarbox.store import counters, messages
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.unit.events.examples import FACTS, SCOPE, message, recipients

NOON: Millis = 20_000 * DAY + 12 * HOUR
ADDRESSES = ("a@x.example", "b@x.example", "c@y.example", "bounce@simulator.amazonses.com")
CUSTOMERS = ("1", "2", "3")

Counted = Counter[tuple[str, str, Millis, Millis, str]]


def _message(number: int, to: Sequence[str], tenant: str, customer: str) -> MessageRow:
    tags_given = FACTS.tags | {"customer": [customer]}
    facts = msgspec.structs.replace(FACTS, recipients=list(to), tenant=tenant, tags=tags_given)
    return message(facts, message_id=f"m-{number}", at=NOON)


_message_of = st.builds(
    _message,
    st.integers(0, 5),
    st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True),
    st.sampled_from(["", "acme"]),
    st.sampled_from(CUSTOMERS),
)


def _facts(to: Sequence[str]) -> st.SearchStrategy[Fact]:
    some = st.lists(st.sampled_from(list(to)), min_size=1, unique=True)
    bounced = some.map(lambda those: [BouncedRecipient(one) for one in those])
    bot = st.sampled_from([None, "Likely"])
    who = st.sampled_from([None, *to])
    return st.one_of(
        st.just(Send()),
        st.just(Reject()),
        st.builds(
            lambda those, pixel, links: Delivery(those, "250 ok", 1, "mta", None, "mx", pixel, links),
            some,
            st.booleans(),
            st.booleans(),
        ),
        bounced.map(lambda those: Bounce("Permanent", "General", those, "f")),
        bounced.map(lambda those: DeliveryDelay("General", NOON, those)),
        some.map(lambda those: Complaint(those, "f")),
        st.builds(lambda is_bot, one: Open("192.0.2.1", "x", is_bot, recipient=one), bot, who),
        st.builds(
            lambda page, is_bot, one: Click("192.0.2.1", "x", f"https://e.example/{page}", None, is_bot, None, one),
            st.sampled_from("ab"),
            bot,
            who,
        ),
    )


@st.composite
def _logs(draw: st.DrawFn) -> tuple[list[MessageRow], list[Event]]:
    written = {row.message_id: row for row in draw(st.lists(_message_of, min_size=1, max_size=4))}
    events = []
    for number in range(draw(st.integers(1, 25))):
        row = written[draw(st.sampled_from(sorted(written)))]
        fact = draw(_facts(_recipients_of(row)))
        at = NOON + draw(st.integers(-30 * 60, 30 * 60)) * 60_000 // 10
        events.append(Event(f"e-{number}", SCOPE, row.message_id, at, NOON + number, fact))
    return list(written.values()), events


def _recipients_of(row: MessageRow) -> list[str]:
    return list(msgspec.json.decode(row.mail)["recipients"])


@given(_logs(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_counters_equal_a_count_of_the_whole_log(
    log: tuple[list[MessageRow], list[Event]], chance: random.Random
) -> None:
    rows, events = log
    expected = _by_hand({row.message_id: row for row in rows}, events)
    told = list(events)
    chance.shuffle(told)

    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(_counted(Path(folder), rows, told, chance)) == expected


async def _counted(folder: Path, rows: list[MessageRow], told: list[Event], chance: random.Random) -> Counted:
    store = await SqliteStore.open(folder)
    try:
        await store.write(tags.begin, SCOPE, "customer", NOON - DAY)
        for row in rows:
            await store.write(messages.add, [row], recipients(row))
        while told:
            size = chance.randint(1, len(told))
            await store.write(count, told[:size])
            del told[:size]
        return await store.read(_everything)
    finally:
        await store.close()


def _everything() -> Plan[Counted]:
    rows = yield Rows(
        "SELECT dimension, member, step, bucket_at, name, total FROM counters"
        " WHERE total <> 0 AND name NOT LIKE '%:%' AND dimension <> 'path'"
    )
    return Counter({(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows})


def _by_hand(rows: dict[str, MessageRow], events: Sequence[Event]) -> Counted:
    """Count event by event, with sets of who has done what: no batches, no cleverness."""
    found: Counted = Counter()
    first: dict[tuple[str, ...], tuple[Millis, list[tuple[str, str]], str]] = {}

    def add(members: Sequence[tuple[str, str]], name: str, at: Millis, amount: int = 1) -> None:
        for dimension, member in members:
            steps = {
                "account": (MINUTE, QUARTER, HOUR, DAY),
                "tenant": (MINUTE, HOUR, DAY, FOUR_WEEKS),
                "configuration-set": (MINUTE, HOUR, DAY, FOUR_WEEKS),
            }
            for step in steps.get(dimension, (HOUR, DAY, FOUR_WEEKS)):
                if step != MINUTE or at // MINUTE * MINUTE >= NOON - MINUTES_KEPT + 25:
                    found[dimension, member, step, at // step * step, name] += amount

    for event in events:
        row, fact, at = rows[event.message_id], event.fact, event.happened_at
        mail = msgspec.json.decode(row.mail)
        to = mail["recipients"]
        members = [("account", ""), ("identity", "mail.example.com"), ("identity", "example.com")]
        members += [("configuration-set", "orders"), ("tag:customer", mail["tags"]["customer"][0])]
        members += [("tenant", "acme")] if mail.get("tenant") else []
        if isinstance(fact, Open | Click):
            who = fact.recipient or (to[0] if len(to) == 1 else "")
            at_domain = [("recipient-domain", who.partition("@")[2])] if who else []
            word = "opened" if isinstance(fact, Open) else "clicked"
            for name in [word] if fact.is_bot_event else [word, f"{word}.people"]:
                keys: list[tuple[tuple[str, ...], list[tuple[str, str]]]] = []
                keys.append(((event.message_id, who, name), [*members, *at_domain]))
                if isinstance(fact, Click):
                    keys.append(((event.message_id, who, name, fact.link), [("link", fact.link)]))
                for key, those in keys:
                    add(those, name, at)
                    first[key] = min(first.get(key, (at, those, name)), (at, those, name))
            continue
        for address in _about(fact, to):
            simulated = address.endswith("simulator.amazonses.com")
            name = _name(fact, simulated)
            names = [name]
            if name == "delivered":
                assert isinstance(fact, Delivery)
                names += ["delivered.with-pixel"] * fact.with_pixel + ["delivered.with-links"] * fact.with_links
            for one in names:
                add([*members, ("recipient-domain", address.partition("@")[2])], one, at)
        if isinstance(fact, Reject):
            add(members + ([("recipient-domain", to[0].partition("@")[2])] if len(to) == 1 else []), "rejected", at)
    for at, those, name in first.values():
        add(those, f"{name}.unique", at)
    return found


def _about(fact: Fact, to: Sequence[str]) -> list[str]:
    if isinstance(fact, Send):
        return list(to)
    if isinstance(fact, Bounce | DeliveryDelay):
        return [one.address for one in fact.recipients]
    return list(fact.recipients) if isinstance(fact, Delivery | Complaint) else []


def _name(fact: Fact, simulated: bool) -> str:
    if isinstance(fact, DeliveryDelay):
        return "delayed"
    word = {Send: "sent", Delivery: "delivered", Bounce: "bounced", Complaint: "complained"}[type(fact)]
    return f"{word}.simulator" if simulated else "bounced.permanent" if word == "bounced" else word


async def test_counted_again_from_the_log_the_numbers_are_the_same(store: Store) -> None:
    chance = random.Random(11)
    rows = [_message(number, ADDRESSES[: 1 + number % 3], "acme", str(number)) for number in range(30)]
    for row in rows:
        await store.write(messages.add, [row], recipients(row))
    await store.write(tags.begin, SCOPE, "customer", NOON - DAY)
    clock = StandingClock(NOON)
    follower = Follower("stats", store, count, clock)
    for number in range(12):
        await store.write(record, [_some_event(f"{number}-{one}", chance) for one in range(20)])
        await follower.step()
    while await follower.step():
        pass
    before = await store.read(_everything)

    assert await store.write(begin_again) == 240
    assert await store.read(_everything) == {}
    clock.at += 10_000  # the follower looks where it stands when it renews its lease
    for _ in range(20):
        await follower.step()
    assert await store.read(left) == 0

    assert before[("account", "", DAY, NOON - NOON % DAY, "sent")] > 0
    assert await store.read(_everything) == before


def _some_event(event_id: str, chance: random.Random) -> Event:
    facts: list[Fact] = [
        Send(),
        Delivery(["a@x.example"], "250 ok", 1, "mta", with_pixel=chance.random() < 0.5),
        Open("192.0.2.1", "x", chance.choice([None, "Likely"]), recipient="a@x.example"),
        Click("192.0.2.1", "x", f"https://e.example/{chance.randint(1, 9)}"),
    ]
    at = NOON - chance.randrange(5 * HOUR)
    return Event(event_id, SCOPE, f"m-{chance.randrange(30)}", at, NOON, chance.choice(facts))


async def test_values_beyond_the_first_ones_of_a_day_are_counted_together(store: Store) -> None:
    await store.write(tags.begin, SCOPE, "customer", NOON - DAY)
    rows = [_message(number, ["a@x.example"], "", f"user-{number}") for number in range(510)]
    for row in rows:
        await store.write(messages.add, [row], recipients(row))
    events = [Event(f"e-{row.message_id}", SCOPE, row.message_id, NOON, NOON, Send()) for row in rows]
    for start in range(0, 510, 100):
        await store.write(count, events[start : start + 100])

    found = await store.read(counters.by_member, SCOPE, "tag:customer", DAY, NOON - DAY, NOON + DAY)

    assert len(found) == 501
    assert found["(other)"] == {"sent": 10}


async def test_a_tag_counts_for_mail_from_the_next_minute_on_until_it_is_ended(store: Store) -> None:
    since = await store.write(tags.begin, SCOPE, "customer", NOON - MINUTE + 1)
    early = _message(1, ["a@x.example"], "", "early")._replace(accepted_at=NOON - 1)
    late = _message(2, ["a@x.example"], "", "late")
    for row in (early, late):
        await store.write(messages.add, [row], recipients(row))
    for row in (early, late):
        await store.write(count, [Event(row.message_id, SCOPE, row.message_id, NOON, NOON, Send())])

    assert since == NOON
    assert await store.write(tags.begin, SCOPE, "customer", NOON + DAY) == NOON
    found = await store.read(counters.by_member, SCOPE, "tag:customer", DAY, NOON - DAY, NOON + DAY)
    assert list(found) == ["late"]
    assert await store.read(tag_dimensions, Whose(SCOPE.account)) == ["customer"]

    await store.write(tags.end, SCOPE, "customer")

    assert await store.read(tag_dimensions, Whose(SCOPE.account)) == []
    with pytest.raises(NotFound):
        await store.write(tags.end, SCOPE, "customer")


@pytest.mark.parametrize("name", ["", "two words", "pillarbox-key", "a:b", "x" * 257])
async def test_only_names_of_tags_are_counted_by(store: Store, name: str) -> None:
    with pytest.raises(Invalid):
        await store.write(tags.begin, SCOPE, name, NOON)
