"""What an upstream tells is recorded once, in any order, each fact at its own time, and nothing is dropped."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from pillarbox.consumer import read
from pillarbox.events.types import MailFacts
from pillarbox.kit.clock import parse_iso
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.resources import suppression
from pillarbox.store import events, messages, quarantine, upstream_ids
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.upstream_ids import OUR_ID_TAG, UpstreamId
from pillarbox.upstream.arrival import Source, arrival_of
from pillarbox.upstream.ingest import Taken, take
from tests.support.far_sns import sample

HERE = Scope("111111111111", "us-east-1")
AWS = Source("aws", HERE)
NOW = parse_iso("2017-08-12T00:00:00Z")
THEIRS = sample("send")["mail"]["messageId"]
OURS = "0100015dc0ffee00-00000000-0000-4000-8000-0000000000ff-000000"
TO = "recipient@example.com"

_numbers = itertools.count()


async def _tell(store: Store, *told: Mapping[str, Any], post: str = "", source: Source = AWS) -> Taken:
    reading = read(list(told))
    post_id = post or f"post-{next(_numbers)}"
    return await store.commit(take, arrival_of(source, post_id, tuple(reading.events), tuple(reading.unreadable), NOW))


async def _kinds(store: Store, message_id: str = THEIRS) -> list[str]:
    return [row.kind for row in await store.read(events.of_message, message_id)]


async def _states(store: Store, message_id: str = THEIRS) -> dict[str, str]:
    return {row.address: row.state for row in await store.read(messages.recipients_of, message_id)}


async def _sent_by_us(store: Store, scope: Scope = HERE) -> None:
    facts = MailFacts("a@example.com", "a@example.com", None, "", "", [TO], [], False, {}, "")
    mail = msgspec.json.encode(facts).decode()
    at = parse_iso("2017-08-09T23:32:18Z")
    row = MessageRow(OURS, *scope, OURS, at, "SendEmail", "", "a@example.com", "Hello", 9, 1, mail, "body")
    await store.write(messages.add, [row], [RecipientRow(OURS, 0, *scope, TO, at, "accepted", 0, at)])


async def test_mail_that_we_did_not_send_becomes_a_message_with_its_history(store: Store) -> None:
    for name in ("send", "delivery", "open", "click"):
        assert await _tell(store, sample(name)) == Taken(recorded=1)

    message = await store.read(messages.get, THEIRS)
    assert message is not None
    assert (message.subject, message.configuration_set) == ("Message sent from Amazon SES", "ConfigSet")
    assert (message.sender, message.scope) == ("Sender Name <sender@example.com>", HERE)
    assert message.accepted_at == parse_iso("2017-08-09T23:32:19.000Z")
    facts = msgspec.json.decode(message.mail, type=MailFacts)
    assert facts.witnessed and not facts.republished
    assert facts.sender_address == "sender@example.com"
    assert facts.tags["myCustomTag1"] == ["value1"]
    assert await _kinds(store) == ["Send", "Delivery", "Open", "Click"]
    assert await _states(store) == {TO: "delivered"}


async def test_the_content_of_what_others_sent_was_never_here(store: Store) -> None:
    await _tell(store, sample("send"))
    message = await store.read(messages.get, THEIRS)
    assert message is not None
    with pytest.raises(Unavailable, match="not sent through this server"):
        await store.body(message.body)


async def test_every_event_has_its_own_time(store: Store) -> None:
    for name in ("click", "open", "send"):
        await _tell(store, sample(name))

    times = {row.kind: row.happened_at for row in await store.read(events.of_message, THEIRS)}
    assert times == {
        "Send": parse_iso("2017-08-09T23:32:19.000Z"),
        "Open": parse_iso("2017-08-10T22:00:19.652Z"),
        "Click": parse_iso("2017-08-10T23:51:25.570Z"),
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["send", "delivery", "complaint"])), ids="-".join)
async def test_facts_come_in_any_order_and_states_move_only_forward(store: Store, order: tuple[str, ...]) -> None:
    for name in order:
        await _tell(store, sample(name))

    assert await _kinds(store) == ["Send", "Delivery", "Complaint"]  # by their times
    assert await _states(store) == {TO: "complained"}


async def test_all_of_them_in_one_transaction_are_the_same(store: Store) -> None:
    names = ["complaint", "click", "open", "delivery", "delivery-delay", "send", "subscription"]
    assert await _tell(store, *map(sample, names)) == Taken(recorded=7)
    assert len(await _kinds(store)) == 7
    assert await _states(store) == {TO: "complained"}


async def test_a_post_that_comes_again_tells_nothing_new(store: Store) -> None:
    assert await _tell(store, sample("open"), post="one") == Taken(recorded=1)
    assert await _tell(store, sample("open"), post="one") == Taken(known=1)
    assert await _kinds(store) == ["Open"]


async def test_a_fact_that_comes_in_another_post_is_known(store: Store) -> None:
    await _tell(store, sample("open"), post="one")
    assert await _tell(store, sample("open"), post="two") == Taken(known=1)
    assert await _kinds(store) == ["Open"]


@pytest.mark.parametrize("kind", ["bounce", "complaint", "delivery"])
@pytest.mark.parametrize("first", ["", "notification-"])
async def test_both_forms_of_an_event_tell_one_fact(store: Store, kind: str, first: str) -> None:
    second = "" if first else "notification-"
    await _tell(store, sample(first + kind))
    assert await _tell(store, sample(second + kind)) == Taken(known=1)
    assert len(await _kinds(store)) == 1


async def test_every_open_counts_even_of_the_same_program(store: Store) -> None:
    again = sample("open")
    again["open"]["timestamp"] = "2017-08-10T22:00:19.653Z"
    await _tell(store, sample("open"), again)
    assert await _kinds(store) == ["Open", "Open"]


async def test_later_facts_fill_in_what_earlier_ones_left_out(store: Store) -> None:
    await _tell(store, sample("notification-bounce"))
    message = await store.read(messages.get, THEIRS)
    assert message is not None and (message.subject, message.configuration_set) == ("", "")
    other = sample("delivery")
    other["delivery"]["recipients"] = ["Other@example.com"]
    await _tell(store, other)

    message = await store.read(messages.get, THEIRS)
    assert message is not None
    assert (message.subject, message.configuration_set) == ("Message sent from Amazon SES", "ConfigSet")
    assert message.sender == "Sender Name <sender@example.com>"
    facts = msgspec.json.decode(message.mail, type=MailFacts)
    assert (facts.source_ip, facts.caller_identity) == ("192.0.2.0", "ses_user")
    assert await _states(store) == {TO: "bounced", "Other@example.com": "delivered"}
    assert message.recipient_count == 2


async def test_an_event_without_a_readable_time_is_kept_with_its_reason(store: Store) -> None:
    broken = sample("open")
    broken["open"]["timestamp"] = "last Tuesday"
    assert await _tell(store, sample("send"), broken, post="one") == Taken(recorded=1, quarantined=1)

    assert await _kinds(store) == ["Send"]
    (kept,) = await store.read(quarantine.oldest, "aws", 10)
    assert "open.timestamp is no time" in kept.why
    assert json.loads(kept.content) == broken
    assert (kept.account, kept.region) == HERE


async def test_events_of_our_own_mail_are_told_of_our_message(store: Store) -> None:
    await _sent_by_us(store)
    await store.write(upstream_ids.link, [UpstreamId("aws", THEIRS, OURS, NOW)])
    await _tell(store, sample("send"), sample("delivery"))

    assert await _kinds(store, OURS) == ["Delivery"]  # that it was sent, we have told ourselves
    assert await _states(store, OURS) == {TO: "delivered"}
    assert await store.read(messages.get, THEIRS) is None


async def test_our_mail_is_known_by_its_tag_before_the_link_is_on_disk(store: Store) -> None:
    await _sent_by_us(store)
    tagged = sample("bounce")
    tagged["mail"]["tags"][OUR_ID_TAG] = [OURS]
    await _tell(store, tagged)

    assert await _states(store, OURS) == {TO: "bounced"}
    assert await store.read(upstream_ids.ours, "aws", [THEIRS]) == {THEIRS: OURS}


async def test_a_tag_does_not_reach_into_another_account(store: Store) -> None:
    await _sent_by_us(store, Scope("222222222222", "us-east-1"))
    tagged = sample("bounce")
    tagged["mail"]["tags"][OUR_ID_TAG] = [OURS]
    await _tell(store, tagged)

    assert await _states(store, OURS) == {TO: "accepted"}
    assert await _states(store) == {TO: "bounced"}


async def test_the_id_of_another_accounts_message_is_not_taken(store: Store) -> None:
    await _sent_by_us(store, Scope("222222222222", "us-east-1"))
    stolen = sample("complaint")
    stolen["mail"]["messageId"] = OURS
    assert await _tell(store, stolen) == Taken(quarantined=1)

    assert await _kinds(store, OURS) == []
    (kept,) = await store.read(quarantine.oldest, "", 10)
    assert "another account" in kept.why


async def test_servers_may_report_an_address_in_other_letters(store: Store) -> None:
    shouted = sample("bounce")
    shouted["bounce"]["bouncedRecipients"][0]["emailAddress"] = "RECIPIENT@Example.com"
    await _tell(store, sample("send"), shouted)
    assert await _states(store) == {TO: "bounced"}


async def test_whoever_bounced_for_good_is_suppressed_here_too(store: Store) -> None:
    await _tell(store, sample("bounce"))
    found = await store.read(suppression.get, HERE, TO)
    assert found.message_id == THEIRS


async def test_no_message_id_of_strangers_becomes_a_key_of_ours_unseen(store: Store) -> None:
    long, odd = sample("open"), sample("open")
    long["mail"]["messageId"] = "x" * 1_000
    odd["mail"]["messageId"] = "a\nb"
    assert await _tell(store, long, odd) == Taken(quarantined=2)


async def test_many_posts_that_wait_together_are_each_answered_at_their_place(store: Store) -> None:
    def arrival(post: str, *told: Mapping[str, Any]) -> Any:
        reading = read(list(told))
        return arrival_of(AWS, post, tuple(reading.events), tuple(reading.unreadable), NOW)

    together = [
        arrival("a", sample("send")),
        arrival("a", sample("send")),
        arrival("b"),
        arrival("c", {"hello": 1}),
        arrival("d", sample("send"), sample("open")),
    ]
    taken = await store.write(take, together)
    assert taken == [Taken(1, 0, 0), Taken(0, 1, 0), Taken(), Taken(0, 0, 1), Taken(1, 1, 0)]
