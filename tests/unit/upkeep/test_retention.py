"""What is old enough goes, and nothing that is still owed."""

from collections.abc import Sequence

import pytest

from pillarbox.events.follow import Follower
from pillarbox.events.types import Event
from pillarbox.kit.clock import DAY, HOUR, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.sending.accept import Promise, keep_promises
from pillarbox.store import (
    account_times,
    events,
    message_terms,
    messages,
    notifications,
    outgoing,
    partitions,
    quarantine,
    upstream_ids,
)
from pillarbox.store.account_times import Days
from pillarbox.store.engine import Store
from pillarbox.store.message_terms import TermRow
from pillarbox.store.notifications import DeliveryRow, NotificationRow
from pillarbox.store.outgoing import Closing
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.quarantine import QuarantineRow
from pillarbox.store.upstream_ids import UpstreamId
from pillarbox.upkeep.partitions import Partitions
from pillarbox.upkeep.retention import Kept, Retention
from tests.support.clock import NOON, StandingClock
from tests.support.promises import SCOPE, draft, promise

KEPT = Kept(bodies_days=30, history_days=180)


async def accepted(store: Store, at: Millis, scope: Scope = SCOPE) -> Promise:
    """Accept a message that still has to be delivered."""
    promised = promise(draft(scope=scope), at)
    assert await store.commit(keep_promises, promised) is None
    return promised


async def delivered(store: Store, at: Millis, scope: Scope = SCOPE) -> Promise:
    """Accept a message and take it out of the queue."""
    promised = await accepted(store, at, scope)
    for row in promised.outgoing:
        await store.write(outgoing.close, Closing(row.message_id, row.part, "", None, 0, ""))
    return promised


async def everything_followed(store: Store) -> None:
    def nothing(_events: Sequence[Event]) -> Plan[None]:
        yield from ()

    follower = Follower("destinations", store, nothing, StandingClock())
    while await follower.step():
        pass


async def round_at(store: Store, now: Millis, kept: Kept = KEPT) -> None:
    clock = StandingClock(now)
    duty = Retention(store, kept, clock)
    while await duty.due_at() <= now:
        await duty.work(now)


async def body_of(store: Store, promised: Promise) -> bytes:
    row = await store.read(messages.get, promised.message.message_id)
    assert row is not None
    return await store.body(row.body)


async def test_bodies_go_before_the_history_of_their_messages(store: Store) -> None:
    old, young = await delivered(store, NOON), await delivered(store, NOON + 2 * DAY)
    await everything_followed(store)

    await round_at(store, NOON + 31 * DAY)

    with pytest.raises(Unavailable, match="no longer kept"):
        await body_of(store, old)
    assert await body_of(store, young) == young.body
    assert await store.read(events.of_message, old.message.message_id)


async def test_mail_that_still_waits_keeps_its_body_and_its_history(store: Store) -> None:
    waiting = await accepted(store, NOON)
    await everything_followed(store)

    await round_at(store, NOON + 400 * DAY)

    assert await body_of(store, waiting) == waiting.body
    assert await store.read(messages.recipients_of, waiting.message.message_id)


async def test_messages_go_with_their_recipients_and_events_in_every_account(store: Store) -> None:
    others = Scope("999999999999", "eu-west-1")
    gone = [await delivered(store, NOON), await delivered(store, NOON, others)]
    stays = await delivered(store, NOON + DAY)
    await everything_followed(store)

    await round_at(store, NOON + 180 * DAY + 1)

    for promised in gone:
        message_id = promised.message.message_id
        assert await store.read(messages.get, message_id) is None
        assert await store.read(messages.recipients_of, message_id) == []
        assert await store.read(events.of_message, message_id) == []
    assert await store.read(messages.get, stays.message.message_id) is not None
    assert await store.read(events.of_message, stays.message.message_id)


async def test_an_event_stays_until_every_follower_has_passed_it(store: Store) -> None:
    old = await delivered(store, NOON)
    now = NOON + 181 * DAY
    await round_at(store, now)
    assert await store.read(events.of_message, old.message.message_id)

    await everything_followed(store)
    await round_at(store, now + HOUR)
    assert await store.read(events.of_message, old.message.message_id) == []


async def test_a_round_takes_all_that_is_old_and_the_next_one_is_an_hour_later(store: Store) -> None:
    for number in range(3):
        await delivered(store, NOON + number)
    clock = StandingClock(NOON + 200 * DAY)
    duty = Retention(store, KEPT, clock)
    await everything_followed(store)

    await duty.work(clock.now())

    assert await duty.due_at() == clock.now() + HOUR
    assert await store.read(left_in, "messages") == 0


