"""SMTP clients that say anything: every answer is a reply, nobody sends without a login, and the server lives."""

import base64
import os
import re
import socket

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.store import messages
from tests.support.server import Server

EXAMPLES = 3_000 if os.environ.get("PILLARBOX_CAMPAIGN") else 150
HELD = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# 451 would be the answer to a fault of ours.
REPLY = re.compile(rb"(?:220|221|235|250|334|354|45[24]|5[0-5][0-9])[ -][ -~]*\r\n")

WORDS = st.sampled_from(
    [
        b"EHLO",
        b"HELO",
        b"MAIL",
        b"RCPT",
        b"DATA",
        b"RSET",
        b"NOOP",
        b"AUTH",
        b"VRFY",
        b"EXPN",
        b"HELP",
        b"mail",
        b"BDAT",
    ]
)
ARGUMENTS = st.sampled_from(
    [
        b"",
        b"me",
        b"FROM:<a@b.example>",
        b"FROM:<>",
        b"FROM:<a@b.example> SIZE=99999999999999999999",
        b"FROM:<a@b.example> BODY=8BITMIME AUTH=<>",
        b"TO:<a@b.example>",
        b'TO:<"a>b"@b.example>',
        b"TO:<\xc3\xa4@b.example>",
        b"PLAIN",
        b"PLAIN AGEAYg==",
        b"PLAIN =",
        b"LOGIN",
        b"LOGIN YQ==",
        b"YQ==",
        b"*",
        b".",
    ]
) | st.binary(max_size=60)
LINES = st.builds(lambda word, argument, end: word + b" " + argument + end, WORDS, ARGUMENTS, st.just(b"\r\n"))
TALK = st.lists(LINES | ARGUMENTS.map(lambda text: text + b"\r\n") | st.binary(max_size=40), max_size=30)


def answers(server: Server, said: bytes) -> bytes:
    """Say everything at once, and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.running.listening.smtp_port), 20) as connection:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as told:
            return told.read()


@HELD
@given(TALK)
def test_whatever_a_client_says_the_answers_are_replies(server: Server, talk: list[bytes]) -> None:
    login = b"EHLO me\r\nAUTH PLAIN " + base64.b64encode(f"\0{server.account}\0x".encode()) + b"\r\n"
    for said in (b"".join(talk), login + b"".join(talk)):
        told = answers(server, said)
        assert told.startswith(b"220 ")
        assert REPLY.sub(b"", told) == b"", told
    assert answers(server, b"QUIT\r\n").endswith(b"221 Bye\r\n")


@HELD
@given(TALK)
def test_whatever_a_stranger_says_nothing_is_sent(production: Server, talk: list[bytes]) -> None:
    before = production.read(messages.newest, messages.Search(), 1)
    told = answers(production, b"EHLO me\r\n" + b"".join(talk))
    assert b"\r\n354 " not in told and b"\r\n235 " not in told
    assert production.read(messages.newest, messages.Search(), 1) == before
