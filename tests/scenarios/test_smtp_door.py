"""Mail by SMTP: what clients and relays see of the door, what they can send, and what they cannot."""

import base64
import itertools
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pillarbox.edge.smtp_password import smtp_password
from pillarbox.edge.smtp_tls import make_certificate
from pillarbox.kit.clock import SystemClock
from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from pillarbox.store import messages
from pillarbox.store.messages import MessageRow
from tests.support.server import RunningServer, Server

SENDER = "news@somewhere.example"
FRIEND = "friend@house.example"
LOOPBACK = "127.0.0.1"
GUIDE = Path(__file__).parents[2] / "docs" / "smtp.md"
MESSAGE = b"From: News <news@somewhere.example>\r\nTo: friend@house.example\r\nSubject: x\r\n\r\nhello\r\n"


def any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def connected(server: Server, *, tls: bool = True) -> Iterator[smtplib.SMTP]:
    """A client that has said nothing yet but STARTTLS."""
    client = smtplib.SMTP(LOOPBACK, server.running.listening.smtp_port, timeout=20)
    with client:
        if tls:
            client.starttls(context=any_certificate())
        yield client


@contextmanager
def logged_in(server: Server, region: str = "us-east-1") -> Iterator[smtplib.SMTP]:
    with connected(server) as client:
        client.login(server.key_id, smtp_password(server.secret, region))
        yield client


def send(client: smtplib.SMTP, message: bytes = MESSAGE, sender: str = SENDER, to: tuple[str, ...] = (FRIEND,)) -> str:
    """Send a message command by command, and return the MessageId that the reply tells."""
    assert client.mail(sender) == (250, b"Ok")
    for recipient in to:
        assert client.rcpt(recipient) == (250, b"Ok")
    code, text = client.data(message)
    if code != 250:
        raise smtplib.SMTPDataError(code, text)
    word, message_id = text.decode().split(" ")
    assert word == "Ok"
    return message_id


def refused(client: smtplib.SMTP, message: bytes = MESSAGE, sender: str = SENDER) -> str:
    with pytest.raises(smtplib.SMTPDataError) as told:
        send(client, message, sender)
    return f"{told.value.smtp_code} {told.value.smtp_error.decode()}"


def row_of(server: Server, message_id: str) -> MessageRow:
    row = server.read(messages.get, message_id)
    assert row is not None
    return row


def stored(server: Server, message_id: str) -> bytes:
    return server.running.run(server.running.listening.store.body(row_of(server, message_id).body))


def history_of(server: Server, message_id: str) -> History:
    return Client(server.running.listening.settings.socket_path).ask(ShowHistory(message_id), History)


@pytest.fixture
def sender(production: Server) -> Server:
    """A server outside dev mode, as an account sees it that may send from somewhere.example."""
    production.vouch("somewhere.example")
    return production