async def test_what_is_kept_for_ever_stays(store: Store) -> None:
    old = await delivered(store, NOON)
    await everything_followed(store)

    await round_at(store, NOON + 4_000 * DAY, Kept(bodies_days=0, history_days=0))

    assert await body_of(store, old) == old.body
    assert await store.read(events.of_message, old.message.message_id)


THEIRS, LONGER = Scope("999999999999", "us-east-1"), Scope("888888888888", "us-east-1")


async def test_accounts_keep_bodies_for_days_of_their_own(store: Store) -> None:
    for scope, days in ((THEIRS, 2), (LONGER, 90)):
        await store.write(account_times.put, scope.account, Days(bodies=days), NOON)
    common, short, long = [await delivered(store, NOON, scope) for scope in (SCOPE, THEIRS, LONGER)]

    await round_at(store, NOON + 3 * DAY + 1)
    with pytest.raises(Unavailable, match="no longer kept"):
        await body_of(store, short)
    assert await body_of(store, common) == common.body

    await round_at(store, NOON + 31 * DAY + 2)
    with pytest.raises(Unavailable, match="no longer kept"):
        await body_of(store, common)
    assert await body_of(store, long) == long.body

    await round_at(store, NOON + 91 * DAY + 3)
    with pytest.raises(Unavailable, match="no longer kept"):
        await body_of(store, long)


async def test_an_account_without_days_of_its_own_any_more_keeps_what_it_has_as_others_do(store: Store) -> None:
    await store.write(account_times.put, SCOPE.account, Days(bodies=0), NOON)
    promised = await delivered(store, NOON)
    await round_at(store, NOON + 100 * DAY)
    assert await body_of(store, promised) == promised.body

    await store.write(account_times.put, SCOPE.account, Days(), NOON)
    await round_at(store, NOON + 102 * DAY)

    with pytest.raises(Unavailable, match="no longer kept"):
        await body_of(store, promised)


async def test_accounts_keep_history_for_days_of_their_own(store: Store) -> None:
    for scope, days in ((THEIRS, 2), (LONGER, 0)):
        await store.write(account_times.put, scope.account, Days(history=days), NOON)
    made = [await delivered(store, NOON, scope) for scope in (SCOPE, THEIRS, LONGER)]

    async def still_told() -> list[tuple[bool, bool]]:
        told = []
        for one in made:
            message_id = one.message.message_id
            row = await store.read(messages.get, message_id)
            told.append((row is not None, bool(await store.read(events.of_message, message_id))))
        return told

    await round_at(store, NOON + 3 * DAY)
    assert await still_told() == [(True, True)] * 3, "what followers have not heard of stays"
    await everything_followed(store)
    await round_at(store, NOON + 4 * DAY)
    assert await still_told() == [(True, True), (False, False), (True, True)]
    await round_at(store, NOON + 181 * DAY)
    assert await still_told() == [(False, False), (False, False), (True, True)]


async def test_what_messages_are_found_by_goes_with_the_history_of_their_account(store: Store) -> None:
    for scope, days in ((THEIRS, 2), (LONGER, 0)):
        await store.write(account_times.put, scope.account, Days(history=days), NOON)
    week = message_terms.week_of(NOON)
    rows = [TermRow(week, *scope, term, NOON, term) for scope in (SCOPE, THEIRS, LONGER) for term in ("a", "b")]
    await store.write(message_terms.add, rows)

    async def found() -> list[bool]:
        return [
            bool(await store.read(message_terms.beginning_with, one, week, "", 9)) for one in (SCOPE, THEIRS, LONGER)
        ]

    await round_at(store, NOON + 1 * DAY)
    assert await found() == [True, True, True]
    await round_at(store, NOON + 10 * DAY)
    assert await found() == [True, False, True]
    await round_at(store, NOON + 190 * DAY)
    assert await found() == [False, False, True]


async def test_notifications_go_unless_one_is_still_to_be_delivered(store: Store) -> None:
    for name, state in (("done", "done"), ("dead", "dead"), ("due", "due")):
        told = NotificationRow(name, *SCOPE, "topic", "Notification", None, "{}", "{}", None, NOON)
        delivery = DeliveryRow(name, "sub", *SCOPE, "topic", "http", "http://x", state, NOON, NOON, 0, "", "", None)
        await store.write(notifications.add, [told], [delivery])

    await round_at(store, NOON + 31 * DAY)

    assert set(await store.read(notifications.told, ["done", "dead", "due"])) == {"due"}
    assert await store.read(left_in, "notification_deliveries") == 1


