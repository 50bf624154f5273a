"""A message of a bulk call that is made after the answer is the one that would have been made before it."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import new_message_id, part_message_id
from pillarbox.resources.contact_lists import ContactList, Topic
from pillarbox.resources.sending_authorization import Given, OnBehalf, Owner
from pillarbox.sending import deferred
from pillarbox.sending.accept import Promise, accept, accept_deferred
from pillarbox.sending.bulk import Entry, draft_for
from pillarbox.sending.deferred import Deferred, read_unmade
from pillarbox.sending.draft import V1_SIZE_LIMIT, Attachment, Draft, Templated, Tracked
from pillarbox.sending.envelope import read_envelope
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.making import Making
from pillarbox.sending.policy import TenantStanding
from pillarbox.sending.rows import Belongings, Written
from tests.support.promises import SCOPE, STANDING, draft

NOON = 1_790_000_000_000
CONTENT = Templated("hello", "Hello {{name}}", "Hi {{name}}{{#each a}}, {{this}}{{/each}}", "<p>{{name}}</p>", "{}")
SHARED = replace(draft(), operation="SendBulkEmail", content=CONTENT, to=(), tags=(), reply_to=("r@example.com",))
ROUTES = RouteTable()
FIRST = new_message_id(SCOPE, NOON)
GOOD = replace(STANDING, pool="warm", rate=10.0, daily_limit=100)
_BOUNDARY = re.compile(r"----=_Part_\d{6}_\d{10}\.\d{13}")


def entry(data: str = '{"name": "Jo"}', to: str = "jo@example.net", **own: Any) -> Entry:
    return Entry(to=(to,), data=data, **own)


def drafts_of(*entries: Entry, shared: Draft = SHARED) -> list[Draft]:
    send_id = new_message_id(SCOPE, NOON)
    return [draft_for(shared, one, send_id, place) for place, one in enumerate(entries)]


def waits(one: Entry, **changes: Any) -> bool:
    (envelope,) = read_unmade(drafts_of(one, shared=replace(SHARED, **changes)))
    return envelope is not None


def promised(asked: Draft, number: int = 0) -> Deferred | Refusal | None:
    """Return what is promised of a draft that waits, or why not; None for one that does not wait."""
    (envelope,) = read_unmade([asked])
    if envelope is None:
        return None
    message_id = part_message_id(FIRST, number)
    try:
        return accept_deferred(asked, envelope, GOOD, message_id, number, NOON)
    except Refusal as reason:
        return reason


def at_once(asked: Draft) -> Promise | Refusal:
    try:
        return accept(asked, read_envelope(asked), GOOD, ROUTES, NOON)
    except Refusal as reason:
        return reason


def making(
    asked: Sequence[Draft], kept: Sequence[Deferred], everybody: Sequence[Deferred] = ()
) -> Making[deferred.Own]:
    return deferred.making(deferred.row_of(kept, "at"), deferred.list_of(asked[0], everybody or kept))


def told(made: object, message_id: str) -> str:
    """Return a value without what is by chance."""
    return _BOUNDARY.sub("boundary", repr(made).replace(message_id, "id"))


WORDS = st.text(st.sampled_from("ab é😀\t\n\x7f,{}\"\\'"), max_size=8)
DATA = st.one_of(
    st.fixed_dictionaries({"name": st.one_of(WORDS, st.integers(), st.none()), "a": st.lists(WORDS, max_size=3)}).map(
        json.dumps
    ),
    st.sampled_from(["[]", "{", '{"nome": 1}', '{"name": "\\ud800"}', '{"name": "' + "x" * 1_000 + '"}']),
)
ADDRESSES = st.sampled_from(["a@example.net", "Jo <b@example.net>", "Zoë <c@exämple.net>", "nobody", "d@x.example", ""])
HEADERS = st.sampled_from(
    [(), (("X-A", "1"),), (("List-Unsubscribe", "<https://x.example/>"), ("X-B", "2")), (("To", "x"),)]
)
ENTRIES = st.builds(
    Entry,
    to=st.lists(ADDRESSES, max_size=2).map(tuple),
    cc=st.lists(ADDRESSES, max_size=1).map(tuple),
    bcc=st.lists(ADDRESSES, max_size=1).map(tuple),
    data=DATA,
    tags=st.sampled_from([(), (("a", "b"),), (("pillarbox-idempotency-key", "k"),)]),
    headers=HEADERS,
)


@given(ENTRIES, st.sampled_from([CONTENT.subject, "{{name}}{{a}}", "Zoë", "a\nb"]))
def test_what_waits_becomes_what_it_would_have_been(one: Entry, subject: str) -> None:
    shared = replace(SHARED, content=replace(CONTENT, subject=subject), tracked=Tracked(opens=False))
    (asked,) = drafts_of(one, shared=shared)
    now, later = at_once(asked), promised(asked)
    if later is None:
        return  # it is made at once
    if isinstance(now, Refusal) or isinstance(later, Refusal):
        assert (type(later), str(later)) == (type(now), str(now))
        return
    assert later.once == now.once
    assert later.asked._replace(key="") == now.asked._replace(key="")
    (written,) = making([asked], [later]).following(0, 9, ROUTES, NOON)
    own = Belongings(now.recipients, now.outgoing, now.events)
    assert told(written, later.asked.key) == told(Written(now.message, own, bytes(now.body)), now.message.message_id)


def all_promised(asked: Sequence[Draft]) -> list[Deferred]:
    made = [promised(draft, number) for number, draft in enumerate(asked)]
    return [one for one in made if isinstance(one, Deferred)]


def test_what_all_have_in_common_is_kept_for_each() -> None:
    arn = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
    listed = ContactList("news", topics=(Topic("weekly", "Weekly", "OPT_IN"),))
    standing = replace(
        GOOD, owners={arn: Owner(True, ())}, tenant=TenantStanding(True, ()), contact_list=listed, verified=frozenset()
    )
    shared = replace(
        SHARED,
        on_behalf=OnBehalf(source=Given("SourceArn", arn)),
        tenant="acme",
        return_path="back@example.com",
        list_management=ListManagement("news", "weekly"),
        configuration_set="set",
    )
    (asked,) = drafts_of(entry(), shared=shared)
    (envelope,) = read_unmade([asked])
    assert envelope is not None
    later = accept_deferred(asked, envelope, standing, FIRST, 0, NOON)
    (written,) = making([asked], [later]).following(0, 9, ROUTES, NOON)
    now = accept(asked, read_envelope(asked), standing, ROUTES, NOON)
    assert told(written.message, FIRST) == told(now.message, now.message.message_id)
    assert '"contact_list":"news"' in written.message.mail


def test_those_that_were_not_promised_are_not_made() -> None:
    asked = drafts_of(*(entry(to=f"a{number}@example.net") for number in range(4)))
    everybody = all_promised(asked)
    kept = [everybody[1], everybody[3]]

    made = list(making(asked, kept, everybody).following(0, 9, ROUTES, NOON))

    assert [one.message.message_id for one in made] == [one.asked.key for one in kept]
    assert [one.own.recipients[0].address for one in made] == ["a1@example.net", "a3@example.net"]


def test_what_is_written_is_counted_in_recipients() -> None:
    asked = drafts_of(*(Entry(to=("a@example.net",), cc=("b@example.net",), data='{"name": 1}') for _ in range(3)))
    waiting = all_promised(asked)
    assert deferred.row_of(waiting, "at").recipient_count == 6
    (third,) = making(asked, waiting).following(4, 9, ROUTES, NOON)
    assert third.message.message_id == waiting[2].asked.key


def test_most_messages_wait() -> None:
    without_variable = replace(CONTENT, subject="x")
    assert waits(entry())
    assert waits(entry('{"nome": "what a text lacks is told as an event"}'), content=without_variable)
    assert waits(entry(headers=(("List-Unsubscribe", "<https://example.com/u>"),), tags=(("a", "b"),)))
    assert waits(entry(json.dumps({"name": "<p>\n" + "long " * 4_000})), content=without_variable)


@pytest.mark.parametrize(
    "one",
    [
        entry("[]"),
        entry('{"name": "a\\nb"}'),
        entry(json.dumps({"name": "x" * 1_000})),
        entry('{"nome": "Jo"}'),
        entry(to="nobody"),
        entry(to=f'"{"x" * 990}" <a@example.net>'),
        entry(headers=(("To", "x"),)),
        entry(headers=(("X-A", "x" * 1_000),)),
        Entry(to=("a@example.net",) * 51, data='{"name": "Jo"}'),
        entry(json.dumps({"name": "Jo", "a": "x" * 200_000})),
    ],
    ids=range(10),
)
def test_a_message_that_may_be_refused_when_it_is_made_does_not_wait(one: Entry) -> None:
    assert not waits(one)


@pytest.mark.parametrize(
    "content",
    [
        replace(CONTENT, attachments=(Attachment("a.txt", b"x"),)),
        replace(CONTENT, html="{{#each a}}{{#each ../a}}{{#each ../../a}}xxxxx{{/each}}{{/each}}{{/each}}"),
        replace(CONTENT, text='{{#* inline "p"}}x{{/inline}}{{> p}}'),
        replace(CONTENT, text="\ud800"),
        replace(CONTENT, subject="x" * 1_000),
        replace(CONTENT, text="x" * 1_100_000),
    ],
    ids=range(6),
)
def test_neither_does_one_whose_template_may_become_too_much(content: Templated) -> None:
    assert not waits(entry(json.dumps({"name": "Jo", "a": [1] * 100})), content=content)


def test_nor_one_that_may_be_longer_than_its_operation_lets_it() -> None:
    assert not waits(entry(), size_limit=V1_SIZE_LIMIT // 4)
