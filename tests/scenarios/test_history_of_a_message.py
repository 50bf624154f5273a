"""What became of one message, from sent to delivered: the same in its history and at the subscriber."""

from typing import Any

import pytest

from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from tests.support.server import Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber

SENDER = "news@somewhere.example"
FRIEND = "friend@house.example"
BOUNCE = "bounce@simulator.amazonses.com"
COMPLAINT = "complaint@simulator.amazonses.com"
HIDDEN = "success@simulator.amazonses.com"
RAW = (
    b"From: News <news@somewhere.example>\r\n"
    b"To: friend@house.example, complaint@simulator.amazonses.com\r\n"
    b"Cc: bounce@simulator.amazonses.com\r\n"
    b"Subject: =?utf-8?B?5L2g5aW9?=\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: text/html; charset="utf-8"\r\n'
    b"\r\n"
    b'<a href="https://www.somewhere.example/">hello</a>\r\n'
)


@pytest.fixture
def sent(server: Server, subscriber: Subscriber) -> str:
    """The id of a raw message to four recipients, sent with a configuration set that tells of everything."""
    ses, sns = server.client("ses"), server.client("sns")
    topic = sns.create_topic(Name="events")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    server.settle()
    ses.verify_domain_identity(Domain="somewhere.example")
    configuration_set_told_to(ses, topic, "monitored", ["send", "reject", "bounce", "complaint", "delivery"])
    message_id: str = ses.send_raw_email(
        Destinations=[FRIEND, BOUNCE, COMPLAINT, HIDDEN],
        Source=SENDER,
        ConfigurationSetName="monitored",
        RawMessage={"Data": RAW},
    )["MessageId"]
    server.settle()
    return message_id


def history_of(server: Server, message_id: str) -> History:
    """Ask as `pillarbox history` does."""
    socket = server.running.listening.settings.socket_path
    return Client(socket).ask(ShowHistory(message_id), History)


def recipients_in(event: dict[str, Any]) -> list[str]:
    """Return whom an event is about, as its kind tells it; nobody when it is about the whole message."""
    match event["eventType"]:
        case "Bounce":
            return [one["emailAddress"] for one in event["bounce"]["bouncedRecipients"]]
        case "Complaint":
            return [one["emailAddress"] for one in event["complaint"]["complainedRecipients"]]
        case "Delivery":
            return list(event["delivery"]["recipients"])
    return []


def test_the_history_tells_each_step_in_order(server: Server, sent: str) -> None:
    history = history_of(server, sent)
    steps = [(moment.kind, moment.recipients) for moment in history.moments]
    assert steps[0] == ("Send", None)
    assert sorted(steps[1:]) == [
        ("Bounce", [BOUNCE]),
        ("Complaint", [COMPLAINT]),
        ("Delivery", [COMPLAINT, HIDDEN]),
        ("Delivery", [FRIEND]),
    ]
    assert steps.index(("Delivery", [COMPLAINT, HIDDEN])) < steps.index(("Complaint", [COMPLAINT]))
    times = [moment.happened_at for moment in history.moments]
    assert times == sorted(times)
    assert not history.waiting


def test_the_history_says_why(server: Server, sent: str) -> None:
    told = {(moment.kind, *(moment.recipients or ())): moment for moment in history_of(server, sent).moments}
    assert told["Bounce", BOUNCE].said == "550 5.1.1 user unknown"
    assert told["Delivery", FRIEND].said == "250 captured, not sent"
    assert "not sent" in told["Delivery", FRIEND].story


def test_the_subscriber_is_told_the_same(server: Server, sent: str, subscriber: Subscriber) -> None:
    published = sorted((event["eventType"], recipients_in(event)) for event in subscriber.events)
    kept = sorted((moment.kind, moment.recipients or []) for moment in history_of(server, sent).moments)
    assert published == kept
    assert {event["mail"]["messageId"] for event in subscriber.events} == {sent}


def test_the_events_carry_what_the_sender_gave(sent: str, subscriber: Subscriber) -> None:
    for event in subscriber.events:
        mail = event["mail"]
        assert mail["source"] == SENDER
        assert mail["destination"] == [FRIEND, BOUNCE, COMPLAINT, HIDDEN]
        assert mail["commonHeaders"]["subject"] == "你好"
        assert mail["commonHeaders"]["to"] == [FRIEND, COMPLAINT]
        assert mail["commonHeaders"]["cc"] == [BOUNCE]
        assert mail["tags"]["ses:operation"] == ["SendRawEmail"]
        assert mail["tags"]["ses:configuration-set"] == ["monitored"]
        assert mail["tags"]["ses:from-domain"] == ["somewhere.example"]
