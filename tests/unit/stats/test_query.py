"""The counters as a follower makes them, and what they say."""

from collections.abc import Sequence

import msgspec
import pytest

from pillarbox.events.types import Bounce, BouncedRecipient, Click, Complaint, Delivery, Fact, Open, Reject, Send
from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.stats import metrics, query
from pillarbox.stats.follow import QUARTER, count
from pillarbox.stats.metrics import Narrowed
from pillarbox.stats.query import Line, Whose
from pillarbox.stats.spans import Span, span_of
from pillarbox.store import messages, pace
from pillarbox.store.engine import Store
from tests.unit.events.examples import FACTS, KINDS, SCOPE, event, message, recipients

NOON: Millis = 20_000 * DAY + 12 * HOUR
ELSEWHERE = Scope("999999999999", "us-east-1")
TODAY = Span(NOON - 12 * HOUR, NOON + 12 * HOUR, HOUR)
MINE = Whose(SCOPE.account)


async def _send(
    store: Store, message_id: str = "m-1", *, scope: Scope = SCOPE, to: Sequence[str] = (), tenant: str = ""
) -> str:
    facts = msgspec.structs.replace(FACTS, recipients=list(to) or FACTS.recipients, tenant=tenant)
    row = message(facts, message_id=message_id, scope=scope)
    await store.write(messages.add, [row], recipients(row))
    return message_id


async def _points(store: Store, now: Millis = NOON) -> list[dict[str, int]]:
    return await store.read(query.send_statistics, SCOPE, now)


async def _count(store: Store, *facts: Fact, message_id: str = "m-1", at: Millis = NOON, scope: Scope = SCOPE) -> None:
    await store.write(count, [event(fact, message_id=message_id, at=at, scope=scope) for fact in facts])


async def test_statistics_count_recipients_by_the_quarter_hour(store: Store) -> None:
    await _send(store, to=["a@x.example", "b@x.example", "success@simulator.amazonses.com"])
    bounce = Bounce("Transient", "General", [BouncedRecipient("a@x.example"), BouncedRecipient("b@x.example")], "f")
    complaint = Complaint(["b@x.example"], "f")
    facts: list[tuple[Fact, Millis]] = [(Send(), NOON), (bounce, NOON), (complaint, NOON + QUARTER), (Reject(), NOON)]

    await store.write(count, [event(fact, message_id="m-1", at=at) for fact, at in facts])

    assert await _points(store, NOON + QUARTER) == [
        {"Timestamp": NOON, "DeliveryAttempts": 3, "Bounces": 2, "Complaints": 0, "Rejects": 1},
        {"Timestamp": NOON + QUARTER, "DeliveryAttempts": 0, "Bounces": 0, "Complaints": 1, "Rejects": 0},
    ]


async def test_intervals_in_which_only_other_things_happened_are_left_out(store: Store) -> None:
    await _send(store)

    await _count(store, KINDS["open"])

    assert await _points(store) == []


async def test_statistics_reach_back_two_weeks(store: Store) -> None:
    await _send(store)

    for at in (NOON - 14 * DAY, NOON - 14 * DAY - 1, NOON - DAY):
        await _count(store, Send(), at=at)

    assert [point["Timestamp"] for point in await _points(store)] == [NOON - 14 * DAY, NOON - DAY]


async def test_accounts_do_not_see_each_other(store: Store) -> None:
    await _send(store)
    await _send(store, "m-2", scope=ELSEWHERE)

    await _count(store, Send())
    await _count(store, Send(), Send(), message_id="m-2", scope=ELSEWHERE)

    async def sent(whose: Whose) -> int:
        return (await store.read(query.statistics, whose, TODAY)).totals["sent"]

    assert [await sent(MINE), await sent(Whose(ELSEWHERE.account)), await sent(Whose())] == [2, 4, 6]
    assert [point["DeliveryAttempts"] for point in await _points(store)] == [2]


@pytest.mark.parametrize("step", [MINUTE, HOUR, DAY])
async def test_statistics_are_asked_for_in_steps(store: Store, step: Millis) -> None:
    await _send(store)
    for at in (NOON, NOON + 1, NOON + step):
        await _count(store, KINDS["open"], at=at)

    found = await store.read(query.statistics, MINE, Span(NOON - NOON % step, NOON + 2 * step, step))

    assert [point.totals["opened"] for point in found.series] == [2, 1]
    assert found.totals["opened"] == 3


async def test_minutes_are_counted_for_recent_hours_only(store: Store) -> None:
    await _send(store)
    await _count(store, Reject(), at=NOON)
    await _count(store, Reject(), at=NOON + 7 * HOUR)

    by_minute = await store.read(query.statistics, MINE, Span(NOON, NOON + DAY, MINUTE))
    by_hour = await store.read(query.statistics, MINE, Span(NOON, NOON + DAY, HOUR))

    assert [point.at for point in by_minute.series] == [NOON + 7 * HOUR]
    assert [point.at for point in by_hour.series] == [NOON, NOON + 7 * HOUR]


