"""Repeated failures are held off at both doors, revoked logins end, and unknown regions are told."""

import base64
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pillarbox.edge.smtp_password import smtp_password
from pillarbox.operate.client import Client
from pillarbox.operate.requests import RevokeKey
from tests.support.refused import refusal_of, refused
from tests.support.server import Server

RAW = b"From: jo@one.example\r\nTo: a@example.net\r\nSubject: Hi\r\n\r\nHello\r\n"


@contextmanager
def connected(server: Server) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.running.listening.smtp_port, timeout=20) as client:
        client.starttls(context=context)
        yield client


def guesser(server: Server) -> Server:
    return Server(server.running, server.account, server.key_id, "a guess")


def test_guesses_at_a_secret_are_held_off_in_the_callers_protocol(production: Server) -> None:
    for _ in range(5):
        with refused("SignatureDoesNotMatch", status=403):
            guesser(production).client("ses").list_identities()
    assert refusal_of(guesser(production).client("ses").list_identities)[0] == "Throttling"
    code, text, status = refusal_of(guesser(production).client("sesv2").get_account)
    assert (code, status) == ("TooManyRequestsException", 429)
    assert "failed too often" in text


def test_a_key_that_works_is_not_held_off_by_guesses(production: Server) -> None:
    production.client("ses").list_identities()
    for _ in range(8):
        with refused("SignatureDoesNotMatch", status=403):
            guesser(production).client("ses").list_identities()
    production.client("ses").list_identities()


def test_guesses_at_a_password_are_held_off(production: Server) -> None:
    guess = base64.b64encode(f"\0{production.key_id}\0a guess".encode()).decode()
    codes = []
    for _ in range(3):
        with connected(production) as client:
            client.ehlo()
            codes += [client.docmd("AUTH", f"PLAIN {guess}")[0] for _ in range(2)]
    assert codes == [535, 535, 535, 535, 535, 454]


def test_who_is_logged_in_by_smtp_with_a_key_that_is_revoked_sends_no_more(production: Server) -> None:
    production.vouch("one.example")
    with connected(production) as client:
        client.login(production.key_id, smtp_password(production.secret, "us-east-1"))
        client.sendmail("jo@one.example", ["a@example.net"], RAW)
        Client(production.running.listening.settings.socket_path).ask(RevokeKey(production.key_id), type(None))
        with pytest.raises(smtplib.SMTPSenderRefused) as told:
            client.sendmail("jo@one.example", ["a@example.net"], RAW)
    assert told.value.smtp_code == 530


def test_a_region_that_is_none_of_the_servers_is_told(production: Server) -> None:
    code, text, status = refusal_of(production.client("ses", region="mars-north-1").list_identities)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert text.startswith("Credential should be scoped to a valid region. mars-north-1 is none of this server's: af-")


def test_a_sender_who_is_verified_in_another_region_is_told_where(production: Server) -> None:
    production.vouch("one.example", region="eu-west-1")
    with refused(
        "MessageRejected",
        "Email address is not verified. The following identities failed the check in region US-EAST-1:"
        " jo@one.example. one.example is verified in region EU-WEST-1",
    ):
        production.client("ses").send_raw_email(RawMessage={"Data": RAW})
