"""A message of a burst is made after its answer, and is the one that would have been made before it."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.delivery.route import RouteTable
from pillarbox.events.tail import event_of
from pillarbox.events.types import Kind, RenderingFailure, Send
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import NotFound, Refusal
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.operate import history
from pillarbox.resources.account import Quota
from pillarbox.resources.contact_lists import ContactList, Topic
from pillarbox.resources.sending_authorization import Given, OnBehalf, Owner
from pillarbox.sending import making, promised, unmade
from pillarbox.sending.accept import Promise, accept, accept_unmade, keep_promises
from pillarbox.sending.draft import V1_SIZE_LIMIT, Attachment, Draft, Invocation, Raw, Simple, Templated, Text, Tracked
from pillarbox.sending.envelope import Envelope, read_envelope
from pillarbox.sending.expand import Expander
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.policy import DailyQuotaExceeded, InvalidMessage, Standing, TenantStanding
from pillarbox.sending.rows import Belongings, Written
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.sending.unmade import Unmade, read_unmade
from pillarbox.stats import insights
from pillarbox.store import events, large_sends, messages, outgoing
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.support.promises import SCOPE, STANDING, draft

NOON = 1_790_000_000_000
ROUTES = RouteTable()
GOOD = replace(STANDING, pool="warm", rate=10.0, daily_limit=100)
_BOUNDARY = re.compile(r"----=_Part_\d{6}_\d{10}\.\d{13}")


def at_once(asked: Draft, standing: Standing = GOOD) -> Promise | Refusal:
    try:
        return accept(asked, read_envelope(asked), standing, ROUTES, NOON)
    except Refusal as reason:
        return reason


def later(asked: Draft, standing: Standing = GOOD) -> Unmade | Refusal | None:
    """Return what is promised of a draft that waits, or why not; None for one that does not wait."""
    envelope = read_unmade(asked)
    if envelope is None:
        return None
    try:
        return accept_unmade(asked, envelope, standing, new_message_id(SCOPE, NOON), NOON)
    except Refusal as reason:
        return reason


def made_of(*kept: Unmade) -> list[Written]:
    whole = unmade.making(unmade.row_of(kept, "at"), unmade.list_of(kept))
    return list(whole.following(0, 99, ROUTES, NOON))


def told(made: object, message_id: str) -> str:
    """Return a value without what is by chance."""
    return _BOUNDARY.sub("boundary", repr(made).replace(message_id, "id"))


def assert_same(written: Written, kept: Unmade, now: Promise) -> None:
    assert kept.once == now.once
    assert kept.asked._replace(key="") == now.asked._replace(key="")
    own = Belongings(now.recipients, now.outgoing, now.events)
    assert told(written, kept.asked.key) == told(Written(now.message, own, bytes(now.body)), now.message.message_id)


WORDS = st.text(st.sampled_from("ab é😀\t\n\x7f,\"\\'"), max_size=8)
TEXTS = st.builds(Text, WORDS, st.sampled_from([None, "UTF-8", "utf-8", "ISO-8859-1", "no-charset"]))
ADDRESSES = st.sampled_from(["a@example.net", "Jo <b@example.net>", "Zoë <c@exämple.net>", "nobody", "d@x.example", ""])
HEADERS = st.sampled_from(
    [(), (("X-A", "1"),), (("List-Unsubscribe", "<https://x.example/>"), ("X-B", "2")), (("To", "x"),)]
)
DRAFTS = st.builds(
    Draft,
    scope=st.just(SCOPE),
    operation=st.just("SendEmail"),
    caller_identity=st.just("tester"),
    source_ip=st.just("192.0.2.1"),
    content=st.builds(Simple, TEXTS, st.none() | TEXTS, st.none() | TEXTS, HEADERS),
    size_limit=st.just(V1_SIZE_LIMIT),
    sender=st.sampled_from(["Sender <sender@example.com>", "sender@example.com", "x@other.example", "nobody"]),
    to=st.lists(ADDRESSES, max_size=2).map(tuple),
    cc=st.lists(ADDRESSES, max_size=1).map(tuple),
    bcc=st.lists(ADDRESSES, max_size=1).map(tuple),
    reply_to=st.lists(ADDRESSES, max_size=1).map(tuple),
    return_path=st.none() | st.sampled_from(["back@example.com", "nobody"]),
    configuration_set=st.none() | st.just("set"),
    tags=st.sampled_from([None, (("a", "b"),), (("pillarbox-idempotency-key", "k"),), (("no tag", "x"),)]),
    invocation=st.none() | st.just(Invocation("key id", is_again=False, ends_here=False)),
    tracked=st.sampled_from([Tracked(), Tracked(opens=False)]),
)


@given(DRAFTS)
def test_what_waits_becomes_what_it_would_have_been(asked: Draft) -> None:
    now, kept = at_once(asked), later(asked)
    if kept is None:
        return  # it is made at once
    if isinstance(now, Refusal) or isinstance(kept, Refusal):
        assert (type(kept), str(kept)) == (type(now), str(now))
        return
    (written,) = made_of(kept)
    assert_same(written, kept, now)


def test_everything_that_is_said_of_a_message_is_kept() -> None:
    arn = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
    listed = ContactList("news", topics=(Topic("weekly", "Weekly", "OPT_IN"),))
    standing = replace(
        GOOD, owners={arn: Owner(True, ())}, tenant=TenantStanding(True, ()), contact_list=listed, verified=frozenset()
    )
    asked = replace(
        draft(configuration_set="set"),
        on_behalf=OnBehalf(source=Given("SourceArn", arn)),
        tenant="acme",
        return_path="back@example.com",
        list_management=ListManagement("news", "weekly"),
        tags=(("a", "b"),),
    )
    now, kept = at_once(asked, standing), later(asked, standing)
    assert isinstance(now, Promise)
    assert isinstance(kept, Unmade)
    (written,) = made_of(kept)
    assert_same(written, kept, now)
    assert '"contact_list":"news"' in written.message.mail


def test_lists_are_of_one_account_and_none_is_too_long() -> None:
    ours, theirs = later(draft()), later(draft(scope=Scope("999999999999", "eu-west-1")))
    long = later(replace(draft(), content=Simple(Text("s"), Text("x" * 60_000))))
    assert isinstance(ours, Unmade)
    assert isinstance(theirs, Unmade)
    assert isinstance(long, Unmade)
    mixed = unmade.together([ours, theirs] * 130)
    assert [(len(one), {each.asked.scope for each in one}) for one in mixed] == [
        (128, {ours.asked.scope}),
        (128, {theirs.asked.scope}),
        (2, {ours.asked.scope}),
        (2, {theirs.asked.scope}),
    ]
    assert [len(one) for one in unmade.together([long] * 100)] == [69, 31]
    assert all(len(unmade.list_of(one)) <= 4 * 1024 * 1024 + 100 for one in unmade.together([long] * 100))


def simple(**parts: Any) -> Draft:
    return replace(draft(), content=replace(Simple(Text("A subject"), Text("Hello.")), **parts))


@pytest.mark.parametrize(
    "asked",
    [
        draft(),
        simple(html=Text("<p>é</p>", "UTF-8"), headers=(("List-Unsubscribe", "<https://example.com/u>"),)),
        replace(draft(), tags=(("a", "b"),), cc=("b@example.net",), reply_to=("c@example.com",)),
    ],
    ids=range(3),
)
def test_most_messages_wait(asked: Draft) -> None:
    assert read_unmade(asked) is not None


@pytest.mark.parametrize(
    "asked",
    [
        replace(draft(), content=Raw(b"From: a@example.com\r\n\r\nx")),
        replace(draft(), content=Templated("t", "s", "t", None, "{}")),
        replace(draft(), sender=None),
        replace(draft(), is_report=True),
        replace(draft(), send_id="of a call"),
        replace(draft(), to=("nobody",)),
        replace(draft(), reply_to=("nobody",)),
        replace(draft(), to=("a@example.net",) * 51),
        replace(draft(), size_limit=V1_SIZE_LIMIT // 10),
        simple(text=None),
        simple(text=Text("x" * 100_000)),
        simple(text=Text("\ud800")),
        simple(text=Text("x", "ISO-8859-1")),
        simple(subject=Text("a\nb")),
        simple(subject=Text("x" * 1_000)),
        simple(headers=(("To", "x"),)),
        simple(headers=(("Sender", "x@example.com"),)),
        simple(attachments=(Attachment("a.txt", b"x"),)),
    ],
    ids=range(18),
)
def test_a_message_that_may_be_refused_when_it_is_made_does_not_wait(asked: Draft) -> None:
    assert read_unmade(asked) is None


def crowded() -> Courtesy:
    courtesy = Courtesy()
    courtesy.came(100)
    return courtesy


def sender(store: Store, *, daily_limit: int = -1, splits: bool = False) -> Sender:
    quota = Quota(daily_limit, 0, False)
    standings = Standings(store, StandingClock(NOON), any_sender=True, sandbox=False, quota=quota, splits=splits)
    return Sender(store, standings, ROUTES, courtesy=crowded(), makes_later=True)


async def send(one: Sender, count: int, *, scope: Scope = SCOPE, **changes: Any) -> list[Any]:
    """Send to p0@example.net and so on, all at once; return the MessageId of each, or why it was refused."""
    drafts = [replace(draft(f"p{number}@example.net", scope=scope), **changes) for number in range(count)]
    return await asyncio.gather(*(one.send(asked, NOON) for asked in drafts), return_exceptions=True)


def expander(store: Store) -> Expander:
    return Expander(store, ROUTES, StandingClock(NOON))


async def finish(one: Expander) -> None:
    while await one.step():
        pass


async def assert_written(store: Store, ids: list[str]) -> None:
    """Pass when each has one message of its own, one row in the queue and one Send, and there is no other."""
    for number, message_id in enumerate(ids):
        row = await store.read(messages.get, message_id)
        assert row is not None and (row.subject, row.send_id) == ("A subject", message_id)
        assert f"To: p{number}@example.net".encode() in await store.body(row.body)
        (recipient,) = await store.read(messages.recipients_of, message_id)
        assert recipient.address == f"p{number}@example.net"
        assert [event.kind for event in await store.read(events.of_message, message_id)] == [Kind.SEND.value]
    assert len(await store.read(messages.newest, messages.Search(), 500)) == len(ids)
    assert await store.read(outgoing.size) == len(ids)


async def test_the_messages_of_a_burst_are_made_after_their_answers(store: Store) -> None:
    ids = await send(sender(store), 200)
    assert len(set(ids)) == 200
    assert all(one.endswith("-000000") for one in ids)
    assert await store.read(messages.recipients_since, SCOPE, NOON - 1) == 200
    assert await store.read(messages.newest, messages.Search(), 1) == []

    await finish(expander(store))
    await assert_written(store, ids)
    assert (await store.read(large_sends.to_come)).due_at is None
    assert await store.read(messages.recipients_since, SCOPE, NOON - 1) == 200


async def test_until_then_they_are_shown_as_they_will_be(store: Store) -> None:
    *_, message_id = await send(sender(store), 20)
    shown = await history.of(store, message_id, NOON)
    assert [recipient.address for recipient in shown.message.recipients] == ["p19@example.net"]
    assert [(moment.kind, moment.happened_at) for moment in shown.moments] == [("Send", NOON)]
    assert [one.why for one in shown.waiting] == ["Promised, and about to be written out."]
    assert shown.send is None
    found = await promised.find(store, message_id)
    assert found is not None
    assert await store.read(insights.insights, SCOPE, message_id, (found.message, found.events)) is not None
    for other, account in ((new_message_id(SCOPE, NOON), ""), (message_id, "999999999999"), ("%", "")):
        with pytest.raises(NotFound, match="there is no message"):
            await history.of(store, other, NOON, account)

    await finish(expander(store))
    written = await history.of(store, message_id, NOON)
    assert (written.message, written.moments, written.tags) == (shown.message, shown.moments, shown.tags)
    assert await promised.find(store, message_id) is None


async def test_each_account_and_region_has_a_list_of_its_own(store: Store) -> None:
    one, other = sender(store), Scope("999999999999", "eu-west-1")
    ours, theirs = await asyncio.gather(send(one, 20), send(one, 20, scope=other))
    await finish(expander(store))
    for scope, ids in ((SCOPE, ours), (other, theirs)):
        found = await store.read(messages.newest, messages.Search(*scope), 50)
        assert {row.message_id for row in found} == set(ids)


async def test_who_was_refused_gets_no_message(store: Store) -> None:
    answers = await send(sender(store, daily_limit=13), 20)
    ids = [one for one in answers if isinstance(one, str)]
    assert len(ids) == 13
    assert all(isinstance(one, str | DailyQuotaExceeded) for one in answers)
    await finish(expander(store))
    assert {row.message_id for row in await store.read(messages.newest, messages.Search(), 50)} == set(ids)


async def test_a_call_that_comes_again_before_its_message_is_made_gets_the_same_answer(store: Store) -> None:
    one = sender(store)
    (first,) = await send(one, 1, invocation=Invocation("key id", is_again=False, ends_here=False))
    (again,) = await send(one, 1, invocation=Invocation("key id", is_again=True, ends_here=True))
    assert again == first
    await finish(expander(store))
    await assert_written(store, [first])


async def test_mail_that_goes_to_each_for_themselves_is_written_with_its_answer(store: Store) -> None:
    ids = await send(sender(store, splits=True), 3)
    assert {row.message_id for row in await store.read(messages.newest, messages.Search(), 5)} == set(ids)


@pytest.mark.parametrize(("waiting", "makes_later"), [(0, True), (100, False)])
async def test_so_is_all_mail_when_nobody_else_waits_or_others_make_messages_too(
    store: Store, waiting: int, makes_later: bool
) -> None:
    courtesy = Courtesy()
    courtesy.came(waiting)
    standings = Standings(store, StandingClock(NOON), any_sender=True, sandbox=False)
    one = Sender(store, standings, ROUTES, courtesy=courtesy, makes_later=makes_later)
    await assert_written(store, await send(one, 3))


async def test_what_has_become_impossible_to_make_ends_at_once_and_the_others_are_made(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await send(sender(store), 20)
    whole = read_envelope

    def stricter(asked: Draft) -> Envelope:
        if asked.to == ("p7@example.net",):
            raise InvalidMessage("Subject is no longer what a header may have.")
        return whole(asked)

    monkeypatch.setattr(making, "read_envelope", stricter)  # as in a program of a later release
    await finish(expander(store))

    sent, failed = [event_of(row) for row in await store.read(events.of_message, ids[7])]
    assert isinstance(sent.fact, Send)
    assert failed.fact == RenderingFailure("", "Subject is no longer what a header may have.")
    assert await store.read(outgoing.size) == 19


async def test_a_group_is_kept_with_messages_that_are_made_at_once(store: Store) -> None:
    kept = later(draft("p0@example.net"), STANDING)
    now = at_once(draft("p1@example.net"), STANDING)
    assert isinstance(kept, Unmade)
    assert isinstance(now, Promise)
    assert await asyncio.gather(*(store.commit(keep_promises, one) for one in (kept, now))) == [None, None]
    await finish(expander(store))
    await assert_written(store, [kept.asked.key, now.message.message_id])
