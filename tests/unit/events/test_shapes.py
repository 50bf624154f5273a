"""The JSON of every kind of event in both forms, whole, and what the two forms do not share."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillarbox.events.shapes import NOTIFIED_KINDS, notified, published, to_text
from pillarbox.events.types import Click, Complaint, Kind, MailFacts, kind_of
from tests.unit.events.examples import ACCEPTED_AT, FACTS, HAPPENED_AT, KINDS, MESSAGE_ID, event, message

GOLDEN = Path(__file__).parents[2] / "data" / "events"
SERVICE = "mail.example"


def _golden(name: str) -> Any:
    (path,) = GOLDEN.glob(f"??-{name}.json")
    return json.loads(path.read_text())


def _published(name: str, facts: MailFacts = FACTS) -> dict[str, Any]:
    return published(event(KINDS[name]), message(facts), facts, SERVICE)


def _notified(name: str, facts: MailFacts = FACTS, *, with_headers: bool = True) -> dict[str, Any]:
    record = notified(event(KINDS[name]), message(facts), facts, SERVICE, with_headers=with_headers)
    assert record is not None
    return record


def _with_headers(*headers: tuple[str, str], **changes: Any) -> MailFacts:
    return msgspec.structs.replace(FACTS, headers=list(headers), **changes)


@pytest.mark.parametrize("name", KINDS)
def test_event_destinations_get_exactly_this(name: str) -> None:
    assert _published(name) == _golden(f"{name}-event")


@pytest.mark.parametrize("name", ["bounce", "complaint", "delivery"])
def test_identity_topics_get_exactly_this(name: str) -> None:
    assert _notified(name) == _golden(f"{name}-notification")


def test_a_templated_send_is_told_before_it_is_rendered() -> None:
    facts = msgspec.structs.replace(FACTS, templated=True)

    assert _published("send", facts) == _golden("send-templated-event")
    assert "Subject" in {header["name"] for header in _published("delivery", facts)["mail"]["headers"]}


def test_there_is_a_golden_file_for_each_kind_and_no_other() -> None:
    named = {path.stem[3:] for path in GOLDEN.glob("*.json")}

    assert named == {
        *(f"{name}-event" for name in KINDS),
        *(f"{name}-notification" for name in ("bounce", "complaint", "delivery")),
        "send-templated-event",
    }
    assert {kind_of(fact) for fact in KINDS.values()} == set(Kind)


@pytest.mark.parametrize("name", [name for name in KINDS if kind_of(KINDS[name]) not in NOTIFIED_KINDS])
def test_identity_topics_are_not_told_of_other_kinds(name: str) -> None:
    assert notified(event(KINDS[name]), message(), FACTS, SERVICE, with_headers=True) is None


def test_without_headers_a_notification_says_nothing_about_them() -> None:
    mail = _notified("bounce", with_headers=False)["mail"]

    assert {"headers", "commonHeaders", "headersTruncated"}.isdisjoint(mail)


def test_the_two_forms_name_the_message_differently() -> None:
    facts = _with_headers(("From", "a@example.com"), ("Message-ID", "<own@example.com>"))

    assert _published("bounce", facts)["mail"]["commonHeaders"]["messageId"] == MESSAGE_ID
    assert _notified("bounce", facts)["mail"]["commonHeaders"]["messageId"] == "<own@example.com>"
    assert "messageId" not in _notified("delivery")["mail"]["commonHeaders"]


def test_own_date_and_message_id_are_told_as_they_were_given() -> None:
    given = [("Message-ID", "<own@example.com>"), ("date", "Sun, 01 Mar 2026 09:00:00 +0100"), ("From", "a@x.example")]

    told = _published("delivery", _with_headers(*given))["mail"]

    assert [(header["name"], header["value"]) for header in told["headers"]] == given
    assert told["commonHeaders"]["date"] == "Sun, 01 Mar 2026 09:00:00 +0100"


def test_a_delivery_names_the_message_id_of_its_region() -> None:
    elsewhere = message()._replace(region="eu-west-1")

    told = published(event(KINDS["delivery"]), elsewhere, FACTS, SERVICE)["mail"]

    assert {"name": "Message-ID", "value": f"<{MESSAGE_ID}@eu-west-1.mail.example>"} in told["headers"]
    assert told["sourceArn"] == "arn:aws:ses:eu-west-1:123456789012:identity/example.com"


def test_nothing_is_added_to_headers_that_were_cut_off_or_never_there() -> None:
    cut = _with_headers(("From", "a@example.com"), headers_truncated=True)

    assert _published("delivery", cut)["mail"]["headers"] == [{"name": "From", "value": "a@example.com"}]
    assert _published("delivery", cut)["mail"]["headersTruncated"] is True
    bare = _published("delivery", _with_headers())["mail"]
    assert (bare["headers"], bare["commonHeaders"]) == ([], {"messageId": MESSAGE_ID})


def test_an_unknown_identity_leaves_the_source_arn_out() -> None:
    facts = msgspec.structs.replace(FACTS, source_identity=None)

    assert "sourceArn" not in _published("open", facts)["mail"]


def test_the_source_of_mail_on_anothers_authority_is_their_identity() -> None:
    arn = "arn:aws:ses:us-east-1:444455556666:identity/owner.example"
    facts = msgspec.structs.replace(FACTS, source_identity=None, source_arn=arn)

    assert _published("open", facts)["mail"]["sourceArn"] == arn


def test_tags_of_the_server_itself_are_not_told() -> None:
    facts = msgspec.structs.replace(FACTS, tags={"pillarbox-trace": ["1"], "campaign": ["spring"]})

    assert _published("send", facts)["mail"]["tags"] == {"campaign": ["spring"]}


@pytest.mark.parametrize(
    "value, addresses",
    [
        ("a@x.example, b@x.example", ["a@x.example", "b@x.example"]),
        ('"Stone, Bob" <b@x.example>,c@x.example', ['"Stone, Bob" <b@x.example>', "c@x.example"]),
        ('"say \\", ok" <b@x.example>, c@x.example', ['"say \\", ok" <b@x.example>', "c@x.example"]),
        ("a@x.example (home, not work), b@x.example", ["a@x.example (home, not work)", "b@x.example"]),
        ("=?UTF-8?Q?Stone=2C_Bob?= <b@x.example>, c@x.example", ["Stone, Bob <b@x.example>", "c@x.example"]),
        ("a@x.example, , ", ["a@x.example"]),
        ('"never closed, b@x.example', ['"never closed, b@x.example']),
        ("closed) > twice, b@x.example", ["closed) > twice", "b@x.example"]),
    ],
)
def test_address_lists_are_told_address_by_address(value: str, addresses: list[str]) -> None:
    assert _published("send", _with_headers(("To", value)))["mail"]["commonHeaders"]["to"] == addresses


def test_repeated_address_headers_are_told_together_and_the_first_of_others_counts() -> None:
    common = _published(
        "send", _with_headers(("To", "a@x.example"), ("TO", "b@x.example"), ("Subject", "one"), ("Subject", "two"))
    )["mail"]["commonHeaders"]

    assert common["to"] == ["a@x.example", "b@x.example"]
    assert common["subject"] == "one"


def test_what_is_not_known_is_not_told() -> None:
    told = published(event(Complaint(["a@x.example"], "f")), message(), FACTS, SERVICE)["complaint"]

    assert told == {
        "complainedRecipients": [{"emailAddress": "a@x.example"}],
        "timestamp": "2026-03-01T10:20:34.834Z",
        "feedbackId": "f",
        "complaintSubType": None,
    }


def test_a_click_without_link_tags_says_so_and_a_robot_is_called_one() -> None:
    click = Click("203.0.113.5", "bot", "https://x.example/", None, "Likely")

    told = published(event(click), message(), FACTS, SERVICE)["click"]

    assert (told["linkTags"], told["isBotEvent"]) == (None, "Likely")


def test_the_text_is_compact_json_that_ends_with_a_newline() -> None:
    text = to_text(_published("send"))

    assert text.startswith('{"eventType":"Send","mail":{"timestamp":"2026-03-01T10:20:30.123Z",')
    assert text.endswith(',"send":{}}\n')
    assert "reçu" in text


def test_times_are_those_of_the_message_and_of_the_fact() -> None:
    record = _published("bounce")

    assert HAPPENED_AT - ACCEPTED_AT == 4_711
    assert (record["mail"]["timestamp"], record["bounce"]["timestamp"]) == (
        "2026-03-01T10:20:30.123Z",
        "2026-03-01T10:20:34.834Z",
    )


# Members of records that consumers were written against, as published examples have them
# (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html).
_RECORDED_COMPLAINT = {
    "": {"eventType", "complaint", "mail"},
    "complaint": {
        "complainedRecipients",
        "timestamp",
        "feedbackId",
        "userAgent",
        "complaintFeedbackType",
        "arrivalDate",
    },
    "mail": {
        "timestamp",
        "source",
        "sourceArn",
        "sendingAccountId",
        "messageId",
        "destination",
        "headersTruncated",
        "headers",
        "commonHeaders",
        "tags",
    },
}
_RECORDED_BOUNCE = {
    "": {"notificationType", "bounce", "mail"},
    "bounce": {
        "bounceType",
        "bounceSubType",
        "bouncedRecipients",
        "timestamp",
        "feedbackId",
        "remoteMtaIp",
        "reportingMTA",
    },
    "mail": {
        "timestamp",
        "source",
        "sourceArn",
        "sourceIp",
        "sendingAccountId",
        "messageId",
        "destination",
        "headersTruncated",
        "headers",
        "commonHeaders",
    },
}


def _members(record: dict[str, Any], recorded: dict[str, set[str]]) -> dict[str, set[str]]:
    return {part: set(record[part] if part else record) for part in recorded}


def test_a_complaint_event_has_the_members_of_a_recorded_one_and_the_newer_subtype() -> None:
    members = _members(_published("complaint"), _RECORDED_COMPLAINT)

    members["complaint"].remove("complaintSubType")
    assert members == _RECORDED_COMPLAINT
    simple = _with_headers(("From", "a@x.example"), ("To", "b@x.example"), ("Subject", "s"))
    assert set(_published("complaint", simple)["mail"]["commonHeaders"]) == {"from", "to", "messageId", "subject"}


def test_a_bounce_notification_has_the_members_of_a_recorded_one_and_the_newer_caller() -> None:
    members = _members(_notified("bounce"), _RECORDED_BOUNCE)

    members["mail"].remove("callerIdentity")
    assert members == _RECORDED_BOUNCE
    simple = _with_headers(("From", "a@x.example"), ("To", "b@x.example"), ("Subject", "s"))
    assert set(_notified("bounce", simple)["mail"]["commonHeaders"]) == {"from", "to", "subject"}
