"""One template to many destinations: what each entry gets, and what is said of each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.resources.account import Quota
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.sending import bulk, policy
from pillarbox.sending.bulk import SUCCESS, Entry, Result, draft_for, result_of, send_bulk
from pillarbox.sending.draft import Draft, Invocation, Templated
from pillarbox.sending.expand import Expander
from pillarbox.sending.handlebars.errors import TemplateError
from pillarbox.sending.render import InvalidTemplateData
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.store import events, messages
from pillarbox.store.sqlite import SqliteStore
from pillarbox.wire import models
from tests.support.clock import StandingClock
from tests.support.promises import SCOPE, draft

NOON = 1_790_000_000_000
SHARED = replace(
    draft(),
    operation="SendBulkEmail",
    content=Templated("hello", "Hello {{name}}", "Hi {{name}}", None, '{"name": "you"}', headers=(("X-A", "1"),)),
    to=(),
    tags=(("campaign", "may"), ("list", "all")),
)


class Breaking(SqliteStore):
    """A store whose disk is full after so many writes (None: never), and that counts its commits.

    `meanwhile` is what goes on beside each write.
    """

    writes_left: int | None = None
    writes_made = 0
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def write(self, planner: Callable[..., Any], *args: Any) -> Any:
        if self.meanwhile:
            await self.meanwhile()
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise Unavailable("disk full")
            self.writes_left -= 1
        self.writes_made += 1
        return await super().write(planner, *args)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Breaking]:
    opened = await Breaking.open(tmp_path)
    assert isinstance(opened, Breaking)
    yield opened
    await opened.close()


def sender_on(
    store: SqliteStore,
    *,
    daily_limit: int | None = None,
    rate: float | None = None,
    any_sender: bool = True,
    splits: bool = False,
    courtesy: Courtesy | None = None,
) -> Sender:
    quota = Quota(-1 if daily_limit is None else daily_limit, rate or 0, False)
    standings = Standings(store, StandingClock(NOON), any_sender=any_sender, sandbox=False, splits=splits, quota=quota)
    return Sender(store, standings, RouteTable(), courtesy=courtesy)


def to(*addresses: str) -> list[Entry]:
    return [Entry(to=(address,)) for address in addresses]


def statuses(results: list[Result]) -> list[str]:
    return [result.status.v1 for result in results]


async def rows(store: SqliteStore) -> dict[str, messages.MessageRow]:
    return {row.message_id: row for row in await store.read(messages.newest, messages.Search(), 200)}


async def written_out(store: SqliteStore) -> None:
    expander = Expander(store, RouteTable(), StandingClock(NOON))
    while await expander.step():
        pass


def content_of(made: Draft) -> Templated:
    assert isinstance(made.content, Templated)
    return made.content


@pytest.mark.parametrize("data", [None, "{}", " {\n} "])
def test_an_entry_without_data_gets_what_is_given_for_all(data: str | None) -> None:
    assert content_of(draft_for(SHARED, Entry(data=data), "s")).data == '{"name": "you"}'


def test_the_data_of_an_entry_replaces_that_for_all_as_a_whole() -> None:
    assert content_of(draft_for(SHARED, Entry(data='{"a": {}}'), "s")).data == '{"a": {}}'


def test_tags_and_headers_of_an_entry_replace_those_of_the_same_name() -> None:
    entry = Entry(tags=(("list", "own"), ("id", "7")), headers=(("x-a", "2"), ("X-B", "3")))
    made = draft_for(SHARED, entry, "s")
    assert made.tags == (("campaign", "may"), ("list", "own"), ("id", "7"))
    assert content_of(made).headers == (("x-a", "2"), ("X-B", "3"))


def test_an_entry_says_who_receives() -> None:
    made = draft_for(SHARED, Entry(to=("a@example.net",), cc=("b@example.net",), bcc=("c@example.net",)), "s")
    assert (made.to, made.cc, made.bcc, made.send_id) == (
        ("a@example.net",),
        ("b@example.net",),
        ("c@example.net",),
        "s",
    )


def test_statuses_are_those_of_the_models_in_the_same_places() -> None:
    def spelled(service: str, operation: str, results: str) -> list[str]:
        shape: Any = models.load().service(service).operations[operation].output
        return list(shape.members[results].member.members["Status"].enum)

    v1 = spelled("ses", "SendBulkTemplatedEmail", "Status")
    v2 = spelled("sesv2", "SendBulkEmail", "BulkEmailEntryResults")
    for status in (SUCCESS, *bulk.STATUS_FOR.values()):
        assert (status.v1, status.v2) in list(zip_longest(v1, v2))


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (policy.NotVerified("why"), "MESSAGE_REJECTED"),
        (policy.InvalidMessage("why"), "INVALID_PARAMETER"),
        (InvalidTemplateData("why"), "INVALID_PARAMETER"),
        (TemplateError("why", 1), "INVALID_PARAMETER"),
        (ConfigurationSetMissing("news"), "CONFIGURATION_SET_NOT_FOUND"),
        (policy.ConfigurationSetPaused("news"), "CONFIGURATION_SET_SENDING_PAUSED"),
        (policy.AccountPaused("why"), "ACCOUNT_SENDING_PAUSED"),
        (policy.RateExceeded("why"), "ACCOUNT_THROTTLED"),
        (policy.DailyQuotaExceeded("why"), "ACCOUNT_DAILY_QUOTA_EXCEEDED"),
        (Refusal("why"), "FAILED"),
    ],
)
def test_a_refusal_is_told_with_its_reason(reason: Refusal, status: str) -> None:
    told = result_of(reason)
    assert (told.status.v2, told.message_id, told.error) == (status, None, str(reason))


@pytest.mark.parametrize(("trouble", "status"), [(Unavailable("disk sda"), "TransientFailure"), (KeyError(), "Failed")])
def test_troubles_of_ours_are_told_without_details(trouble: Exception, status: str) -> None:
    told = result_of(trouble)
    assert told.status.v1 == status
    assert told.error
    assert "sda" not in told.error


async def test_each_entry_is_a_message_of_its_own_and_they_are_one_send(store: Breaking) -> None:
    entries = [Entry(to=(f"a{number}@example.net",), data=f'{{"name": "{number}"}}') for number in range(50)]

    results = await send_bulk(sender_on(store), SHARED, entries, NOON)

    assert store.writes_made == 1, "the promises of one call share one commit"
    await written_out(store)
    kept = await rows(store)
    assert len(kept) == 50
    assert [kept[result.message_id or ""].subject for result in results] == [f"Hello {n}" for n in range(50)]
    (send_id,) = {row.send_id for row in kept.values()}
    assert send_id not in kept
    assert {row.operation for row in kept.values()} == {"SendBulkEmail"}


async def test_a_message_that_is_alone_is_a_send_of_its_own(store: Breaking) -> None:
    message_id = await sender_on(store).send(draft(), NOON)
    assert (await rows(store))[message_id].send_id == message_id


async def test_an_entry_that_is_refused_is_told_in_its_place_and_stops_no_other(store: Breaking) -> None:
    entries = [*to("a@example.net", "nobody"), Entry(), Entry(to=("b@example.net",), data="[]"), *to("c@example.net")]

    results = await send_bulk(sender_on(store), SHARED, entries, NOON)

    assert statuses(results) == ["Success", *["InvalidParameterValue"] * 3, "Success"]
    assert [result.error for result in results[1:3]] == [
        "Missing final '@domain'",
        "There are no recipients specified",
    ]
    assert set(await rows(store)) == {results[0].message_id, results[4].message_id}


async def test_an_entry_that_does_not_fill_the_template_is_a_success_with_a_rendering_failure(store: Breaking) -> None:
    entries = [Entry(to=("a@example.net",), data='{"nome": "Jo"}'), *to("b@example.net")]

    results = await send_bulk(sender_on(store), SHARED, entries, NOON)

    assert statuses(results) == ["Success", "Success"]
    told = [
        [event.kind for event in await store.read(events.of_message, result.message_id or "")] for result in results
    ]
    assert told == [["Send", "Rendering Failure"], ["Send"]]


async def test_the_daily_quota_counts_each_recipient_of_each_entry(store: Breaking) -> None:
    entries = [Entry(to=("a@example.net", "b@example.net")), *to("c@example.net", "d@example.net")]

    results = await send_bulk(sender_on(store, daily_limit=3), SHARED, entries, NOON)

    assert statuses(results) == ["Success", "Success", "AccountDailyQuotaExceeded"]
    assert await store.read(messages.recipients_since, SCOPE, NOON - 1) == 3


async def test_the_rate_counts_each_entry(store: Breaking) -> None:
    results = await send_bulk(sender_on(store, rate=2.0), SHARED, to(*[f"a{n}@example.net" for n in range(4)]), NOON)

    assert statuses(results) == ["Success", "Success", "AccountThrottled", "AccountThrottled"]
    assert results[2].error == "Maximum sending rate exceeded."


@pytest.mark.parametrize("count", [0, 51])
async def test_there_are_one_to_fifty_entries(store: Breaking, count: int) -> None:
    with pytest.raises(policy.InvalidMessage):
        await send_bulk(sender_on(store), SHARED, to(*["a@example.net"] * count), NOON)
    assert await rows(store) == {}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, policy.NotVerified),
        ({"sender": "nobody"}, Refusal),
        ({"sender": None}, policy.InvalidMessage),
        ({"configuration_set": "news"}, ConfigurationSetMissing),
        ({"tags": (("a b", "c"),)}, policy.InvalidMessage),
        ({"content": Templated("hello", "Hello", "Hi", None, "[]")}, InvalidTemplateData),
        ({"content": Templated("", "Hello", "{{#if a}}", None, "{}")}, TemplateError),
    ],
)
async def test_what_all_have_in_common_is_refused_as_a_whole(
    store: Breaking, changes: dict[str, Any], kind: type[Refusal]
) -> None:
    entries = [Entry(), *to("a@example.net")]  # the first is refused for a reason of its own
    with pytest.raises(kind):
        await send_bulk(sender_on(store, any_sender=False), replace(SHARED, **changes), entries, NOON)
    assert await rows(store) == {}


async def test_an_outage_before_anything_is_promised_is_one_of_the_call(store: Breaking) -> None:
    store.writes_left = 0
    with pytest.raises(Unavailable):
        await send_bulk(sender_on(store), SHARED, to("a@example.net", "nobody"), NOON)


async def test_an_outage_after_something_is_promised_is_told_entry_by_entry(
    store: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_MOST_AT_ONCE", 1)  # each entry goes by itself
    store.writes_left = 2

    results = await send_bulk(sender_on(store), SHARED, to(*[f"a{n}@example.net" for n in range(4)]), NOON)

    assert statuses(results) == ["Success", "Success", "TransientFailure", "TransientFailure"]
    kept = await rows(store)
    assert set(kept) == {result.message_id for result in results[:2]}
    assert len({row.send_id for row in kept.values()}) == 1


async def test_a_large_template_is_filled_for_each_entry(store: Breaking) -> None:
    content = Templated("large", "Hello", "Hi {{name}}" + "x" * 20_000, None, "{}")
    entries = [Entry(to=(f"a{n}@example.net",), data=f'{{"name": "{n}!"}}') for n in range(3)]

    results = await send_bulk(sender_on(store), replace(SHARED, content=content), entries, NOON)

    kept = await rows(store)
    for number, result in enumerate(results):
        assert f"Hi {number}!xxx".encode() in await store.body(kept[result.message_id or ""].body)


@pytest.mark.parametrize(("entries", "rests"), [(50, True), (7, False)])
async def test_what_works_behind_the_doors_gives_way_to_a_call_with_many_entries(
    store: Breaking, entries: int, rests: bool
) -> None:
    courtesy, rested = Courtesy(), []

    async def deliver() -> None:
        giving_way = asyncio.create_task(courtesy.give_way())
        await asyncio.sleep(0)
        rested.append(not giving_way.done())
        giving_way.cancel()

    store.meanwhile = deliver
    await send_bulk(
        sender_on(store, courtesy=courtesy), SHARED, to(*(f"a{n}@example.net" for n in range(entries))), NOON
    )
    store.meanwhile = None
    await deliver()

    assert rested == [rests, False]


async def test_a_call_that_is_made_again_gets_the_ids_that_it_got_and_sends_nothing(store: Breaking) -> None:
    entries = to(*(f"a{number}@example.net" for number in range(10)))
    first = Invocation("one", is_again=False, ends_here=False)
    told = await send_bulk(sender_on(store), replace(SHARED, invocation=first), entries, NOON)
    again = await send_bulk(sender_on(store), replace(SHARED, invocation=first._replace(is_again=True)), entries, NOON)
    await written_out(store)

    assert again == told
    assert set(await rows(store)) == {result.message_id for result in told}


async def test_an_entry_with_the_key_of_another_is_the_same_message(store: Breaking) -> None:
    keyed = Entry(to=("a@example.net",), tags=(("pillarbox-idempotency-key", "k"),))
    results = await send_bulk(sender_on(store), SHARED, [*to(*["b@example.net"] * 8), keyed, keyed], NOON)
    await written_out(store)

    assert results[8].message_id == results[9].message_id
    assert len(await rows(store)) == 9


async def test_the_entries_of_a_call_that_wait_and_those_that_do_not_are_told_in_their_places(store: Breaking) -> None:
    listed = ['{"name": "a\\tb"}', '{"name": "a\\nb"}', "[]", '{"nome": "x"}']
    entries = [Entry(to=(f"a{number}@example.net",), data=listed[number % 4]) for number in range(12)]
    results = await send_bulk(sender_on(store), SHARED, entries, NOON)
    await written_out(store)

    assert statuses(results) == ["Success", "InvalidParameterValue", "InvalidParameterValue", "Success"] * 3
    kept = await rows(store)
    assert set(kept) == {result.message_id for result in results if result.message_id}
    assert len({row.send_id for row in kept.values()}) == 1


async def test_where_mail_is_split_each_recipient_of_an_entry_gets_a_message(store: Breaking) -> None:
    entries = [Entry(to=(f"a{number}@example.net", f"b{number}@example.net")) for number in range(8)]
    await send_bulk(sender_on(store, splits=True), SHARED, entries, NOON)
    await written_out(store)

    assert [row.recipient_count for row in (await rows(store)).values()] == [1] * 16
