"""One call to many: each gets a message of their own, sees only themselves, and is told of singly and as one send."""

import smtplib
import ssl
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from pillarbox.commands.messages import parts, timeline
from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory, ShowSend
from pillarbox.operate.sends import Send
from tests.support.refused import refused
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber

PEOPLE = [f"person-{number}@house.example" for number in range(120)]


@pytest.fixture(scope="module")
def splitting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("splitting")
    with RunningServer.started(folder, dev=True, split_recipients=True, split_recipient_limit=300) as running:
        yield running


@pytest.fixture
def proxy(splitting_server: RunningServer) -> Server:
    """A server that splits all mail, as an account that may send from example.com sees it."""
    server = splitting_server.for_new_account()
    server.client("sesv2").create_email_identity(EmailIdentity="example.com")
    return server


def ask(server: Server, request: Any, kind: type) -> Any:
    return Client(server.running.listening.settings.socket_path).ask(request, kind)


def history_of(server: Server, message_id: str) -> History:
    found: History = ask(server, ShowHistory(message_id), History)
    return found


def send_of(server: Server, message_id: str) -> Send:
    """Return the send that a message is part of, once all its messages are delivered."""
    server.settle()
    whole = history_of(server, message_id).send
    assert whole is not None
    return whole


def every_part(server: Server, send_id: str) -> dict[str, str]:
    """Return the MessageId of each recipient."""
    found: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        (send,) = ask(server, ShowSend(send_id, after), list[Send])
        found |= {one.address: one.message_id for one in send.parts}
        after = send.next
    return found


def delivered(server: Server, message_id: str) -> Message:
    """Return what the recipient of a message sees."""
    (captured,) = history_of(server, message_id).captured
    return message_from_bytes(server.running.run(server.running.listening.store.body(captured.body)))


def send_simple(server: Server, **destination: list[str]) -> str:
    message_id: str = server.client("ses").send_email(
        Source="News <news@example.com>",
        Destination=destination,
        Message={"Subject": {"Data": "What is new"}, "Body": {"Text": {"Data": "This."}}},
    )["MessageId"]
    return message_id


def test_each_of_many_recipients_sees_only_themselves(proxy: Server) -> None:
    first = send_simple(proxy, ToAddresses=PEOPLE)

    assert history_of(proxy, first).message.recipients[0].address == PEOPLE[0]  # known as soon as it is answered
    whole = send_of(proxy, first)
    assert (whole.states, whole.unwritten) == ({"delivered": len(PEOPLE)}, 0)
    ids = every_part(proxy, whole.send_id)
    assert list(ids) == PEOPLE
    assert ids[PEOPLE[0]] == first
    for person in (PEOPLE[0], PEOPLE[1], PEOPLE[-1]):
        seen = delivered(proxy, ids[person])
        assert seen["To"] == person
        assert [name for name in seen if name in ("Cc", "Bcc")] == []
        others = set(PEOPLE) - {person}
        assert not any(other in seen.as_string() for other in others)


def test_friendly_names_and_all_three_lists_are_kept_apart(proxy: Server) -> None:
    first = send_simple(
        proxy,
        ToAddresses=["Ann <ann@house.example>"],
        CcAddresses=["cy@house.example"],
        BccAddresses=["Bo <bo@h.example>"],
    )

    ids = every_part(proxy, send_of(proxy, first).send_id)
    assert [delivered(proxy, message_id)["To"] for message_id in ids.values()] == [
        "Ann <ann@house.example>",
        "cy@house.example",
        "Bo <bo@h.example>",
    ]
    assert all(delivered(proxy, message_id)["Cc"] is None for message_id in ids.values())


def test_raw_mail_is_kept_as_given_and_leaves_with_one_name(proxy: Server) -> None:
    raw = (
        b"From: news@example.com\r\nCc: all@house.example\r\n"
        b"To: Ann <ann@house.example>,\r\n bo@house.example\r\nSubject: x\r\n\r\ny\r\n"
    )
    destinations = ["ann@house.example", "bo@house.example", "hidden@house.example"]
    first = proxy.client("ses").send_raw_email(RawMessage={"Data": raw}, Destinations=destinations)["MessageId"]

    ids = every_part(proxy, send_of(proxy, first).send_id)
    assert [delivered(proxy, ids[one])["To"] for one in destinations] == ["Ann <ann@house.example>", *destinations[1:]]
    last = history_of(proxy, ids["hidden@house.example"])
    assert proxy.running.run(proxy.running.listening.store.body(last.body)) == raw
    assert "ann@house.example" not in delivered(proxy, ids["hidden@house.example"]).as_string()


def test_mail_by_smtp_is_split_beyond_fifty(proxy: Server) -> None:
    with smtplib.SMTP("localhost", proxy.running.listening.smtp_port, timeout=30) as client:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.starttls(context=context)
        client.login(proxy.account, "us-east-1")
        refused_ones = client.sendmail(
            "news@example.com", PEOPLE[:60], "From: news@example.com\r\nTo: everybody@house.example\r\n\r\nHello.\r\n"
        )
    assert refused_ones == {}

    proxy.settle()
    listed = proxy.running.run(_messages_of(proxy))
    assert len(listed) == 60
    assert {delivered(proxy, message_id)["To"] for message_id in listed[:3]} <= set(PEOPLE)


