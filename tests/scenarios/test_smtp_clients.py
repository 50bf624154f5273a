"""Programs that people send with hand their mail to the SMTP port: a mail server that relays, and a library."""

import re
import smtplib
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from pillarbox.edge.smtp_password import smtp_password
from pillarbox.store import messages, outgoing
from tests.support.node.clients import NodeClients
from tests.support.postfix import Postfix, Relay
from tests.support.server import RunningServer, Server

SENDER = "shop@example.com"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    nobody = ("127.0.0.1:1",)
    with RunningServer.started(tmp_path_factory.mktemp("smtp"), nameservers=nobody) as server:
        yield server


@pytest.fixture
def shop(running: RunningServer) -> Server:
    server = running.for_new_key()
    server.vouch("example.com")
    return server


def relay(server: Server) -> Relay:
    port = server.running.listening.smtp_port
    assert port is not None
    return Relay(port, server.key_id, smtp_password(server.secret, "us-east-1"))


def accepted(server: Server, count: int) -> list[messages.MessageRow]:
    """Return what was accepted for the account, once there is so much of it."""
    deadline = time.monotonic() + 30
    while True:
        found = server.read(messages.newest, messages.Search(account=server.account), 100)
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, f"{len(found)} of {count} messages came"
        time.sleep(0.05)


def delivered(server: Server, message_id: str) -> EmailMessage:
    """Return what was captured of a message, which everybody got alike."""
    captures = server.read(outgoing.captures_of, message_id)
    bodies = {server.running.run(server.running.listening.store.body(one.body)) for one in captures}
    (mail,) = (message_from_bytes(body, policy=default) for body in bodies)
    assert isinstance(mail, EmailMessage)
    return mail


def test_a_postfix_that_logs_in_relays_its_mail_here(shop: Server) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SENDER, "ada@example.net", "Relayed"
    mail["X-SES-MESSAGE-TAGS"] = "way=postfix"
    mail.set_content("Hello\n.leading dot\n")

    with Postfix.relaying_to(relay(shop)) as postfix, smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
        for number in range(20):
            del mail["Subject"]
            mail["Subject"] = f"Relayed {number}"
            client.send_message(mail, SENDER, ["ada@example.net", f"c{number}@example.net"])
        found = accepted(shop, 20)
        assert postfix.empties_its_queue()

    assert len(found) == 20
    shop.settle()
    (row,) = [one for one in found if one.subject == "Relayed 7"]
    received = delivered(shop, row.message_id)
    assert (received["Subject"], received["X-SES-MESSAGE-TAGS"]) == ("Relayed 7", None)
    assert received.get_content().splitlines() == ["Hello", ".leading dot"]
    assert re.search(r"by \S*example\.org \(Postfix\)", "".join(received.get_all("Received", [])))


def test_a_postfix_is_told_why_its_mail_is_not_taken(shop: Server) -> None:
    with Postfix.relaying_to(relay(shop)) as postfix, smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
        client.sendmail("al@elsewhere.example", ["ada@example.net"], b"From: al@elsewhere.example\r\n\r\nx\r\n")
        assert postfix.logs("said: 554 Message rejected: Email address is not verified.")

    assert accepted(shop, 0) == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_nodemailer_sends(shop: Server, node: NodeClients, tls: str) -> None:
    listening = shop.running.listening
    port = listening.smtp_port if tls == "starttls" else listening.smtps_port
    told = node.run("smtp.mjs", str(port), shop.key_id, smtp_password(shop.secret, "us-east-1"), tls)

    (row,) = accepted(shop, 1)
    assert told["response"] == f"250 Ok {row.message_id}"
    shop.settle()
    assert len(told["accepted"]) == 3
    mail = delivered(shop, row.message_id)
    assert (mail["Subject"], mail["From"], mail["Bcc"]) == ("Grüße", "Zoë at the shop <shop@example.com>", None)
    assert mail["X-SES-MESSAGE-TAGS"] is None
    text = mail.get_body(("plain",))
    assert text is not None and text.get_content().splitlines() == ["Hello ✓", ".leading dot"]
    assert [part.get_filename() for part in mail.iter_attachments()] == ["ä.txt"]
