"""Events are found in whatever a program is handed, and nothing that is no event is lost."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pillarbox.consumer import (
    Bounce,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Form,
    Open,
    Reject,
    RenderingFailure,
    Send,
    Subscription,
    Unreadable,
    events_in,
    parse_event,
    read,
)
from tests.support.far_sns import DATA, sample

ENVELOPE = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Timestamp": "t"}


def _wrapped(event: dict[str, Any]) -> dict[str, Any]:
    return {**ENVELOPE, "Message": json.dumps(event) + "\n"}


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_every_documented_event_is_read_whole(path: Path) -> None:
    event = parse_event(json.loads(path.read_text()))
    assert event.raw == json.loads(path.read_text())
    assert (event.extra, event.mail.extra, event.detail.extra) == ({}, {}, {})
    assert event.recipients


@pytest.mark.parametrize(
    "name, kind",
    [
        ("send", Send), ("reject", Reject), ("delivery", Delivery), ("bounce", Bounce), ("complaint", Complaint),
        ("open", Open), ("click", Click), ("rendering-failure", RenderingFailure), ("delivery-delay", DeliveryDelay),
        ("subscription", Subscription), ("notification-bounce", Bounce), ("notification-delivery", Delivery),
    ],
)  # fmt: skip
def test_each_kind_has_its_type(name: str, kind: type) -> None:
    assert type(parse_event(sample(name)).detail) is kind


def test_an_event_has_its_own_time_and_not_that_of_the_mail() -> None:
    event = parse_event(sample("open"))
    assert event.happened_at == datetime(2017, 8, 10, 22, 0, 19, 652_000, UTC)
    assert event.mail.timestamp == datetime(2017, 8, 9, 23, 32, 19, tzinfo=UTC)
    assert parse_event(sample("send")).happened_at == parse_event(sample("send")).mail.timestamp


def test_a_bounce_tells_whom_and_why() -> None:
    event = parse_event(sample("bounce"))
    assert isinstance(event.detail, Bounce)
    assert (event.detail.bounce_type, event.detail.bounce_subtype) == ("Permanent", "General")
    (one,) = event.detail.recipients
    assert (one.address, one.status, one.action) == ("recipient@example.com", "5.1.1", "failed")
    assert event.mail.subject == "Message sent from Amazon SES"
    assert event.mail.configuration_set == "ConfigSet"
    assert event.form is Form.EVENT


def test_times_with_an_offset_and_of_the_older_form_are_read() -> None:
    complaint = parse_event(sample("complaint")).detail
    assert isinstance(complaint, Complaint)
    assert complaint.arrival_date == datetime(2017, 8, 10, 0, 41, 2, tzinfo=UTC)
    older = sample("notification-bounce")
    older["mail"]["timestamp"] = "2018-10-08T14:05:45 +0000"
    assert parse_event(older).mail.timestamp == datetime(2018, 10, 8, 14, 5, 45, tzinfo=UTC)


@pytest.mark.parametrize("member", ["delivery", "mail"])
@pytest.mark.parametrize("time", ["yesterday", "2017-08-09T23:32:23.123", "2017-02-30T00:00:00Z", None, 1502321539, ""])
def test_a_time_that_cannot_be_read_is_an_error_and_never_now(member: str, time: Any) -> None:
    event = sample("delivery")
    event[member]["timestamp"] = time
    with pytest.raises(Unreadable, match=f"{member}.timestamp is no time"):
        parse_event(event)


def test_members_that_nobody_knows_yet_are_kept() -> None:
    event = sample("click")
    event["newMember"] = 1
    event["mail"]["tenantName"] = "acme"
    event["click"]["country"] = {"code": "CH"}
    parsed = parse_event(event)
    assert parsed.extra == {"newMember": 1}
    assert parsed.mail.extra == {"tenantName": "acme"}
    assert parsed.detail.extra == {"country": {"code": "CH"}}


@pytest.mark.parametrize(
    "broken",
    [
        {}, {"eventType": "Shrug", "mail": {}}, {"eventType": "Bounce"}, {"eventType": "Bounce", "mail": "x"},
        {**sample("bounce"), "bounce": None}, {**sample("bounce"), "bounce": []},
        {**sample("open"), "mail": {**sample("open")["mail"], "messageId": None}},
        {**sample("open"), "mail": {**sample("open")["mail"], "messageId": ["x"]}},
        {**sample("open"), "mail": {**sample("open")["mail"], "destination": [{"x": 1}]}},
        {"notificationType": "Received", "mail": sample("open")["mail"], "receipt": {}},
    ],
)  # fmt: skip
def test_what_is_no_event_is_said_to_be_none(broken: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        parse_event(broken)


@pytest.mark.parametrize(
    "given",
    [
        json.dumps(sample("bounce")),
        json.dumps(sample("bounce"), indent=2).encode(),
        sample("bounce"),
        _wrapped(sample("bounce")),
        json.dumps(_wrapped(sample("bounce"))),
        {"MessageId": "m", "ReceiptHandle": "r", "Body": json.dumps(_wrapped(sample("bounce")))},
        {"MessageId": "m", "ReceiptHandle": "r", "Body": json.dumps(sample("bounce"))},
        {"Messages": [{"MessageId": "m", "Body": json.dumps(_wrapped(sample("bounce")))}]},
        {"Records": [{"EventSource": "aws:sns", "Sns": _wrapped(sample("bounce"))}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(_wrapped(sample("bounce")))}]},
        {"Body": {"Type": "Notification", "Message": sample("bounce")}},
    ],
    ids=[str(number) for number in range(11)],
)  # fmt: skip
def test_up_to_three_levels_of_json_are_taken_off(given: Any) -> None:
    (event,) = events_in(given)
    assert event.raw == sample("bounce")


@pytest.mark.parametrize("join", ["lines", "list", "messages"])
def test_batches_are_read_whole(join: str) -> None:
    events = [sample("send"), sample("delivery"), sample("open")]
    given: Any = {
        "lines": "\n".join(map(json.dumps, events)) + "\n",
        "list": json.dumps(events),
        "messages": {"Messages": [{"Body": json.dumps(_wrapped(event))} for event in events]},
    }[join]
    assert [event.kind for event in events_in(given)] == ["Send", "Delivery", "Open"]


def test_one_broken_event_takes_none_with_it() -> None:
    broken = sample("open")
    del broken["open"]["timestamp"]
    reading = read([sample("send"), broken, sample("click")])
    assert [event.kind for event in reading.events] == ["Send", "Click"]
    (left,) = reading.unreadable
    assert json.loads(left.text) == broken
    assert "open.timestamp" in left.why
    with pytest.raises(Unreadable, match=r"open\.timestamp"):
        events_in([sample("send"), broken])


@pytest.mark.parametrize(
    "text",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        json.dumps({"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully…"}),
        "",
    ],
)
def test_words_about_the_set_up_are_no_events_and_no_errors(text: str) -> None:
    reading = read({**ENVELOPE, "Message": text})
    assert (reading.events, reading.unreadable) == ([], [])


@pytest.mark.parametrize(
    "text", ["hello", "two\nlines", "{", "5", "null", '{"a": 1}\n{"b"', "[" * 5_000, '[[[[[[[[["x"]]]]]]]]]']
)
def test_anything_else_is_left_over_with_its_reason(text: str) -> None:
    reading = read({**ENVELOPE, "Message": text})
    assert reading.events == []
    assert reading.unreadable and all(left.why for left in reading.unreadable)


@pytest.mark.parametrize("agent", ['"half \\ud83d of a pair"', "NaN", "1e999"])
def test_json_that_is_not_quite_as_the_standard_has_it_is_read_too(agent: str) -> None:
    event = sample("open")
    event["open"]["userAgent"] = "AGENT"
    text = json.dumps(event).replace('"AGENT"', agent)

    (read_event,) = events_in({**ENVELOPE, "Message": text})

    assert isinstance(read_event.detail, Open)
    assert read_event.detail.user_agent == str(json.loads(agent))