async def _messages_of(server: Server) -> list[str]:
    from pillarbox.operate import messages

    page = await messages.page(server.running.listening.store, messages.Wanted(account=server.account, limit=200))
    return [message.message_id for message in page.messages]


def test_a_fate_is_known_singly_and_in_all(proxy: Server) -> None:
    people = ["ann@house.example", "bounce@simulator.amazonses.com", "success@simulator.amazonses.com"]
    first = send_simple(proxy, ToAddresses=people)

    whole = send_of(proxy, first)
    assert whole.states == {"bounced": 1, "delivered": 2}
    shown = parts(ask(proxy, ShowSend(whole.send_id), list[Send])[0])
    assert "3 recipients: 1 bounced, 2 delivered" in shown
    assert all(person in shown for person in people)
    assert f"send {whole.send_id}: 1 bounced, 2 delivered" in timeline(history_of(proxy, first))


def test_events_come_for_each_part_and_name_only_its_recipient(proxy: Server, subscriber: Subscriber) -> None:
    ses, sns = proxy.client("ses"), proxy.client("sns")
    topic = sns.create_topic(Name="events")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    proxy.settle()
    configuration_set_told_to(ses, topic, "monitored", ["send", "delivery"])
    ses.send_email(
        Source="news@example.com",
        Destination={"ToAddresses": PEOPLE[:3]},
        Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}},
        ConfigurationSetName="monitored",
        Tags=[{"Name": "pillarbox-idempotency-key", "Value": "k-1"}, {"Name": "campaign", "Value": "spring"}],
    )
    proxy.settle()

    subscriber.wait_for(lambda seen: len(seen.events) >= 6)
    mails = [event["mail"] for event in subscriber.events]
    assert sorted(mail["destination"] for mail in mails) == sorted([[one] for one in PEOPLE[:3] for _ in range(2)])
    assert all(mail["commonHeaders"]["to"] == mail["destination"] for mail in mails)
    assert len({mail["messageId"] for mail in mails}) == 3
    assert all(
        "pillarbox-idempotency-key" not in mail["tags"] and mail["tags"]["campaign"] == ["spring"] for mail in mails
    )


def test_templates_are_split_too(proxy: Server) -> None:
    client = proxy.client("sesv2")
    template = {"TemplateContent": {"Subject": "Hi {{name}}", "Text": "you"}, "TemplateData": '{"name": "all"}'}
    send = {"FromEmailAddress": "news@example.com", "Destination": {"ToAddresses": PEOPLE[:2]}}
    first = client.send_email(**send, Content={"Template": template})["MessageId"]
    broken = client.send_email(**send, Content={"Template": template | {"TemplateData": "{}"}})["MessageId"]

    ids = every_part(proxy, send_of(proxy, first).send_id)
    assert [delivered(proxy, one)["Subject"] for one in ids.values()] == ["Hi all", "Hi all"]
    assert send_of(proxy, broken).states == {"rendering-failed": 2}


def test_the_limit_is_that_of_the_setting(proxy: Server) -> None:
    too_many = [f"p{number}@house.example" for number in range(301)]
    with refused("InvalidParameterValue", "Recipient count exceeds 300."):
        send_simple(proxy, ToAddresses=too_many)


def test_a_message_page_shows_the_parts(proxy: Server) -> None:
    import urllib.request

    first = send_simple(proxy, ToAddresses=PEOPLE[:3])
    whole = send_of(proxy, first)
    with urllib.request.urlopen(f"{proxy.endpoint}/ui/messages/{first}", timeout=30) as answer:
        page = answer.read().decode()
    assert "Part of a send to 3 recipients" in page
    assert all(f"/ui/messages/{message_id}" in page for message_id in every_part(proxy, whole.send_id).values())


def test_every_recipient_counts_against_the_quota(tmp_path: Path) -> None:
    with RunningServer.started(tmp_path, split_recipients=True, max_24_hour_send=100.0) as running:
        server = running.for_new_key()
        server.vouch("example.com")
        with refused("Throttling", "Daily message quota exceeded."):
            send_simple(server, ToAddresses=PEOPLE)
        send_simple(server, ToAddresses=PEOPLE[:90])
        assert server.client("sesv2").get_account()["SendQuota"]["SentLast24Hours"] == 90.0


def test_by_smtp_only_who_splits_may_name_more_than_fifty(server: Server) -> None:
    sesv2 = server.client("sesv2")
    sesv2.create_email_identity(EmailIdentity="example.com")
    assert rejected_by_smtp(server, 60) == 10  # told at RCPT, so that the client sends the rest by itself

    tags = [{"Key": "pillarbox:split-recipients", "Value": "true"}]
    sesv2.create_configuration_set(ConfigurationSetName="split", Tags=tags)
    assert rejected_by_smtp(server, 60, "X-SES-CONFIGURATION-SET: split\r\n") == 0
    server.settle()
    assert len(server.running.run(_messages_of(server))) == 61  # one for the first 50 together


def rejected_by_smtp(server: Server, count: int, headers: str = "") -> int:
    """Send by SMTP and return how many recipients were not taken."""
    with smtplib.SMTP("localhost", server.running.listening.smtp_port, timeout=30) as client:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.starttls(context=context)
        client.login(server.account, "us-east-1")
        return len(client.sendmail("a@example.com", PEOPLE[:count], f"From: a@example.com\r\n{headers}\r\nHello.\r\n"))