class RawClient:
    """A client that says what it likes, byte for byte."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = connection.makefile("rb")

    @classmethod
    @contextmanager
    def connected(cls, server: Server) -> "Iterator[RawClient]":
        with socket.create_connection((LOOPBACK, server.running.listening.smtp_port), 20) as connection:
            client = cls(connection)
            with client.lines:
                yield client

    @classmethod
    @contextmanager
    def logged_in(cls, server: Server) -> "Iterator[RawClient]":
        """In dev mode no TLS is needed on this machine."""
        with cls.connected(server) as client:
            assert client.reply().startswith("220 ")
            assert client.says(b"EHLO me\r\n").endswith("250 Ok")
            plain = base64.b64encode(f"\0{server.key_id}\0any".encode())
            assert client.says(b"AUTH PLAIN " + plain + b"\r\n") == "235 Authentication successful."
            yield client

    def says(self, text: bytes) -> str:
        self.connection.sendall(text)
        return self.reply()

    def reply(self) -> str:
        """The next reply, of however many lines; empty when the server has closed."""
        told = ""
        for line in self.lines:
            told += line.decode()
            if line[3:4] != b"-":
                break
        assert told.count("\n") == told.count("\r\n")
        return told.replace("\r\n", "\n").rstrip("\n")

    def begin_data(self) -> None:
        assert self.says(f"MAIL FROM:<{SENDER}>\r\n".encode()) == "250 Ok"
        assert self.says(f"RCPT TO:<{FRIEND}>\r\n".encode()) == "250 Ok"
        assert self.says(b"DATA\r\n") == "354 End data with <CR><LF>.<CR><LF>"


# What is seen of the door.


def test_the_greeting_and_what_is_offered_are_those_of_ses(sender: Server) -> None:
    with RawClient.connected(sender) as client:
        greeting = client.reply()
        offered = client.says(b"EHLO me\r\n").split("\n")
    assert greeting.startswith("220 email-smtp.pillarbox.localhost ESMTP SimpleEmailService-d-")
    assert offered == [
        "250-email-smtp.pillarbox.localhost",
        "250-8BITMIME",
        "250-SIZE 41943040",
        "250-STARTTLS",
        "250-AUTH PLAIN LOGIN",
        "250 Ok",
    ]


def test_implicit_tls_offers_no_starttls_and_takes_mail(sender: Server) -> None:
    port = sender.running.listening.smtps_port
    with smtplib.SMTP_SSL(LOOPBACK, port, timeout=20, context=any_certificate()) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 503
        client.login(sender.key_id, smtp_password(sender.secret, "us-east-1"))
        assert row_of(sender, send(client)).sender == "News <news@somewhere.example>"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_is_1_2_or_later(sender: Server) -> None:
    old = any_certificate()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with smtplib.SMTP(LOOPBACK, sender.running.listening.smtp_port, timeout=20) as client:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            client.starttls(context=old)
        client.close()


def test_a_client_that_trusts_the_certificate_verifies_it(sender: Server) -> None:
    listening = sender.running.listening
    strict = ssl.create_default_context(cadata=ssl.get_server_certificate((LOOPBACK, listening.smtps_port)))
    strict.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    for host in ("localhost", LOOPBACK):
        with smtplib.SMTP(host, listening.smtp_port, timeout=20) as client:
            assert client.starttls(context=strict)[0] == 220


def test_an_operator_shows_a_certificate_of_their_own(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(make_certificate("mail.example", SystemClock().now()))
    with RunningServer.started(tmp_path / "data", dev=True, tls_certificate=str(own)) as running:
        shown = ssl.get_server_certificate((LOOPBACK, running.listening.smtps_port))
    assert shown in own.read_text()


# Who may send.


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_login_is_an_account_in_the_region_of_its_password(production: Server, mechanism: str, region: str) -> None:
    production.vouch("somewhere.example", region)
    with connected(production) as client:
        client.ehlo()
        client.user, client.password = production.key_id, smtp_password(production.secret, region)
        method = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}[mechanism]
        assert client.auth(mechanism, method) == (235, b"Authentication successful.")
        row = row_of(production, send(client))
    assert (row.account, row.region) == (production.account, region)


def test_login_asks_in_two_steps_when_nothing_is_sent_ahead(sender: Server) -> None:
    with connected(sender) as client:
        client.ehlo()
        assert client.docmd("AUTH LOGIN") == (334, b"VXNlcm5hbWU6")
        assert client.docmd(base64.b64encode(sender.key_id.encode()).decode()) == (334, b"UGFzc3dvcmQ6")
        password = smtp_password(sender.secret, "us-east-1").encode()
        assert client.docmd(base64.b64encode(password).decode())[0] == 235


def test_a_wrong_password_is_refused_and_the_third_time_the_connection_ends(sender: Server) -> None:
    with connected(sender) as client:
        for password in ("wrong", sender.secret, smtp_password(sender.secret, "moon-1")):
            client.ehlo()
            client.user, client.password = sender.key_id, password
            with pytest.raises(smtplib.SMTPAuthenticationError) as told:
                client.auth("PLAIN", client.auth_plain)
            assert (told.value.smtp_code, told.value.smtp_error) == (535, b"Authentication Credentials Invalid")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_nothing_is_relayed_without_a_login(sender: Server) -> None:
    with connected(sender) as client:
        client.ehlo()
        assert client.mail(SENDER) == (530, b"Authentication required")
        assert client.rcpt(FRIEND) == (530, b"Authentication required")
        assert client.docmd("DATA") == (530, b"Authentication required")


def test_a_password_is_taken_under_tls_only(sender: Server) -> None:
    with connected(sender, tls=False) as client:
        client.ehlo()
        assert client.docmd("AUTH PLAIN AAAA") == (530, b"Must issue a STARTTLS command first")
        assert client.mail(SENDER) == (530, b"Must issue a STARTTLS command first")


def test_what_was_said_before_starttls_does_not_count_after_it(sender: Server) -> None:
    with RawClient.connected(sender) as client:
        client.reply()
        client.says(b"EHLO me\r\n")
        # The commands behind STARTTLS are somebody's who can write into the clear stream.
        assert client.says(b"STARTTLS\r\nRSET\r\nEHLO injected\r\n") == "220 Ready to start TLS"
        with any_certificate().wrap_socket(client.connection) as secured:
            secured.sendall(b"MAIL FROM:<a@b.example>\r\n")
            assert secured.recv(1000) == b"503 Error: send HELO/EHLO first\r\n"


def test_in_dev_mode_any_password_will_do_without_tls_too(server: Server) -> None:
    server.client("ses").verify_domain_identity(Domain="somewhere.example")
    with RawClient.logged_in(server) as client:
        client.begin_data()
        assert client.says(MESSAGE + b".\r\n").startswith("250 Ok 0100")


# What is sent.


def test_the_reply_names_a_message_that_is_delivered(sender: Server) -> None:
    with logged_in(sender) as client:
        message_id = send(client, to=(FRIEND, "hidden@house.example"))
    sender.settle()

    history = history_of(sender, message_id)
    assert stored(sender, message_id) == MESSAGE
    assert [moment.kind for moment in history.moments] == ["Send", "Delivery"]
    assert history.moments[1].recipients == [FRIEND, "hidden@house.example"]


def test_a_recipient_that_no_header_names_is_a_blind_copy(sender: Server) -> None:
    with logged_in(sender) as client:
        message_id = send(client, to=("blind@house.example",))
    assert [row.address for row in sender.read(messages.recipients_of, message_id)] == ["blind@house.example"]
    assert b"blind@" not in stored(sender, message_id)


def test_control_headers_name_configuration_set_and_tags(sender: Server) -> None:
    sender.client("ses").create_configuration_set(ConfigurationSet={"Name": "monitored"})
    control = b"X-SES-CONFIGURATION-SET: monitored\r\nX-SES-MESSAGE-TAGS: campaign=spring\r\n"
    with logged_in(sender) as client:
        row = row_of(sender, send(client, control + MESSAGE))
    assert row.configuration_set == "monitored"
    for told in ('"campaign":["spring"]', '"ses:operation":["SendSmtpEmail"]', '"ses:caller-identity":["tester"]'):
        assert told in row.mail


def test_bytes_arrive_as_they_were_sent(sender: Server) -> None:
    lines = b".\r\n..two\r\nlatin \xe9\r\n" + "grüße\r\n".encode() + b"x" * 900 + b"\r\n.end\r\n"
    with logged_in(sender) as client:
        assert client.docmd("NOOP") == (250, b"Ok")
        message_id = send(client, MESSAGE + lines)
    assert stored(sender, message_id) == MESSAGE + lines


def test_one_connection_sends_many(sender: Server) -> None:
    with logged_in(sender) as client:
        sent = {send(client) for _ in range(20)}
        client.mail(SENDER)
        assert client.rset() == (250, b"Ok")
        sent.add(send(client, MESSAGE + b"x" * 70 + b"\r\n" * 200_000))
    assert len(sent) == 21


def test_a_client_may_send_commands_ahead(server: Server) -> None:
    server.client("ses").verify_domain_identity(Domain="somewhere.example")
    ahead = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{FRIEND}>\r\nRCPT TO:<nobody>\r\nDATA\r\n".encode()
    with RawClient.logged_in(server) as client:
        client.connection.sendall(ahead + MESSAGE + b".\r\nNOOP\r\nQUIT\r\n")
        client.connection.shutdown(socket.SHUT_WR)
        told = [client.reply() for _ in range(8)]
    message = told.pop(4)
    assert message.startswith("250 Ok 0100")
    assert told == [
        "250 Ok",
        "250 Ok",
        "553 <nobody> Invalid email address",
        "354 End data with <CR><LF>.<CR><LF>",
        "250 Ok",
        "221 Bye",
        "",
    ]


def test_the_example_of_the_guide_sends(sender: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    listening = sender.running.listening
    for shown, real in {
        '"AKIAIOSFODNN7EXAMPLE"': repr(sender.key_id),
        '"BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"': repr(smtp_password(sender.secret, "us-east-1")),
        "2587": str(listening.smtp_port),
    }.items():
        assert shown in example
        example = example.replace(shown, real)
    (tmp_path / "pillarbox.pem").write_text(ssl.get_server_certificate((LOOPBACK, listening.smtps_port)))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example, str(GUIDE), "exec"), names)
    assert row_of(sender, names["message_id"]).subject == "Hello"


# What is refused.


@pytest.mark.parametrize(
    ("mail_from", "header_from", "named"),
    [
        ("ann@other.example", SENDER, "ann@other.example"),
        (SENDER, "Ann <ann@other.example>", "Ann <ann@other.example>"),
    ],
)
def test_envelope_sender_and_from_must_be_verified(
    sender: Server, mail_from: str, header_from: str, named: str
) -> None:
    message = f"From: {header_from}\r\nSubject: x\r\n\r\ny\r\n".encode()
    with logged_in(sender) as client:
        assert refused(client, message, mail_from) == (
            "554 Message rejected: Email address is not verified. The following identities failed the check in "
            f"region US-EAST-1: {named}"
        )


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (b"Subject: x\r\nSubject: y\r\n" + MESSAGE, "554 Transaction failed: Duplicate header 'Subject'."),
        (b"Content-Type: text\r\n" + MESSAGE, "554 Transaction failed: Expected '/', got null"),
        (b"Subject: x\r\n\r\ny\r\n", "554 Transaction failed: Missing required header 'From'."),
        (b"X-SES-CONFIGURATION-SET: none\r\n" + MESSAGE, "554 Configuration set does not exist: none"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused_with_the_reason(sender: Server, message: bytes, reply: str) -> None:
    with logged_in(sender) as client:
        assert refused(client, message) == reply
        assert send(client)


def test_the_51st_recipient_is_refused(sender: Server) -> None:
    with logged_in(sender) as client:
        client.mail(SENDER)
        told = [client.rcpt(f"r{number}@house.example") for number in range(51)]
        assert told == [(250, b"Ok")] * 50 + [(452, b"Too many recipients")]
        code, text = client.data(MESSAGE)
    assert code == 250
    assert row_of(sender, text.decode().split()[1]).recipient_count == 50


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<>", (501, b"Invalid MAIL FROM address provided")),
        ("MAIL FROM:<nobody>", (501, b"Invalid MAIL FROM address provided")),
        ("MAIL TO:<a@b.example>", (501, b"Syntax error in parameters or arguments")),
        ("MAIL FROM:<a@b.example> SMTPUTF8", (555, b"Parameters not recognized or not implemented")),
        ("MAIL FROM:<a@b.example> SIZE=41943041", (552, b"Message is too long.")),
        ("RCPT TO:<a@b.example>", (503, b"Error: need MAIL command")),
        ("DATA", (503, b"Error: need MAIL command")),
        ("VRFY postmaster", (502, b"Command not implemented")),
        ("EXPN staff", (502, b"Command not implemented")),
        ("BDAT 3", (500, b"Error: command not recognized")),
        ("NOOP" + "x" * 20_000, (500, b"Command line too long")),
    ],
)
def test_a_command_that_is_out_of_place_is_told_so(sender: Server, command: str, reply: tuple[int, bytes]) -> None:
    with logged_in(sender) as client:
        assert client.docmd(command) == reply
        assert send(client)


def test_a_message_over_40_mb_is_refused_at_its_end(sender: Server) -> None:
    line = b"x" * 998 + b"\r\n"
    with logged_in(sender) as client:
        assert refused(client, MESSAGE + line * 42_000) == "552 Message is too long."
        assert send(client)


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n\n.\r\n", b"\r\n\x00.\r\n", b"\r\r\n.\n"]
)
def test_only_crlf_dot_crlf_ends_a_message(server: Server, end: bytes) -> None:
    server.client("ses").verify_domain_identity(Domain="somewhere.example")
    smuggled = b"MAIL FROM:<boss@somewhere.example>\r\nRCPT TO:<victim@house.example>\r\nDATA\r\n" + MESSAGE
    with RawClient.logged_in(server) as client:
        client.begin_data()
        told = client.says(MESSAGE + end + smuggled + b".\r\nNOOP\r\n")
        assert client.reply() == "250 Ok"
        client.connection.sendall(b"QUIT\r\n")
        assert client.reply() == "221 Bye"
    assert told.startswith("250 Ok ")
    message_id = told.split(" ")[2]
    assert stored(server, message_id).endswith(smuggled)
    newest = server.read(messages.newest, messages.Search(account=server.account), 10)
    assert [row.message_id for row in newest] == [message_id]


@pytest.mark.parametrize("command", [b"NOOP\n", b"NOOP\nNOOP\r\n", b"NOOP\rRSET\r\n", b"NO\x00OP\r\n"])
def test_a_command_that_does_not_end_with_crlf_ends_the_connection(server: Server, command: bytes) -> None:
    with RawClient.logged_in(server) as client:
        assert client.says(command) == "500 Error: command lines end with <CR><LF>"
        assert client.reply() == ""


# Limits.


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has little room for clients of SMTP."""
    limits: dict[str, Any] = {"smtp_connections": 2, "bodies_in_flight_bytes": 100_000}
    with RunningServer.started(tmp_path_factory.mktemp("narrow"), dev=True, **limits) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that waits for no client of SMTP, and has room for two."""
    limits: dict[str, Any] = {"smtp_connections": 2, "smtp_idle_seconds": 0.8}
    with RunningServer.started(tmp_path_factory.mktemp("impatient"), dev=True, **limits) as running:
        yield running


def test_one_connection_too_many_is_told_to_wait(narrow: RunningServer) -> None:
    server = narrow.for_new_account()
    with RawClient.connected(server) as first, RawClient.connected(server) as second:
        assert first.reply().startswith("220 ") and second.reply().startswith("220 ")
        with RawClient.connected(server) as third:
            assert third.reply() == "421 Too many concurrent SMTP connections"
            assert third.reply() == ""
        assert first.says(b"QUIT\r\n") == "221 Bye"
        assert first.reply() == ""
        with RawClient.connected(server) as fourth:
            assert fourth.reply().startswith("220 ")


@pytest.mark.parametrize("said", [b"", b"EHLO me\r\n", b"NOO"])
def test_a_silent_client_is_let_go(impatient: RunningServer, said: bytes) -> None:
    with RawClient.connected(impatient.for_new_account()) as client:
        client.connection.sendall(said)
        told = list(iter(client.reply, ""))
    assert told[-1] == "451 4.4.2 Timeout waiting for data from client."


def test_a_client_that_is_silent_in_the_handshake_is_let_go(impatient: RunningServer) -> None:
    for _ in range(3):  # more than may be connected at a time
        with RawClient.connected(impatient.for_new_account()) as client:
            assert client.reply().startswith("220 ")
            assert client.says(b"STARTTLS\r\n") == "220 Ready to start TLS"
            assert client.reply() == ""


def test_messages_in_flight_have_a_limit(narrow: RunningServer) -> None:
    server = narrow.for_new_account()
    server.client("ses").verify_domain_identity(Domain="somewhere.example")
    with RawClient.logged_in(server) as client:
        client.begin_data()
        assert client.says(MESSAGE + b"x\r\n" * 50_000 + b".\r\n") == "451 Temporary service failure"
        client.begin_data()
        assert client.says(MESSAGE + b".\r\n").startswith("250 Ok ")


def test_more_than_the_account_may_send_is_throttled(tmp_path: Path) -> None:
    with RunningServer.started(tmp_path, max_24_hour_send=2) as running:
        server = running.for_new_key()
        server.vouch("somewhere.example")
        with logged_in(server) as client:
            assert send(client) and send(client)
            assert refused(client) == "454 Throttling failure: Daily message quota exceeded."


def test_a_server_that_stops_tells_its_clients(tmp_path: Path) -> None:
    with RunningServer.started(tmp_path, dev=True) as running:
        with socket.create_connection((LOOPBACK, running.listening.smtp_port), 20) as connection:
            client = RawClient(connection)
            assert client.reply().startswith("220 ")
            running.stop()
            assert client.reply() == "421 Service closing transmission channel"
            client.lines.close()


def test_smtp_can_be_switched_off(tmp_path: Path) -> None:
    with RunningServer.started(tmp_path, dev=True, smtp_port=0, smtps_port=0) as running:
        assert (running.listening.smtp_port, running.listening.smtps_port) == (0, 0)
        assert running.for_new_account().client("ses").get_send_quota()


def test_numbers_of_greetings_differ(server: Server) -> None:
    greetings = set()
    for _ in range(3):
        with RawClient.connected(server) as client:
            greetings.add(client.reply())
    assert all(a != b for a, b in itertools.pairwise(sorted(greetings))) and len(greetings) == 3
