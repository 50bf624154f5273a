"""From a report to facts about a message: who it is about, when it was, and that it is told once."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.feedback import NoTime, judge, take
from pillarbox.delivery.reports.read import read
from pillarbox.delivery.reports.report import ComplaintReport, DeliveryReport, Fate, Reading, Report
from pillarbox.delivery.verp import EVERYONE, Returned
from pillarbox.events.types import Bounce, Complaint, DeliveryDelay, Event, Fact
from pillarbox.kit.clock import DAY, HOUR, MINUTE, parse_iso
from pillarbox.resources import suppression
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.sending.accept import keep_promises
from pillarbox.store import events, messages
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow
from tests.support.promises import SCOPE, draft, promise

DATA = Path(__file__).parents[2] / "data" / "feedback"
READINGS: dict[str, dict[str, Any]] = tomllib.loads((DATA / "readings.toml").read_text())
ACCEPTED = parse_iso("2026-10-12T05:00:00Z")
NOW = parse_iso("2026-10-12T07:00:00Z")
ADA, BOB, CAT = "ada@example.net", "bob@example.net", "cat@example.org"
GONE = Fate("failed", (), "5.1.1", "550 5.1.1 no such user")


def message_to(*recipients: str) -> MessageRow:
    return promise(draft(*recipients), ACCEPTED).message


def reading_of(report: Report, *times: int) -> Reading:
    return Reading(report, times or (NOW - HOUR,), (), "")


def judged(report: Report, *recipients: str, number: int = EVERYONE, times: tuple[int, ...] = ()) -> list[Fact]:
    found = judge(reading_of(report, *times), message_to(*recipients), number, NOW)
    return [event.fact for event in found]


@pytest.mark.parametrize("name", [name for name, wanted in READINGS.items() if wanted["report"] == "delivery"])
def test_a_sample_becomes_what_ses_calls_it(name: str) -> None:
    wanted = [fate[4] for fate in READINGS[name]["fates"] if fate[4]]
    if not READINGS[name]["at"]:
        with pytest.raises(NoTime):
            judge(read((DATA / name).read_bytes()), message_to(ADA, BOB), EVERYONE, NOW)
        return

    found = judge(read((DATA / name).read_bytes()), message_to(ADA, BOB), 0 if len(wanted) == 1 else EVERYONE, NOW)

    assert sorted(map(_called, found)) == sorted(wanted)
    for event in found:
        assert event.happened_at == parse_iso(READINGS[name]["at"])
        assert event.recorded_at == NOW


def _called(event: Event) -> str:
    if isinstance(event.fact, Bounce):
        return f"{event.fact.bounce_type}/{event.fact.bounce_subtype}"
    assert isinstance(event.fact, DeliveryDelay)
    return event.fact.delay_type


def test_a_bounce_carries_what_the_far_side_said() -> None:
    (fact,) = judged(DeliveryReport((GONE,), "dns; mx.example.net"), ADA)

    assert isinstance(fact, Bounce)
    assert fact.reporting_mta == "dns; mx.example.net"
    (one,) = fact.recipients
    assert (one.address, one.action, one.status, one.diagnostic_code) == (
        ADA,
        "failed",
        "5.1.1",
        "smtp; 550 5.1.1 no such user",
    )


def test_a_report_to_the_address_of_one_recipient_is_about_that_one_alone() -> None:
    report = DeliveryReport((Fate("failed", (BOB,), "5.1.1"), Fate("failed", ("private@else.example",), "5.2.2")))

    (fact,) = judged(report, ADA, BOB, number=0)

    assert isinstance(fact, Bounce)
    assert [one.address for one in fact.recipients] == [ADA]


def test_whom_a_report_names_is_told_as_we_wrote_to_them() -> None:
    report = DeliveryReport((Fate("failed", ("BOB@Example.NET",), "5.1.1"), Fate("delayed", (CAT,), "4.2.2")))

    bounce, delay = judged(report, ADA, BOB, CAT)

    assert isinstance(bounce, Bounce) and isinstance(delay, DeliveryDelay)
    assert [one.address for one in bounce.recipients] == [BOB]
    assert [one.address for one in delay.recipients] == [CAT]
    assert delay.expires_at == ACCEPTED + 14 * HOUR


def test_a_report_that_names_nobody_of_ours_is_about_nobody() -> None:
    assert judged(DeliveryReport((Fate("failed", ("eve@example.org",), "5.1.1"),)), ADA, BOB) == []


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_tells_nothing_new(action: str) -> None:
    assert judged(DeliveryReport((Fate(action, (ADA,), "2.0.0"),)), ADA) == []


def test_the_first_time_that_can_be_true_counts_and_none_is_made_up() -> None:
    report = DeliveryReport((GONE,))
    told = judge(reading_of(report, NOW + 2 * DAY, 0, ACCEPTED + MINUTE, NOW), message_to(ADA), 0, NOW)
    assert [event.happened_at for event in told] == [ACCEPTED + MINUTE]

    early = judge(reading_of(report, ACCEPTED - 1), message_to(ADA), 0, NOW)
    assert [event.happened_at for event in early] == [ACCEPTED], "clocks differ, and seconds are cut off"
    with pytest.raises(NoTime):
        judge(reading_of(report, NOW + 2 * DAY, 0), message_to(ADA), 0, NOW)


def test_a_complaint_is_of_the_one_whose_address_it_came_to() -> None:
    (fact,) = judged(ComplaintReport("abuse", "FBL/1", NOW - MINUTE, (BOB,)), ADA, BOB, number=0)

    assert isinstance(fact, Complaint)
    assert (fact.recipients, fact.feedback_type, fact.user_agent) == ([ADA], "abuse", "FBL/1")
    assert fact.arrived_at == NOW - MINUTE


@pytest.mark.parametrize("told, complained", [((CAT,), [CAT]), (("redacted@x.example",), [ADA, CAT]), ((), [ADA, CAT])])
def test_a_complaint_that_hides_who_complained_is_of_everybody_it_can_be(
    told: tuple[str, ...], complained: list[str]
) -> None:
    (fact,) = judged(ComplaintReport("abuse", addresses=told), ADA, CAT)

    assert isinstance(fact, Complaint)
    assert fact.recipients == complained


async def promised(store: Store, *recipients: str) -> str:
    made = promise(draft(*recipients), ACCEPTED)
    assert await store.commit(keep_promises, made) is None
    return made.message.message_id


async def kinds(store: Store, message_id: str) -> list[str]:
    return [row.kind for row in await store.read(events.of_message, message_id)]


async def states(store: Store, message_id: str) -> dict[str, str]:
    return {row.address: row.state for row in await store.read(messages.recipients_of, message_id)}


async def suppressed(store: Store) -> dict[str, Reason]:
    page = await store.read(suppression.list_page, SCOPE, (), None, None, None, None)
    return {one.address: one.reason for one in page.addresses}


async def test_the_same_report_is_recorded_once_however_often_it_comes(store: Store) -> None:
    message_id = await promised(store, ADA, BOB)
    reading = read((DATA / "01-postfix.eml").read_bytes())

    first = await store.write(take, reading, Returned(message_id, 0), NOW)
    again = await store.write(take, reading, Returned(message_id, 0), NOW + HOUR)

    assert (first.told, len(first.new)) == (1, 1)
    assert (again.told, len(again.new)) == (1, 0)
    assert await kinds(store, message_id) == ["Send", "Bounce"]
    assert await states(store, message_id) == {ADA: "bounced", BOB: "accepted"}
    assert await suppressed(store) == {ADA: Reason.BOUNCE}


async def test_a_late_fact_is_recorded_and_moves_only_what_can_still_be_moved(store: Store) -> None:
    message_id = await promised(store, ADA)
    reports: list[Report] = [
        ComplaintReport("abuse"),
        DeliveryReport((Fate("delayed", (ADA,), "4.2.2"),)),
        DeliveryReport((GONE,)),
    ]
    for report in reports:
        await store.write(take, reading_of(report), Returned(message_id, EVERYONE), NOW)

    assert sorted(await kinds(store, message_id)) == ["Bounce", "Complaint", "DeliveryDelay", "Send"]
    assert await states(store, message_id) == {ADA: "complained"}


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
async def test_a_report_in_which_nobody_complains_suppresses_nobody(store: Store, kind: str) -> None:
    message_id = await promised(store, ADA)

    await store.write(take, reading_of(ComplaintReport(kind)), Returned(message_id, 0), NOW)

    assert await kinds(store, message_id) == ["Send", "Complaint"]
    assert await suppressed(store) == {}


async def test_a_report_about_a_message_that_is_no_longer_kept_changes_nothing(store: Store) -> None:
    message_id = promise(draft(ADA), ACCEPTED).message.message_id

    taken = await store.write(take, reading_of(DeliveryReport((GONE,))), Returned(message_id, 0), NOW)

    assert (taken.message, taken.new) == (None, ())
    assert await suppressed(store) == {}
