"""The counters as a follower makes them, and what they say."""

import random
from collections.abc import Iterable, Sequence

import msgspec

from pillarbox.events.types import Bounce, BouncedRecipient, Complaint, Event, Fact, Reject, Send
from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.stats import query
from pillarbox.stats.fold import BUCKET, bucket_of
from pillarbox.stats.follow import count
from pillarbox.store import counters, messages
from pillarbox.store.engine import Store
from tests.unit.events.examples import FACTS, KINDS, SCOPE, event, message, recipients

NOON: Millis = 1_900_000 * BUCKET
ELSEWHERE = Scope("999999999999", "us-east-1")


async def _send(store: Store, *, scope: Scope = SCOPE, message_id: str = "m-1", addresses: Sequence[str] = ()) -> str:
    facts = msgspec.structs.replace(FACTS, recipients=list(addresses) or FACTS.recipients)
    row = message(facts, message_id=message_id, scope=scope)
    await store.write(messages.add, [row], recipients(row))
    return message_id


async def _points(store: Store, now: Millis = NOON) -> list[dict[str, int]]:
    return await store.read(query.send_statistics, SCOPE, now)


def _all_kinds(times: Iterable[Millis]) -> list[Event]:
    return [event(fact, message_id="m-1", at=at) for at in times for fact in KINDS.values()]


async def test_statistics_count_recipients_by_the_quarter_hour(store: Store) -> None:
    await _send(store, addresses=["a@x.example", "b@x.example", "success@simulator.amazonses.com"])
    bounce = Bounce("Transient", "General", [BouncedRecipient("a@x.example"), BouncedRecipient("b@x.example")], "f")
    complaint = Complaint(["b@x.example"], "f")
    facts: list[tuple[Fact, Millis]] = [(Send(), NOON), (bounce, NOON), (complaint, NOON + BUCKET), (Reject(), NOON)]

    await store.write(count, [event(fact, message_id="m-1", at=at) for fact, at in facts])

    assert await _points(store, NOON + BUCKET) == [
        {"Timestamp": NOON, "DeliveryAttempts": 3, "Bounces": 2, "Complaints": 0, "Rejects": 1},
        {"Timestamp": NOON + BUCKET, "DeliveryAttempts": 0, "Bounces": 0, "Complaints": 1, "Rejects": 0},
    ]


async def test_intervals_in_which_only_other_things_happened_are_left_out(store: Store) -> None:
    await _send(store)

    await store.write(count, [event(KINDS["open"], message_id="m-1", at=NOON)])

    assert await _points(store) == []


async def test_statistics_reach_back_two_weeks(store: Store) -> None:
    await _send(store)
    times = [NOON - 14 * DAY, NOON - 14 * DAY - 1, NOON - DAY]

    await store.write(count, [event(Send(), message_id="m-1", at=at) for at in times])

    assert [point["Timestamp"] for point in await _points(store)] == [NOON - 14 * DAY, NOON - DAY]


async def test_accounts_do_not_see_each_other(store: Store) -> None:
    await _send(store)
    await _send(store, scope=ELSEWHERE, message_id="m-2")

    await store.write(
        count,
        [
            event(Send(), message_id="m-1", at=NOON),
            event(Send(), message_id="m-2", at=NOON, scope=ELSEWHERE),
            event(Send(), message_id="m-2", at=NOON, scope=ELSEWHERE),
        ],
    )

    assert [point["DeliveryAttempts"] for point in await _points(store)] == [2]
    assert await store.read(query.totals, ELSEWHERE, NOON, NOON + 1) == {"sent": 4}


async def test_totals_are_asked_by_dimension_and_by_whole_intervals(store: Store) -> None:
    await _send(store)
    await store.write(count, _all_kinds([NOON, NOON + BUCKET, NOON + 2 * BUCKET]))

    async def opened(since: Millis, until: Millis, *dimension: str) -> int | None:
        return (await store.read(query.totals, SCOPE, since, until, *dimension)).get("opened")

    assert await opened(NOON + 3, NOON + BUCKET) == 1
    assert await opened(NOON, NOON + BUCKET + 1) == 2
    assert await opened(NOON, NOON + 3 * BUCKET, "configuration-set", "orders") == 3
    assert await opened(NOON, NOON + 3 * BUCKET, "identity", "mail.example.com") == 3
    assert await opened(NOON, NOON + 3 * BUCKET, "identity", "other.example.com") is None


async def test_counters_made_again_at_once_equal_those_made_bit_by_bit(store: Store) -> None:
    await _send(store)
    chance = random.Random(7)
    log = _all_kinds(NOON + chance.randrange(-5 * BUCKET, 5 * BUCKET) for _ in range(40))
    await store.write(count, log)
    at_once = await store.read(counters.series, SCOPE, "account", "", 0, NOON * 2)
    by_domain = await store.read(counters.series, SCOPE, "identity", "mail.example.com", 0, NOON * 2)

    # The same log in another account of the same shape, in batches of any size and in another order.
    await _send(store, scope=ELSEWHERE, message_id="m-2")
    again = [event(one.fact, message_id="m-2", scope=ELSEWHERE, at=one.happened_at) for one in log]
    chance.shuffle(again)
    while again:
        size = chance.randint(1, 60)
        await store.write(count, again[:size])
        del again[:size]

    for dimension, member, whole in (("account", "", at_once), ("identity", "mail.example.com", by_domain)):
        piecewise = await store.read(counters.series, ELSEWHERE, dimension, member, 0, NOON * 2)
        assert [row._replace(account=SCOPE.account) for row in piecewise] == whole
    assert sum(row.total for row in at_once if row.name == "sent") == 80


async def test_an_event_of_a_message_that_is_gone_still_counts(store: Store) -> None:
    await store.write(count, [event(Reject(), message_id="gone", at=NOON)])

    assert await store.read(query.totals, SCOPE, bucket_of(NOON), NOON + 1) == {"rejected": 1}