async def test_customers_are_listed_with_their_rates_the_largest_first(store: Store) -> None:
    await _send(store, "m-1", to=["a@x.example"], tenant="acme")
    await _send(store, "m-2", to=["a@x.example", "b@x.example"], tenant="globex")
    await _count(store, Send(), Delivery(["a@x.example"], "250", 1, "mta"), message_id="m-1")
    bounce = Bounce("Permanent", "General", [BouncedRecipient("b@x.example")], "f")
    await _count(store, Send(), Delivery(["a@x.example"], "250", 1, "mta"), bounce, message_id="m-2")

    found: list[Line] = await store.read(lambda: query.members(MINE, "tenant", TODAY, most=10))

    assert [(line.member, line.totals["sent"], line.rates.delivery, line.rates.bounce) for line in found] == [
        ("globex", 2, 0.5, 0.5),
        ("acme", 1, 1.0, 0.0),
    ]
    assert [line.member for line in await store.read(lambda: query.members(MINE, "tenant", TODAY, most=1))] == [
        "globex"
    ]


async def test_domains_of_one_provider_are_one(store: Store) -> None:
    await _send(store, to=["a@gmail.com", "b@startup.example", "c@other.example"])
    await _count(store, Send())
    await store.write(pace.remember_providers, [("startup.example", "google", 1)])

    found = await store.read(lambda: query.members(MINE, query.PROVIDER, TODAY, most=10))
    google = await store.read(query.statistics, MINE, TODAY, query.PROVIDER, "google")

    assert [(line.member, line.totals["sent"]) for line in found] == [("google", 2), ("other.example", 1)]
    assert [point.totals for point in google.series] == [{"sent": 2}]


async def test_unique_opens_count_at_the_first_time_however_late_that_is_told(store: Store) -> None:
    await _send(store, to=["a@x.example", "b@x.example"])
    machine = Open("192.0.2.1", "proxy", is_bot_event="Likely", recipient="a@x.example")
    person = Open("192.0.2.2", "Mail", recipient="a@x.example")
    await _count(store, person, at=NOON)
    await _count(store, person, Open("192.0.2.3", "Mail", recipient="b@x.example"), at=NOON + HOUR)
    await _count(store, machine, at=NOON - HOUR)
    await _count(store, machine, at=NOON + HOUR)

    found = await store.read(query.statistics, MINE, TODAY)

    assert found.totals == {"opened": 5, "opened.people": 3, "opened.unique": 2, "opened.people.unique": 2}
    assert [(point.at, point.totals.get("opened.unique", 0)) for point in found.series] == [
        (NOON - HOUR, 1),
        (NOON, 0),
        (NOON + HOUR, 1),
    ]


async def test_links_are_listed_by_clicks(store: Store) -> None:
    await _send(store, to=["a@x.example"])
    often, seldom = (Click("192.0.2.1", "Firefox", f"https://shop.example/{page}") for page in ("often", "seldom"))
    await _count(store, often, often, seldom)

    found = await store.read(lambda: query.members(MINE, "link", TODAY, most=10))

    assert [(line.member, line.totals["clicked"], line.totals["clicked.unique"]) for line in found] == [
        ("https://shop.example/often", 2, 1),
        ("https://shop.example/seldom", 1, 1),
    ]


async def test_an_event_of_a_message_that_is_gone_still_counts(store: Store) -> None:
    await _count(store, Reject(), message_id="gone")

    assert (await store.read(query.statistics, MINE, TODAY)).totals == {"rejected": 1}


@pytest.mark.parametrize("dimension", ["weather", "tag:", "path"])
async def test_nothing_is_counted_by_what_nobody_knows(store: Store, dimension: str) -> None:
    with pytest.raises(Invalid, match="nothing is counted by"):
        await store.read(query.statistics, MINE, TODAY, dimension, "x")


async def test_metrics_are_narrowed_by_identity_set_tenant_and_provider_at_once(store: Store) -> None:
    await _send(store, "m-1", to=["a@gmail.com"], tenant="acme")
    await _send(store, "m-2", to=["a@x.example"], tenant="acme")
    await _send(store, "m-3", to=["a@gmail.com", "b@gmail.com"], tenant="acme")
    for message_id in ("m-1", "m-2", "m-3"):
        await _count(store, Send(), message_id=message_id)
    await _count(store, Send(), message_id="m-1", at=NOON + DAY)

    async def sent(**narrowed: str) -> list[int]:
        found = await store.read(metrics.by_day, SCOPE, "SEND", Narrowed(**narrowed), NOON, NOON + 2 * DAY)
        return list(found.values())

    assert await sent() == [2, 1]
    assert await sent(isp="gmail", tenant="acme", identity="example.com", configuration_set="orders") == [1, 1]
    assert await sent(isp="x.example") == [1]
    assert await sent(tenant="globex") == []
    assert await sent(tenant="acme", configuration_set="") == []


def test_a_span_ends_with_the_bucket_that_now_is_in() -> None:
    assert span_of("24h", NOON + 1) == Span(NOON + HOUR - DAY, NOON + HOUR, HOUR)
    assert span_of("1h", NOON) == Span(NOON + MINUTE - HOUR, NOON + MINUTE, MINUTE)
    with pytest.raises(Invalid, match="no span is called 'week'"):
        span_of("week", NOON)