async def test_keys_of_facts_and_quotas_of_the_past_are_forgotten(store: Store) -> None:
    await store.write(events.first_seen, SCOPE.account, "told", NOON)
    await delivered(store, NOON)

    await round_at(store, NOON + 181 * DAY)

    assert await store.write(events.first_seen, SCOPE.account, "told", NOON)
    assert await store.read(left_in, "quota_use") == 0


def left_in(table: str) -> Plan[int]:
    rows = yield Rows(f"SELECT count(*) FROM {table}")
    return int(rows[0][0])


async def test_what_nobody_could_read_is_kept_as_long_as_history(store: Store) -> None:
    for name, at in (("old", NOON - 181 * DAY), ("young", NOON - 179 * DAY)):
        await store.write(quarantine.put, QuarantineRow("eu", name, *SCOPE, at, "no time", "{}"))
    await round_at(store, NOON)
    assert [row.post_id for row in await store.read(quarantine.oldest, "", 10)] == ["young"]


async def make_parts(store: Store) -> None:
    """Make the parts that noon lies in, a week ahead."""
    now = NOON - 7 * DAY
    duty = Partitions(store, 7, StandingClock(now))
    await delivered(store, now)
    assert await duty.due_at() == now
    await duty.work(now)
    assert await duty.due_at() is None


def parts(at: Millis | None = None) -> Plan[set[tuple[str, Millis]]]:
    """Return all parts, or those of a time."""
    there = yield from partitions.listed()
    return {(one.table, one.begins_at) for one in there if at is None or one.begins_at <= at < one.ends_at}


async def test_what_lies_in_parts_goes_with_them_when_all_of_a_part_is_old(postgres_store: Store) -> None:
    await make_parts(postgres_store)
    gone = await delivered(postgres_store, NOON)
    first = await postgres_store.read(parts, NOON)
    stays = await delivered(postgres_store, NOON + 7 * DAY)
    await postgres_store.write(upstream_ids.link, [UpstreamId("eu", "theirs", gone.message.message_id, NOON)])
    await everything_followed(postgres_store)
    [end] = {one.ends_at for one in await postgres_store.read(partitions.listed) if (one.table, one.begins_at) in first}

    await round_at(postgres_store, end + 180 * DAY - 1)
    assert await postgres_store.read(messages.get, gone.message.message_id), "a part goes as a whole"
    await round_at(postgres_store, end + 180 * DAY + HOUR)

    assert {table for table, _ in first} == set(partitions.KEYS)
    # Of the last message of a week only its week is known there.
    assert {table for table, _ in first & await postgres_store.read(parts)} == {"message_terms"}
    assert await postgres_store.read(messages.get, gone.message.message_id) is None
    assert await postgres_store.read(messages.recipients_of, gone.message.message_id) == []
    assert await postgres_store.read(events.of_message, gone.message.message_id) == []
    assert await postgres_store.read(upstream_ids.theirs, gone.message.message_id) == []
    assert await postgres_store.read(messages.recipients_of, stays.message.message_id)
    assert await postgres_store.read(events.of_message, stays.message.message_id)
    await round_at(postgres_store, end + 187 * DAY + HOUR)
    assert not first & await postgres_store.read(parts)


async def test_a_part_stays_while_something_in_it_is_owed(postgres_store: Store) -> None:
    await make_parts(postgres_store)
    waiting = await accepted(postgres_store, NOON)
    first = {(table, at) for table, at in await postgres_store.read(parts, NOON) if table != "message_terms"}

    await round_at(postgres_store, NOON + 400 * DAY)
    assert await postgres_store.read(parts) == first, "the message waits, and nobody followed its event"

    await everything_followed(postgres_store)
    await round_at(postgres_store, NOON + 401 * DAY)
    assert {table for table, _ in await postgres_store.read(parts)} == set(partitions.KEYED_BY_MESSAGE)
    assert await postgres_store.read(messages.recipients_of, waiting.message.message_id)


async def test_who_keeps_for_longer_keeps_the_part_and_others_lose_their_rows(
    postgres_store: Store,
) -> None:
    await postgres_store.write(account_times.put, LONGER.account, Days(history=0), NOON)
    await make_parts(postgres_store)
    gone, stays = await delivered(postgres_store, NOON), await delivered(postgres_store, NOON, LONGER)
    await everything_followed(postgres_store)

    await round_at(postgres_store, NOON + 181 * DAY)

    assert await postgres_store.read(messages.get, gone.message.message_id) is None
    assert await postgres_store.read(events.of_message, gone.message.message_id) == []
    assert await postgres_store.read(messages.get, stays.message.message_id)
    assert await postgres_store.read(events.of_message, stays.message.message_id)
