"""What was said to mail servers: kept with each attempt, and shown to whoever asks why it ended as it did."""

import urllib.request
from collections.abc import Iterator

import pytest

from pillarbox.commands.messages import conversations
from pillarbox.operate.client import Client
from pillarbox.operate.history import Conversation, History
from pillarbox.operate.requests import ShowHistory
from pillarbox.settings import RouteSetting, SmarthostSetting
from tests.support.server import RunningServer, Server
from tests.support.sink import Sink

SENDER = "shop@somewhere.example"
A, B = "a@example.net", "b@example.net"


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink.listening(extensions=("8BITMIME", "PIPELINING"), password=("pillarbox", "pässword")) as listening:
        yield listening


@pytest.fixture(scope="module")
def sending(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer.started(
        tmp_path_factory.mktemp("conversations"),
        dev=True,
        dev_really_send=True,
        service_domain="mail.example.org",
        routes=(RouteSetting(transport="smtp"),),
        smarthost=SmarthostSetting(
            host="127.0.0.1",
            port=sink.port,
            tls="none",
            user="pillarbox",
            password="pässword",
            password_without_tls=True,
            messages_per_connection=1,
        ),
    ) as running:
        yield running


@pytest.fixture
def server(sending: RunningServer) -> Server:
    server = sending.for_new_account()
    server.client("ses").verify_email_identity(EmailAddress=SENDER)
    return server


def sent(server: Server, *recipients: str) -> str:
    message_id: str = server.client("ses").send_email(
        Source=SENDER,
        Destination={"ToAddresses": list(recipients)},
        Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "a secret text"}}},
    )["MessageId"]
    server.settle()
    return message_id


def history_of(server: Server, message_id: str) -> History:
    return Client(server.running.listening.settings.socket_path).ask(ShowHistory(message_id), History)


def words(one: Conversation, who: str) -> list[str]:
    return [line.words for line in one.lines if line.who == who]


def test_each_attempt_shows_what_was_said_and_when(server: Server, sink: Sink) -> None:
    sink.script.once(f"RCPT {B}", "550 5.1.1 no such user")

    found = history_of(server, sent(server, A, B))

    (one,) = found.conversations
    assert (one.attempt, one.peer, one.recipients) == (1, "127.0.0.1", [A, B])
    ours, theirs = words(one, "us"), words(one, "them")
    assert ours[-3:-1] == [f"RCPT TO:<{B}>", "DATA"] and ours[-1].endswith("bytes of message)")
    assert theirs[-3:] == ["550 5.1.1 no such user", "354 go ahead", "250 2.0.0 taken"]
    times = [line.after_ms for line in one.lines]
    assert times == sorted(times)
    assert found.moments[0].happened_at <= one.began_at <= found.moments[-1].happened_at


def test_neither_the_password_nor_the_message_is_kept(server: Server) -> None:
    found = history_of(server, sent(server, A))

    (one,) = found.conversations
    assert "AUTH PLAIN (not shown)" in words(one, "us")
    kept = "\n".join(line.words for line in one.lines)
    assert "AHBpbGxhcmJveA" not in kept and "a secret text" not in kept


def test_the_command_line_and_the_page_show_it(server: Server) -> None:
    message_id = sent(server, A)
    shown = conversations(history_of(server, message_id))

    assert f"> RCPT TO:<{A}>" in shown and "< 250 2.0.0 taken" in shown and f"for {A}" in shown
    with urllib.request.urlopen(f"{server.endpoint}/ui/messages/{message_id}", timeout=30) as answer:
        page = answer.read().decode()
    assert f"RCPT TO:&lt;{A}&gt;" in page and "250 2.0.0 taken" in page


def test_mail_that_was_only_captured_has_no_conversation(server: Server) -> None:
    message_id = sent(server, "success@simulator.amazonses.com")

    assert history_of(server, message_id).conversations == []
    assert "nothing was handed to a mail server" in conversations(history_of(server, message_id))
