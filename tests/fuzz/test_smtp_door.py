"""SMTP clients that say anything: every answer is a reply, nobody sends without a login, and the server lives.

However their bytes are cut on the way, they are told the same.
"""

import asyncio
import base64
import itertools
import re
import socket

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.store import messages
from tests.support.examples import examples
from tests.support.server import Server
from tests.support.smtp_client import Client, FakeSender, door_to

EXAMPLES = examples(100)
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


MAILS = st.builds(
    lambda text, end: b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + text + end,
    st.lists(st.sampled_from([b"\r\n", b".", b"\n", b"\r", b"x: y", b"NOOP"])).map(b"".join),
    st.just(b"\r\n.\r\n"),
)
LOGINS = st.sampled_from([b"AUTH PLAIN AGEAYg==\r\n", b"AUTH LOGIN\r\nYQ==\r\nYg==\r\n"])
LONG = st.sampled_from([b"x" * 13_000 + b"\r\n", b"\r" + b"x" * 13_000 + b"\r\n", b"x" * 13_000 + b"\n"])


async def told(chunks: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Return what a client is told, and which messages are sent."""
    sender = FakeSender()
    client = Client(door_to(sender))
    for chunk in chunks:
        await client.may_speak.wait()
        if client.is_closed:
            break
        client.channel.data_received(chunk)
        if len(chunk) % 2:  # now and then the next one comes while the door still works on an answer
            await asyncio.sleep(0)
    await client.ends()
    return client.told, [draft.content.data for draft in sender.kept]


@settings(HELD, max_examples=EXAMPLES)
@given(
    st.lists(LINES | MAILS | LOGINS | LONG | st.binary(max_size=9), max_size=12), st.lists(st.integers(0), max_size=25)
)
def test_how_the_bytes_are_cut_makes_no_difference(talk: list[bytes], at: list[int]) -> None:
    said = b"EHLO me\r\nAUTH PLAIN AGEAYg==\r\n" + b"".join(talk)
    marks = [0, *sorted({mark % (len(said) + 1) for mark in at}), len(said)]
    chunks = [said[a:b] for a, b in itertools.pairwise(marks) if a < b]
    assert asyncio.run(told(chunks)) == asyncio.run(told([said]))
