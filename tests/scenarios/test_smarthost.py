"""Mail that programs send and a smarthost takes: what leaves, and what is told of it."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.worker import Worker
from pillarbox.kit.clock import MINUTE
from pillarbox.sending.accept import keep_promises
from pillarbox.settings import RouteSetting, SmarthostSetting
from pillarbox.store import events
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.support.postfix import Postfix
from tests.support.preparer import preparer_of
from tests.support.promises import draft, promise
from tests.support.server import RunningServer, Server
from tests.support.sink import STALL, Sink
from tests.support.smarthost import handing_to

SENDER = "shop@somewhere.example"
A, B = "a@example.net", "b@example.net"


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """The smarthost of the server, and the server behind Postfix."""
    with Sink.listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def sending(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer.started(
        tmp_path_factory.mktemp("sending"),
        dev=True,
        dev_really_send=True,
        service_domain="mail.example.org",
        routes=(RouteSetting(transport="smtp"),),
        smarthost=SmarthostSetting(host="127.0.0.1", port=sink.port, tls="none"),
    ) as running:
        yield running


@pytest.fixture
def server(sending: RunningServer, sink: Sink) -> Server:
    sink.received.clear()
    sink.script.for_ever.clear()
    server = sending.for_new_account()
    server.client("ses").verify_email_identity(EmailAddress=SENDER)
    return server


def send_raw(server: Server, raw: bytes, *recipients: str) -> str:
    message_id: str = server.client("ses").send_raw_email(
        Source=SENDER, Destinations=list(recipients), RawMessage={"Data": raw}
    )["MessageId"]
    server.settle()
    return message_id


def told(server: Server, message_id: str) -> list[dict[str, Any]]:
    """Return what is recorded of a message, in its order, after its Send."""
    rows = server.read(events.of_message, message_id)
    return [msgspec.json.decode(row.fact) for row in rows if row.kind != "Send"]


def test_a_formatted_message_leaves_whole(server: Server, sink: Sink) -> None:
    message_id = server.client("ses").send_email(
        Source=f"The shop <{SENDER}>",
        Destination={"ToAddresses": [A], "BccAddresses": [B]},
        Message={
            "Subject": {"Data": "Grüße"},
            "Body": {"Text": {"Data": ".\n..two dots, and Jürgen\n"}, "Html": {"Data": "<p>Jürgen</p>"}},
        },
    )["MessageId"]
    server.settle()

    (received,) = sink.received
    assert received.mail.partition(">")[0].endswith("@mail.example.org")
    assert received.helo == "mta.mail.example.org"
    assert received.recipients == [A, B]
    assert received.wire.isascii() and b"\n" not in received.wire.replace(b"\r\n", b"")
    mail = message_from_bytes(received.data, policy=policy.default)
    assert mail["Message-ID"] == f"<{message_id}@email.mail.example.org>"
    assert mail["Date"] and mail["Subject"] == "Grüße" and mail["To"] == A
    assert "Bcc" not in mail
    text = mail.get_body(("plain",))
    assert text is not None and text.get_content().splitlines() == [".", "..two dots, and Jürgen"]


def test_raw_mail_leaves_with_every_byte_of_its_body(server: Server, sink: Sink) -> None:
    body = b".\r\n..\r\nA line.\r\n.hidden\r\n\r\n" + bytes(range(0x80, 0x100)) + b"\r\nno end"
    head = f"From: {SENDER}\r\nTo: {A}\r\nBcc: {B}\r\nX-SES-MESSAGE-TAGS: a=b\r\nSubject: x\r\n".encode()
    head += b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n"

    message_id = send_raw(server, head + b"\r\n" + body, A, B)

    (received,) = sink.received
    assert received.recipients == [A, B]
    assert received.mail.endswith(" BODY=8BITMIME")
    got_head, _, got_body = received.data.partition(b"\r\n\r\n")
    assert got_body == body + b"\r\n"
    names = [line.partition(b":")[0].decode() for line in got_head.split(b"\r\n")]
    given = ["From", "To", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    names = [name for name in names if not name.startswith(" ")]
    assert sorted(names) == sorted([*given, "Message-ID", "Date", "Feedback-ID", "Received", "DKIM-Signature"])
    assert message_id.encode() in got_head


def test_lone_line_feeds_end_no_message(server: Server, sink: Sink) -> None:
    raw = f"From: {SENDER}\nTo: {A}\nSubject: x\n\nbefore\n.\nMAIL FROM:<forged@example.com>\n.\r\nafter\r.\r\n"

    send_raw(server, raw.encode(), A)

    (received,) = sink.received
    assert received.data.endswith(b"\r\n\r\nbefore\r\n.\r\nMAIL FROM:<forged@example.com>\r\n.\r\nafter\r\n.\r\n")


def test_a_delivery_is_told_with_the_words_of_the_smarthost(server: Server, sink: Sink) -> None:
    sink.script.once("DOT", "250-2.0.0 taken\n250 2.0.0 as A1B2C3")

    message_id = send_raw(server, f"From: {SENDER}\r\n\r\nx\r\n".encode(), A, B)

    (delivery,) = told(server, message_id)
    assert delivery.pop("processing_ms") >= 0
    assert delivery == {
        "type": "Delivery",
        "recipients": [A, B],
        "smtp_response": "250 2.0.0 taken 2.0.0 as A1B2C3",
        "reporting_mta": "mta.mail.example.org",
        "remote_mta_ip": "127.0.0.1",
        "transport": "smtp",
    }


def test_a_refused_recipient_bounces_and_the_other_is_delivered(server: Server, sink: Sink) -> None:
    sink.script.always(f"RCPT {B}", "550-5.1.1 No such user\n550 5.1.1 here")

    message_id = send_raw(server, f"From: {SENDER}\r\n\r\nx\r\n".encode(), A, B)

    delivery, bounce = sorted(told(server, message_id), key=lambda fact: fact["type"], reverse=True)
    assert delivery["recipients"] == [A]
    assert (bounce["bounce_type"], bounce["bounce_subtype"]) == ("Permanent", "General")
    assert bounce["recipients"] == [
        {
            "address": B,
            "action": "failed",
            "status": "5.1.1",
            "diagnostic_code": "smtp; 550 5.1.1 No such user 5.1.1 here",
        }
    ]
    assert bounce["remote_mta_ip"] == "127.0.0.1"


def test_the_simulator_is_never_asked_of_the_smarthost(server: Server, sink: Sink) -> None:
    message_id = send_raw(server, f"From: {SENDER}\r\n\r\nx\r\n".encode(), "success@simulator.amazonses.com")

    (delivery,) = told(server, message_id)
    assert delivery["transport"] == "simulator"
    assert not sink.received


def test_postfix_takes_the_mail_and_passes_it_on_unchanged(tmp_path: Path, sink: Sink) -> None:
    sink.received.clear()
    body = b".\r\n..\r\nA line of " + "Jürgen".encode() + b".\r\n.hidden\r\n"
    raw = f"From: {SENDER}\r\nTo: {A}\r\nSubject: x\r\n\r\n".encode() + body
    with (
        Postfix.started(sink.port, [A]) as postfix,
        RunningServer.started(
            tmp_path,
            dev=True,
            dev_really_send=True,
            routes=(RouteSetting(transport="smtp"),),
            smarthost=SmarthostSetting(host="127.0.0.1", port=postfix.port, tls="none"),
        ) as running,
    ):
        server = running.for_new_account()
        server.client("ses").verify_email_identity(EmailAddress=SENDER)
        message_id = send_raw(server, raw, A, B)
        facts = {fact["type"]: fact for fact in told(server, message_id)}
        sink.wait_for_mail(2)  # the other one tells the sender of the bounce

    assert facts["Delivery"]["smtp_response"].startswith("250 2.0.0 Ok: queued as ")
    assert facts["Delivery"]["recipients"] == [A]
    (bounced,) = facts["Bounce"]["recipients"]
    assert bounced["address"] == B and bounced["diagnostic_code"].startswith("smtp; 550 5.1.1 ")
    (received,) = [one for one in sink.received if one.recipients == [A]]
    assert received.data.endswith(b"\r\n\r\n" + body)


def test_mail_that_was_in_hand_when_the_server_stopped_is_sent_again(tmp_path: Path) -> None:
    with Sink.listening() as sink:
        sink.script.once("DOT", STALL)
        settings: dict[str, Any] = {
            "dev": True,
            "dev_really_send": True,
            "routes": (RouteSetting(transport="smtp"),),
            "smarthost": SmarthostSetting(host="127.0.0.1", port=sink.port, tls="none"),
        }
        with RunningServer.started(tmp_path, **settings) as running:
            ses = running.for_new_account().client("ses")
            ses.verify_email_identity(EmailAddress=SENDER)
            raw = f"From: {SENDER}\r\n\r\nx\r\n".encode()
            ses.send_raw_email(Source=SENDER, Destinations=[A], RawMessage={"Data": raw})
            sink.wait_for_mail(1)
        with RunningServer.started(tmp_path, **settings) as running:
            running.settle()

        first, second = sink.received
        assert (first.mail, first.data) == (second.mail, second.data)


async def test_greylisted_mail_is_told_as_delayed_and_then_as_delivered(tmp_path: Path) -> None:
    clock = StandingClock()
    promised = promise(draft(A, B), clock.at, routes=RouteTable([Rule("smtp")]))
    store = await SqliteStore.open(tmp_path)
    assert await store.commit(keep_promises, promised) is None

    with Sink.listening() as sink:
        sink.script.once(f"RCPT {B}", "451 4.7.1 greylisted, come back in a minute")
        async with handing_to(sink.port) as transport:
            worker = Worker(store, {"smtp": transport}, EicarScanner(), preparer_of(store, clock), clock)
            assert await worker.step()
            clock.at += MINUTE - 1
            assert not await worker.step()
            clock.at += MINUTE
            assert await worker.step()

    rows = await store.read(events.of_message, promised.message.message_id)
    await store.close()
    assert [row.kind for row in rows] == ["Send", "Delivery", "DeliveryDelay", "Delivery"]
    delay = msgspec.json.decode(rows[2].fact)
    assert [recipient["address"] for recipient in delay["recipients"]] == [B]
    assert delay["recipients"][0]["diagnostic_code"] == "smtp; 451 4.7.1 greylisted, come back in a minute"
    assert [received.recipients for received in sink.received] == [[A], [B]]
    assert sink.received[0].data == sink.received[1].data
