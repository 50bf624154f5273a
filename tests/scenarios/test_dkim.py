"""Mail that leaves signed: what a receiver sees who looks the keys up, also behind another server."""

import email
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.transform.headers import MOST_HOPS
from pillarbox.delivery.verp import EVERYONE, Returned, ReturnPaths
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import dkim_keys, service_key
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.settings import RouteSetting, SmarthostSetting
from pillarbox.store import events
from tests.support.dkim import verifies
from tests.support.postfix import Postfix
from tests.support.server import RunningServer, Server
from tests.support.sink import Received, Sink

SENDER = "shop@mail.somewhere.example"
DOMAIN = "somewhere.example"
A, B = "a@example.net", "b@example.net"
OURS = "mail.example.org"


def settings_for(port: int) -> dict[str, Any]:
    return {
        "dev": True,
        "dev_really_send": True,
        "service_domain": OURS,
        "routes": (RouteSetting(transport="smtp"),),
        "smarthost": SmarthostSetting(host="127.0.0.1", port=port, tls="none"),
    }


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink.listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def sending(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer.started(tmp_path_factory.mktemp("sending"), **settings_for(sink.port)) as running:
        yield running


@pytest.fixture
def server(sending: RunningServer, sink: Sink) -> Server:
    sink.received.clear()
    return sending.for_new_account()


def published(server: Server) -> dict[str, str]:
    """Return what the owners of all these domains have put into the DNS."""
    scope = Scope(server.account, "us-east-1")
    listening = server.running.listening
    keys: list[StoredKey] = server.read(dkim_keys.of_domain, scope, DOMAIN)
    ours = server.running.run(service_key.load(listening.store, listening.keyring, OURS, SystemClock().now()))
    return {key.record_name: key.record for key in (*keys, *ours)}


def send(server: Server, *, text: str = "Hello,\n.\n  two  spaces \n\n\n") -> str:
    message_id: str = server.client("sesv2").send_email(
        FromEmailAddress=f"The shop <{SENDER}>",
        Destination={"ToAddresses": [A], "CcAddresses": [B]},
        Content={
            "Simple": {
                "Subject": {"Data": "Grüße aus dem Laden " * 8},
                "Body": {"Text": {"Data": text}, "Html": {"Data": "<p>Jürgen</p>" * 200}},
                "Headers": [
                    {"Name": "List-Unsubscribe", "Value": "<https://somewhere.example/unsubscribe/" + "x" * 100 + ">"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                ],
            }
        },
    )["MessageId"]
    server.settle()
    return message_id


def signers(received: Received) -> list[str]:
    signatures = email.message_from_bytes(received.data).get_all("DKIM-Signature", [])
    return [value.partition(" d=")[2].partition(";")[0] for value in signatures]


def test_mail_of_a_domain_with_easy_dkim_leaves_signed_by_it(server: Server, sink: Sink) -> None:
    server.client("sesv2").create_email_identity(EmailIdentity=DOMAIN)

    send(server)

    (received,) = sink.received
    assert signers(received) == [DOMAIN]
    assert verifies(received.data, published(server))
    assert not verifies(received.data.replace(b"/unsubscribe/", b"/unsubscribf/"), published(server))


def test_mail_of_an_address_alone_leaves_signed_by_the_service(server: Server, sink: Sink) -> None:
    server.client("ses").verify_email_identity(EmailAddress=SENDER)

    send(server)

    (received,) = sink.received
    assert signers(received) == [OURS]
    assert verifies(received.data, published(server))


def test_odd_raw_mail_is_signed_as_it_leaves(server: Server, sink: Sink) -> None:
    server.client("sesv2").create_email_identity(EmailIdentity=DOMAIN)
    head = f"From:\t<{SENDER}>\nTO: {A},\n   {B}\nsubject:\n  folded  \n\t and more\nX-Empty:\nReply-To: \n {SENDER}\n"
    body = b"\n.\r\nlone \r and \n ends\t \n" + bytes(range(0x80, 0x100)) + b" \t\n\r\n \n"
    raw = head.encode() + body

    server.client("ses").send_raw_email(Source=SENDER, Destinations=[A], RawMessage={"Data": raw})
    server.settle()

    (received,) = sink.received
    assert signers(received) == [DOMAIN]
    assert verifies(received.data, published(server))
    assert b"\n" not in received.wire.replace(b"\r\n", b"")


def test_bounces_come_back_to_an_address_that_only_this_server_can_make(server: Server, sink: Sink) -> None:
    server.client("ses").verify_domain_identity(Domain=DOMAIN)
    listening = server.running.listening
    paths = server.running.run(ReturnPaths.load(listening.store, listening.keyring, SystemClock().now()))

    message_id = send(server)

    (received,) = sink.received
    local_part, _, domain = received.mail.removeprefix("MAIL FROM:<").partition(">")[0].partition("@")
    assert domain == OURS
    assert paths.read(local_part.upper()) == Returned(message_id, EVERYONE)


def test_they_come_back_to_the_mail_from_domain_of_the_sender(server: Server, sink: Sink) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain=DOMAIN)
    ses.set_identity_mail_from_domain(Identity=DOMAIN, MailFromDomain=f"bounces.{DOMAIN}")

    send(server)

    (received,) = sink.received
    assert received.mail.partition(">")[0].endswith(f"@bounces.{DOMAIN}")


def test_mail_that_goes_round_in_circles_bounces_and_blames_nobody(server: Server, sink: Sink) -> None:
    server.client("ses").verify_domain_identity(Domain=DOMAIN)
    hops = "Received: by mx.example.net; Fri, 14 Oct 2016 05:02:16 +0000\r\n" * (MOST_HOPS + 1)
    raw = f"{hops}From: {SENDER}\r\n\r\nx\r\n".encode()

    message_id = server.client("ses").send_raw_email(Destinations=[A], RawMessage={"Data": raw})["MessageId"]
    server.settle()

    assert [A] not in [received.recipients for received in sink.received]
    rows = server.read(events.of_message, message_id)
    assert [row.kind for row in rows] == ["Send", "Bounce"]
    assert '"status":"5.4.6"' in rows[1].fact
    assert server.client("sesv2").list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_a_signature_survives_postfix(tmp_path: Path) -> None:
    with (
        Sink.listening() as sink,  # of its own: what others told of a bounce may still be on its way to theirs
        Postfix.started(sink.port, [A, B]) as postfix,
        RunningServer.started(tmp_path, **settings_for(postfix.port), sign_twice=True) as running,
    ):
        server = running.for_new_account()
        server.client("sesv2").create_email_identity(EmailIdentity=DOMAIN)
        send(server)
        sink.wait_for_mail(1)
        zone = published(server)

    received = sink.received[0]
    assert signers(received) == [DOMAIN, OURS]
    assert verifies(received.data, zone, 0) and verifies(received.data, zone, 1)
    assert b"by smarthost.example.org (Postfix)" in received.data


def test_where_a_domain_has_switched_its_signature_off_the_service_signs(server: Server, sink: Sink) -> None:
    sesv2 = server.client("sesv2")
    sesv2.create_email_identity(EmailIdentity=DOMAIN)
    sesv2.put_email_identity_dkim_attributes(EmailIdentity=DOMAIN, SigningEnabled=False)

    send(server)

    (received,) = sink.received
    assert signers(received) == [OURS]
