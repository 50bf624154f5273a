"""A split send and a bulk send are written out whole and once, whoever dies on the way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pillarbox.delivery.route import RouteTable
from pillarbox.events.tail import event_of
from pillarbox.events.types import Kind, RenderingFailure, Send
from pillarbox.kit.clock import HOUR, MINUTE
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import NotFound, Unavailable
from pillarbox.kit.ids import Scope, part_message_id
from pillarbox.operate import history, sends
from pillarbox.resources.account import Quota
from pillarbox.sending import deferred, expand, making, promised
from pillarbox.sending.accept import Promise, keep_promises
from pillarbox.sending.bulk import Entry, send_bulk
from pillarbox.sending.draft import Draft, Templated
from pillarbox.sending.envelope import Envelope, read_envelope
from pillarbox.sending.expand import LEASE, NOT_MADE, Expander
from pillarbox.sending.policy import InvalidMessage
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.stats import insights
from pillarbox.store import elsewhere, events, large_sends, leases, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from tests.support.clock import StandingClock
from tests.support.promises import draft, split_promise

NOON = 1_790_000_000_000
MANY = 300  # some chunks


def large(count: int = MANY, name: str = "p") -> Promise:
    return split_promise(count, NOON, name)


async def kept(store: Store, promised: Promise) -> Promise:
    assert await store.commit(keep_promises, promised) is None
    return promised


def expander(store: Store, at: int = NOON) -> Expander:
    return Expander(store, RouteTable(), StandingClock(at))


async def finish(one: Expander) -> None:
    while await one.step():
        pass


async def is_whole(store: Store, promised: Promise) -> bool:
    """Say whether each recipient has one message, one row in the queue and one Send."""
    first, count = promised.message, promised.addressed
    for number in (0, 1, count // 2, count - 1):
        message_id = part_message_id(first.message_id, number)
        row = await store.read(messages.get, message_id)
        assert row is not None and row.send_id == first.send_id
        (recipient,) = await store.read(messages.recipients_of, message_id)
        assert recipient.address == f"p{number}@example.net"
        assert [event.kind for event in await store.read(events.of_message, message_id)] == [Kind.SEND.value]
    whole = await sends.of(store, first.send_id)
    assert whole is not None
    return whole.states == {"accepted": count} and whole.unwritten == 0 and await store.read(outgoing.size) == count


async def send_to(store: Store, count: int, *, daily_limit: int = -1) -> list[str | None]:
    """Send a template to p0@example.net and so on, in one call; return the MessageId of each, None if refused."""
    quota = Quota(daily_limit, 0, False)
    standings = Standings(store, StandingClock(NOON), any_sender=True, sandbox=False, quota=quota)
    content = Templated("hello", "Hello {{name}}", "Hi {{name}}", None, '{"name": "you"}')
    entries = [Entry(to=(f"p{number}@example.net",), data=f'{{"name": "p{number}"}}') for number in range(count)]
    shared = replace(draft(), content=content, to=(), tags=())
    results = await send_bulk(Sender(store, standings, RouteTable()), shared, entries, NOON)
    return [result.message_id for result in results]


async def send_in_a_burst(store: Store, count: int) -> list[str]:
    courtesy = Courtesy()
    courtesy.came(count)
    standings = Standings(store, StandingClock(NOON), any_sender=True, sandbox=False)
    sender = Sender(store, standings, RouteTable(), courtesy=courtesy, makes_later=True)
    return await asyncio.gather(*(sender.send(draft(f"p{number}@example.net"), NOON) for number in range(count)))


async def assert_written(store: Store, ids: list[str | None]) -> None:
    """Pass when each has one message, as its entry says, one row in the queue and one Send, and there is no other."""
    for number, message_id in enumerate(ids):
        if message_id is None:
            continue
        row = await store.read(messages.get, message_id)
        assert row is not None and row.subject == f"Hello p{number}"
        assert f"Hi p{number}".encode() in await store.body(row.body)
        (recipient,) = await store.read(messages.recipients_of, message_id)
        assert recipient.address == f"p{number}@example.net"
        assert [event.kind for event in await store.read(events.of_message, message_id)] == [Kind.SEND.value]
    count = len([one for one in ids if one])
    assert len(await store.read(messages.newest, messages.Search(), 200)) == count
    assert await store.read(outgoing.size) == count


def test_what_is_promised_is_the_first_message_and_the_list() -> None:
    promised = large()
    assert [row.address for row in promised.recipients] == ["p0@example.net"]
    assert len(promised.outgoing) == 1
    assert promised.quota_recipients == promised.addressed == MANY
    assert b"p299@example.net" in promised.everybody
    assert b"example.net" not in promised.body


async def test_every_recipient_gets_a_message_and_all_share_one_body(store: Store) -> None:
    sent = await kept(store, large())
    await finish(expander(store))

    assert await is_whole(store, sent)
    bodies = await store.read(messages.get_many, [part_message_id(sent.message.message_id, n) for n in range(9)])
    assert len({row.body for row in bodies.values()}) == 1


async def test_a_send_is_known_while_it_is_written_out(store: Store) -> None:
    sent = await kept(store, large())
    one = expander(store)
    await one.step()

    whole = await sends.of(store, sent.message.send_id)
    assert whole is not None
    assert 0 < whole.unwritten < MANY - 1
    assert whole.recipient_count == MANY
    assert len(whole.parts) == sends.MOST_LISTED and whole.next == whole.parts[-1].message_id


async def test_another_takes_over_when_the_lease_of_a_dead_one_ends(store: Store) -> None:
    sent = await kept(store, large())
    await expander(store).step()  # and is heard of no more

    await finish(expander(store, NOON + LEASE - 1))
    assert not await is_unleased(store, sent)
    await finish(expander(store, NOON + LEASE))
    assert await is_whole(store, sent)


async def is_unleased(store: Store, sent: Promise) -> bool:
    return await store.read(large_sends.unwritten, sent.message.send_id) == 0


async def test_nothing_is_written_by_one_who_lost_the_lease(store: Store) -> None:
    sent = await kept(store, large())
    slow = expander(store)
    await slow.step()
    await finish(expander(store, NOON + LEASE))

    await finish(slow)
    assert await is_whole(store, sent)


async def test_what_one_has_open_when_it_is_stopped_another_goes_on_with_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await kept(store, large())
    write, stopped = store.write, asyncio.Event()

    async def stalling(planner: Any, *args: Any) -> Any:
        if planner is expand.write_chunk:
            stopped.set()
            await asyncio.Event().wait()
        return await write(planner, *args)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", stalling)
        running = asyncio.create_task(expander(store).run())
        await stopped.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await finish(expander(store))
    assert await is_whole(store, sent)


async def test_what_a_dead_process_had_open_is_due_at_once_in_a_store_of_ones_own(store: Store) -> None:
    sent = await kept(store, large())
    await expander(store).step()
    await store.write(leases.end_all, NOON)

    await finish(expander(store))
    assert await is_whole(store, sent)


async def test_a_short_send_does_not_wait_for_a_long_one(store: Store) -> None:
    long = await kept(store, large(1_000))
    one = expander(store)
    await one.step()
    short = await kept(store, large(3, "q"))
    while await store.read(large_sends.unwritten, short.message.send_id):
        assert await one.step()

    assert await store.read(large_sends.unwritten, long.message.send_id) > 500


class Broken:
    """Routes that cannot be found for mail of one configuration set."""

    def __init__(self, broken: str) -> None:
        self._routes = RouteTable()
        self._broken = broken

    def __call__(self, scope: Scope, configuration_set: str | None, domain: str, pool: str = "") -> tuple[str, str]:
        if configuration_set == self._broken:
            raise KeyError("no such lane")
        return self._routes(scope, configuration_set, domain)


async def test_a_send_that_cannot_be_written_out_keeps_no_other_waiting(store: Store) -> None:
    long = large()
    await kept(store, replace(long, message=long.message._replace(configuration_set="broken")))
    short = await kept(store, large(3, "q"))

    await finish(Expander(store, Broken("broken"), StandingClock(NOON)))
    assert [await store.read(large_sends.unwritten, one.message.send_id) for one in (long, short)] == [MANY - 1, 0]

    await finish(expander(store, NOON + LEASE))
    assert await store.read(outgoing.size) == MANY + 3


async def failures_of(store: Store, ids: list[str | None]) -> dict[int, str]:
    """Return, by the places in the call, why those failed whose message ended as a Rendering Failure."""
    found = {}
    for number, message_id in enumerate(ids):
        assert message_id is not None
        told = [event_of(row) for row in await store.read(events.of_message, message_id)]
        if len(told) == 2:
            (sent, failed), (recipient,) = told, await store.read(messages.recipients_of, message_id)
            assert isinstance(sent.fact, Send) and isinstance(failed.fact, RenderingFailure)
            assert (recipient.address, recipient.state) == (f"p{number}@example.net", "rendering-failed")
            assert failed.fact.template_name == "hello"
            found[number] = failed.fact.error_message
    return found


async def test_what_has_become_impossible_to_make_ends_at_once_and_the_others_are_made(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await send_to(store, 20)
    whole = read_envelope

    def stricter(asked: Draft) -> Envelope:
        if asked.to == ("p7@example.net",):
            raise InvalidMessage("Subject is no longer what a header may have.")
        return whole(asked)

    monkeypatch.setattr(making, "read_envelope", stricter)  # as in a program of a later release
    await finish(expander(store))

    assert await failures_of(store, ids) == {7: "Subject is no longer what a header may have."}
    assert await store.read(outgoing.size) == 19
    made = await history.of(store, str(ids[7]), NOON)
    assert made.moments[-1].said == "Subject is no longer what a header may have."
    assert NOT_MADE.labels(draft().scope.account)._value.get() >= 1


async def test_a_fault_that_comes_again_ends_its_message_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await send_to(store, 20)
    broken = Broken("broken")
    whole = deferred._draft

    def own(scope: Scope, listed: deferred.Listed, entry: deferred.Own) -> Draft:
        made = whole(scope, listed, entry)
        return replace(made, configuration_set="broken" if entry.number == 7 else None)

    monkeypatch.setattr(deferred, "_draft", own)
    clock = StandingClock(NOON)
    tries = 0
    while (await store.read(large_sends.to_come)).due_at is not None:
        await finish(Expander(store, broken, clock))
        clock.at += 15 * MINUTE
        tries += 1
    assert 1 < tries < 10
    assert await failures_of(store, ids) == {7: "'no such lane'"}
    assert await store.read(outgoing.size) == 19


async def test_a_place_of_bodies_that_is_away_is_waited_for_as_long_as_delivery_is_tried(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await send_to(store, 20)

    async def away(*_args: object) -> None:
        raise Unavailable("the bucket does not answer")

    clock = StandingClock(NOON)
    monkeypatch.setattr(elsewhere, "put_away", away)
    while (due_at := (await store.read(large_sends.to_come)).due_at) is not None:
        clock.at = max(clock.at, due_at)
        await finish(Expander(store, RouteTable(), clock))
    assert 13 * HOUR < clock.at - NOON < 15 * HOUR
    assert await failures_of(store, ids) == dict.fromkeys(range(20), "the bucket does not answer")


async def test_a_place_that_comes_back_makes_all_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await send_to(store, 20)

    async def away(*_args: object) -> None:
        raise Unavailable("the bucket does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "put_away", away)
        for hours in range(9):
            await finish(expander(store, NOON + hours * HOUR))
    await finish(expander(store, NOON + 10 * HOUR))
    await assert_written(store, ids)


@pytest.mark.parametrize("kind", ["split", "bulk", "burst"])
async def test_what_a_damaged_list_leaves_ends_in_the_open(store: Store, kind: str) -> None:
    if kind == "bulk":
        ids = [str(one) for one in await send_to(store, 20)]
    elif kind == "burst":
        ids = await send_in_a_burst(store, 20)
    else:
        sent = await kept(store, large(20))
        ids = [part_message_id(sent.message.message_id, number) for number in range(1, 20)]
    for table in ("bulk_sends", "large_sends", "unmade_sends"):
        await store.write(said, f"UPDATE {table} SET recipients = '1970-01-01:0:9' WHERE recipients <> ''")

    clock = StandingClock(NOON)
    while (due_at := (await store.read(large_sends.to_come)).due_at) is not None:
        clock.at = max(clock.at, due_at)
        await finish(Expander(store, RouteTable(), clock))
    for message_id in ids:
        told = [event_of(row).kind for row in await store.read(events.of_message, message_id)]
        assert told == [Kind.SEND, Kind.RENDERING_FAILURE]
        assert await store.read(messages.get, message_id) is not None


def said(statement: str) -> Plan[None]:
    yield Rows(statement)


async def test_a_store_that_fails_is_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = await kept(store, large())
    one = expander(store)
    await one.step()
    whole = store.write

    async def failing(*_args: object) -> object:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(store, "write", failing)
    with pytest.raises(Unavailable):
        await one.step()
    monkeypatch.setattr(store, "write", whole)
    await finish(one)
    assert await is_whole(store, sent)


async def test_the_messages_of_a_bulk_send_are_made_after_the_answer(store: Store) -> None:
    ids = await send_to(store, 50)
    assert await store.read(messages.recipients_since, draft().scope, NOON - 1) == 50
    assert await store.read(messages.newest, messages.Search(), 1) == []

    await finish(expander(store))
    await assert_written(store, ids)
    assert await store.read(messages.recipients_since, draft().scope, NOON - 1) == 50


async def test_until_then_they_are_shown_as_they_will_be(store: Store) -> None:
    first, *_, refused = await send_to(store, 20, daily_limit=19)
    assert first is not None and refused is None
    shown = await history.of(store, first, NOON)
    assert [recipient.address for recipient in shown.message.recipients] == ["p0@example.net"]
    assert [(moment.kind, moment.happened_at) for moment in shown.moments] == [("Send", NOON)]
    assert [one.why for one in shown.waiting] == ["Promised, and about to be written out."]
    assert shown.send is not None and shown.send.unwritten == 19
    for message_id, account in ((part_message_id(first, 19), ""), (first, "999999999999"), ("none", "")):
        with pytest.raises(NotFound, match="there is no message"):
            await history.of(store, message_id, NOON, account)

    await finish(expander(store))
    written = await history.of(store, first, NOON)
    assert (written.message, written.moments, written.tags) == (shown.message, shown.moments, shown.tags)


async def test_a_part_of_a_split_send_is_shown_before_it_is_written_out(store: Store) -> None:
    sent = await kept(store, large())
    message_id = part_message_id(sent.message.message_id, MANY - 1)

    unwritten = await promised.find(store, message_id)
    assert unwritten is not None
    asked = (sent.message.scope, message_id, (unwritten.message, unwritten.events))
    shown = await store.read(insights.insights, *asked)
    assert shown is not None
    assert [(one.address, [event.kind for event in one.events]) for one in shown.recipients] == [
        (f"p{MANY - 1}@example.net", [Kind.SEND])
    ]
    assert await store.read(insights.insights, Scope(sent.message.account, "eu-west-1"), *asked[1:]) is None
    assert await promised.find(store, part_message_id(message_id, MANY)) is None

    await finish(expander(store))
    assert await promised.find(store, message_id) is None
    assert await store.read(insights.insights, *asked) == shown


async def test_a_call_with_few_entries_is_written_with_its_answer(store: Store) -> None:
    await assert_written(store, await send_to(store, 7))


async def test_who_was_refused_gets_no_message(store: Store) -> None:
    ids = await send_to(store, 20, daily_limit=13)
    assert [one is None for one in ids] == [False] * 13 + [True] * 7

    await finish(expander(store))
    await assert_written(store, ids)


async def test_another_goes_on_with_a_bulk_send_where_a_dead_one_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expand, "_AT_ONCE", 7)  # some chunks
    ids = await send_to(store, 20)
    slow = expander(store)
    await slow.step()  # and is heard of for a while no more

    await finish(expander(store, NOON + LEASE - 1))
    assert await store.read(outgoing.size) == 7
    await finish(expander(store, NOON + LEASE))
    await finish(slow)
    await assert_written(store, ids)


async def test_large_messages_are_written_some_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "_MOST_BYTES_AT_ONCE", 300)
    ids = await send_to(store, 8)
    one = expander(store)
    await one.step()
    assert 0 < await store.read(outgoing.size) < 8

    await finish(one)
    await assert_written(store, ids)


async def test_whoever_is_stopped_as_he_is_woken_stops(store: Store) -> None:
    """Waiting by asyncio.wait_for would take the one for the other: https://github.com/python/cpython/issues/86296"""
    one = expander(store)
    running = asyncio.create_task(one.run())
    while one._woken.is_set() or not one._woken._waiters:  # type: ignore[attr-defined]
        await asyncio.sleep(0.001)
    one._woken.set()
    running.cancel()
    await asyncio.wait([running], timeout=20)
    assert running.cancelled()
