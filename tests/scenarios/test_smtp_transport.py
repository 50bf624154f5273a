"""Mail handed to a smarthost that does what smarthosts do: refuse, stall, hang up, ask for passwords, and take mail."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.kit.ids import Scope
from tests.support.https_front import make_certificate
from tests.support.sink import CLOSE, HOLD, STALL, Sink
from tests.support.smarthost import OUR_NAME, handing_to

A, B, C = "a@example.net", "b@example.net", "c@example.net"
MAIL = b"Subject: x\r\n\r\nHello.\r\n"
TAKEN = Delivered("250 2.0.0 taken", "127.0.0.1")
# Short, so that a test need not wait for what never comes.
IMPATIENT: dict[str, Any] = {"command_seconds": 0.2, "data_seconds": 0.2, "block_seconds": 0.2, "done_seconds": 0.2}


@pytest.fixture(params=["one by one", "all at once"])
def sink(request: pytest.FixtureRequest) -> Iterator[Sink]:
    """A sink to which commands are said one by one or, since it offers PIPELINING, all at once."""
    offered = ("PIPELINING",) if request.param == "all at once" else ()
    with Sink.listening(extensions=("8BITMIME", "SIZE 1000000", *offered)) as listening:
        yield listening


def attempt(*recipients: str, data: bytes = MAIL, tls_required: bool = False) -> Attempt:
    scope, sender = Scope("123456789012", "us-east-1"), "m1@mail.example.org"
    return Attempt("m1", 0, 1, scope, sender, recipients or (A,), data, 1_790_000_000_000, tls_required=tls_required)


async def outcome_at(sink: Sink, data: bytes = MAIL, **settings: Any) -> Outcome:
    """Hand over one message to one recipient."""
    async with handing_to(sink.port, **settings) as transport:
        return (await transport.deliver(attempt(A, data=data)))[A]


async def eventually(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not claim():
            await asyncio.sleep(0.01)


async def test_all_recipients_share_one_transaction(sink: Sink) -> None:
    async with handing_to(sink.port) as transport:
        outcomes = await transport.deliver(attempt(A, B))

    assert outcomes == {A: TAKEN, B: TAKEN}
    (received,) = sink.received
    assert received.helo == OUR_NAME
    assert received.mail == f"MAIL FROM:<m1@mail.example.org> SIZE={len(MAIL)}"
    assert received.recipients == [A, B]
    assert received.data == MAIL
    assert sink.commands[-1] == "QUIT"


async def test_what_is_sent_ends_its_lines_with_crlf_and_doubles_its_dots(sink: Sink) -> None:
    given = b"Subject: x\n\n.one\r\n..two\r.\n.\r\nthree"

    assert await outcome_at(sink, given) == TAKEN

    (received,) = sink.received
    assert received.wire == b"Subject: x\r\n\r\n..one\r\n...two\r\n..\r\n..\r\nthree\r\n"
    assert received.data == b"Subject: x\r\n\r\n.one\r\n..two\r\n.\r\n.\r\nthree\r\n"


async def test_nobody_there_is_no_verdict() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with handing_to(port) as transport:
            outcomes = await transport.deliver(attempt(A, B))

    assert outcomes[A] == outcomes[B] == Deferred(f"cannot connect to port {port} of 127.0.0.1: Connection refused")


async def test_a_name_that_does_not_exist_is_no_verdict() -> None:
    async with handing_to(25, host="smarthost.invalid") as transport:
        outcome = (await transport.deliver(attempt(A)))[A]

    assert isinstance(outcome, Deferred) and outcome.why.startswith("cannot resolve smarthost.invalid: ")


@pytest.mark.parametrize("reply", ["421 4.3.2 come back later", "554 5.7.1 not from you", "451 what"])
@pytest.mark.parametrize("step", ["CONNECT", "EHLO"])
async def test_a_refusal_before_mail_is_no_verdict_on_the_message(sink: Sink, step: str, reply: str) -> None:
    sink.script.always(step, reply)
    sink.script.always("HELO", reply)

    outcome = await outcome_at(sink)

    assert isinstance(outcome, Deferred)
    assert (outcome.reply, outcome.remote_ip, outcome.ours) == (reply, "127.0.0.1", False)


async def test_a_server_without_ehlo_is_greeted_with_helo(sink: Sink) -> None:
    sink.script.always("EHLO", "502 5.5.1 not implemented")

    assert await outcome_at(sink) == TAKEN
    assert sink.commands[:3] == [f"EHLO {OUR_NAME}", f"HELO {OUR_NAME}", "MAIL FROM:<m1@mail.example.org>"]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", f"RCPT {A}", "DATA", "DOT"])
async def test_4xx_is_for_later_and_5xx_for_ever(sink: Sink, step: str) -> None:
    sink.script.once(step, "451 4.7.1 greylisted", "550 5.7.1 never")

    async with handing_to(sink.port) as transport:
        later, never, then = [(await transport.deliver(attempt(A)))[A] for _ in range(3)]

    assert isinstance(later, Deferred)
    assert (later.reply, later.remote_ip) == ("451 4.7.1 greylisted", "127.0.0.1")
    assert never == Refused("550 5.7.1 never", remote_ip="127.0.0.1")
    assert then == TAKEN
    assert sink.connections == 1  # a refusal is no reason to connect again


async def test_a_smarthost_that_asks_for_a_password_bounces_nothing(sink: Sink) -> None:
    sink.script.always("MAIL", "530 5.7.0 Authentication required")

    outcome = await outcome_at(sink)

    assert isinstance(outcome, Deferred) and outcome.ours
    assert outcome.reply == "530 5.7.0 Authentication required"


async def test_each_recipient_has_the_reply_that_it_got(sink: Sink) -> None:
    sink.script.always(f"RCPT {A}", "550 5.1.1 no such user")
    sink.script.always(f"RCPT {B}", "452 4.2.2 mailbox full")

    async with handing_to(sink.port) as transport:
        outcomes = await transport.deliver(attempt(A, B, C))

    assert outcomes[A] == Refused("550 5.1.1 no such user", remote_ip="127.0.0.1")
    assert outcomes[B] == Deferred("the smarthost said later", "452 4.2.2 mailbox full", "127.0.0.1")
    assert outcomes[C] == TAKEN
    assert sink.received[0].recipients == [C]


async def test_a_message_that_nobody_takes_is_not_sent(sink: Sink) -> None:
    sink.script.once("RCPT", "550 5.1.1 no such user", "550 5.1.1 nor this one")

    async with handing_to(sink.port) as transport:
        outcomes = await transport.deliver(attempt(A, B))
        assert (await transport.deliver(attempt(C)))[C] == TAKEN

    assert [type(outcome) for outcome in outcomes.values()] == [Refused, Refused]
    after = sink.commands[sink.commands.index("RSET") + 1]
    assert after == f"MAIL FROM:<m1@mail.example.org> SIZE={len(MAIL)}"
    assert [received.recipients for received in sink.received] == [[C]]
    assert sink.connections == 1


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("fault", [CLOSE, STALL])
async def test_whoever_hangs_up_or_falls_silent_is_tried_again(sink: Sink, step: str, fault: str) -> None:
    sink.script.once(step, fault)

    async with handing_to(sink.port, **IMPATIENT) as transport:
        first = (await transport.deliver(attempt(A)))[A]
        again = (await transport.deliver(attempt(A)))[A]

    assert isinstance(first, Deferred)
    assert first.reply is None and first.remote_ip == "127.0.0.1" and not first.ours
    assert ("timed out" if fault == STALL else "the connection was lost") in first.why
    assert ("may have been taken" in first.why) == (step == "DOT")
    assert again == TAKEN


async def test_421_in_the_middle_ends_the_conversation_with_its_words(sink: Sink) -> None:
    sink.script.once(f"RCPT {A}", "550 5.1.1 no such user")
    sink.script.once(f"RCPT {B}", "421 4.7.0 too many errors")

    async with handing_to(sink.port) as transport:
        outcomes = await transport.deliver(attempt(A, B, C))

    assert outcomes[A] == Refused("550 5.1.1 no such user", remote_ip="127.0.0.1")
    for address in (B, C):
        outcome = outcomes[address]
        assert isinstance(outcome, Deferred) and outcome.reply == "421 4.7.0 too many errors"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 one\n550 5.1.1 two\n550 5.1.1 three", "550 5.1.1 one 5.1.1 two 5.1.1 three"),
        ("550 only here\n550 ", "550 only here"),
        ("550", "550"),
        ("550 caf\udce9 \x00\x07 tab\there", "550 caf� �� tab�here"),
        ("550 " + "long " * 400 + "end", "550 " + "long " * 400 + "end"),
    ],
)
async def test_odd_replies_are_kept_word_for_word(sink: Sink, said: str, kept: str) -> None:
    sink.script.always("RCPT", said)

    assert await outcome_at(sink) == Refused(kept, remote_ip="127.0.0.1")


@pytest.mark.parametrize("said", ["hello?", "99 bottles", "250-ok\r\nHTTP/1.1 200 OK"])
async def test_what_is_no_reply_at_all_ends_the_conversation(sink: Sink, said: str) -> None:
    sink.script.once("MAIL", said)

    async with handing_to(sink.port) as transport:
        first = (await transport.deliver(attempt(A)))[A]
        assert (await transport.deliver(attempt(A)))[A] == TAKEN

    assert isinstance(first, Deferred) and first.reply is None and "does not speak SMTP" in first.why


async def test_a_code_without_meaning_is_for_later(sink: Sink) -> None:
    sink.script.once("DATA", "250 what data?")

    outcome = await outcome_at(sink)

    assert isinstance(outcome, Deferred) and outcome.reply == "250 what data?"


class TestPipelining:
    @pytest.fixture
    def eager(self) -> Iterator[Sink]:
        with Sink.listening(extensions=("8BITMIME", "PIPELINING")) as listening:
            yield listening

    async def test_a_server_that_asks_for_a_message_to_nobody_is_sent_an_empty_one(self, eager: Sink) -> None:
        eager.is_careless = True
        eager.script.once("RCPT", "550 5.1.1 no such user")

        async with handing_to(eager.port) as transport:
            refused = (await transport.deliver(attempt(A)))[A]
            assert (await transport.deliver(attempt(B)))[B] == TAKEN

        assert refused == Refused("550 5.1.1 no such user", remote_ip="127.0.0.1")
        assert [(one.recipients, one.data) for one in eager.received] == [([], b""), ([B], MAIL)]
        assert eager.connections == 1

    async def test_a_server_that_takes_recipients_of_a_refused_sender_is_sent_nothing(self, eager: Sink) -> None:
        eager.is_careless = True
        eager.script.once("MAIL", "550 5.7.1 not from you")

        async with handing_to(eager.port) as transport:
            assert (await transport.deliver(attempt(A)))[A] == Refused("550 5.7.1 not from you", remote_ip="127.0.0.1")
            assert (await transport.deliver(attempt(B)))[B] == TAKEN

        assert [(one.recipients, one.data) for one in eager.received] == [([B], MAIL)]

    async def test_answers_that_came_before_the_end_count(self, eager: Sink) -> None:
        eager.script.always(f"RCPT {A}", "550 5.1.1 no such user")
        eager.script.once("DATA", CLOSE)

        async with handing_to(eager.port) as transport:
            outcomes = await transport.deliver(attempt(A, B))

        assert outcomes[A] == Refused("550 5.1.1 no such user", remote_ip="127.0.0.1")
        assert outcomes[B] == Deferred("DATA: the connection was lost", remote_ip="127.0.0.1")

    async def test_those_who_are_too_many_go_next(self, eager: Sink) -> None:
        eager.most_recipients = 2

        async with handing_to(eager.port) as transport:
            outcomes = await transport.deliver(attempt(A, B, C))

        assert outcomes == {A: TAKEN, B: TAKEN, C: TAKEN}
        assert [received.recipients for received in eager.received] == [[A, B], [C]]

    async def test_an_answer_too_many_ends_the_conversation(self, eager: Sink) -> None:
        eager.script.behind("DOT", "421 4.4.2 and goodbye")

        async with handing_to(eager.port) as transport:
            assert (await transport.deliver(attempt(A)))[A] == TAKEN
            assert (await transport.deliver(attempt(B)))[B] == TAKEN

        assert eager.connections == 2


class TestBeginningWithTheEndOfTheOneBefore:
    """Who waits for the only connection says his first commands on it with the end of the message before his."""

    @pytest.fixture
    def eager(self) -> Iterator[Sink]:
        with Sink.listening(extensions=("PIPELINING",)) as listening:
            yield listening

    async def test_it_is_told_in_the_conversation(self, eager: Sink) -> None:
        made = [attempt(A), attempt(B), attempt(C)]
        async with handing_to(eager.port, max_connections=1) as transport:
            outcomes = await asyncio.gather(*map(transport.deliver, made))

        assert outcomes == [{A: TAKEN}, {B: TAKEN}, {C: TAKEN}]
        assert [one.recipients for one in eager.received] == [[A], [B], [C]]
        assert eager.connections == 1
        for number, one in enumerate(made[1:], 2):
            (held,) = one.conversations.held
            first, *rest = [line.split(" ", 1)[1] for line in held.lines.splitlines()]
            assert first == f"* message {number} of this connection, begun with the end of the one before"
            assert rest[0].startswith("> MAIL FROM:") and rest[-1] == "< 250 2.0.0 taken"

    @pytest.mark.parametrize("said", [CLOSE, "421 4.3.2 going down"])
    async def test_a_connection_that_dies_with_the_one_before_costs_nothing(self, eager: Sink, said: str) -> None:
        eager.script.once("DOT", said)
        async with handing_to(eager.port, max_connections=1) as transport:
            first, second = await asyncio.gather(transport.deliver(attempt(A)), transport.deliver(attempt(B)))

        assert isinstance(first[A], Deferred)
        assert second == {B: TAKEN}
        assert eager.received[-1].recipients == [B]

    async def test_what_becomes_of_the_one_before_is_his_alone(self, eager: Sink) -> None:
        eager.script.once("DOT", "554 5.7.1 spam")
        eager.script.once(f"RCPT {B}", "550 5.1.1 no such user")
        async with handing_to(eager.port, max_connections=1) as transport:
            outcomes = await asyncio.gather(*(transport.deliver(attempt(one)) for one in (A, B, C)))

        assert outcomes == [
            {A: Refused("554 5.7.1 spam", remote_ip="127.0.0.1")},
            {B: Refused("550 5.1.1 no such user", remote_ip="127.0.0.1")},
            {C: TAKEN},
        ]

    async def test_whoever_goes_away_meanwhile_sends_nothing(self, eager: Sink) -> None:
        eager.script.once("DOT", HOLD)
        async with handing_to(eager.port, max_connections=1) as transport:
            first, second = (asyncio.create_task(transport.deliver(attempt(one))) for one in (A, B))
            await eventually(lambda: not eager.script.answers["DOT"])
            second.cancel()
            third = asyncio.create_task(transport.deliver(attempt(C)))
            eager.released.set()

            assert await first == {A: TAKEN} and await third == {C: TAKEN}
        assert [one.recipients for one in eager.received] == [[A], [C]]

    async def test_what_cannot_be_offered_holds_nobody_up(self, eager: Sink) -> None:
        made = [attempt(A), attempt(B, data="Grüße\r\n".encode()), attempt("ü@example.net"), attempt(C)]
        async with handing_to(eager.port, max_connections=1) as transport:
            outcomes = await asyncio.gather(*map(transport.deliver, made))

        refused = [one for outcome in outcomes[1:3] for one in outcome.values()]
        assert outcomes[0] == {A: TAKEN} and outcomes[3] == {C: TAKEN}
        assert all(isinstance(one, Refused) for one in refused)
        assert [one.recipients for one in eager.received] == [[A], [C]]

    async def test_a_connection_carries_no_more_than_its_messages(self, eager: Sink) -> None:
        async with handing_to(eager.port, messages_per_connection=3, max_connections=1) as transport:
            outcomes = await asyncio.gather(*(transport.deliver(attempt(A)) for _ in range(7)))

        assert outcomes == [{A: TAKEN}] * 7
        assert eager.connections == 3


class TestConversations:
    async def test_what_was_said_is_kept_with_its_times_but_not_the_message(self, sink: Sink) -> None:
        sink.script.once(f"RCPT {A}", "550 5.1.1 no such user")
        made = attempt(A, B)
        async with handing_to(sink.port) as transport:
            await transport.deliver(made)

        (held,) = made.conversations.held
        assert held.peer == "127.0.0.1" and held.recipients == (A, B)
        words = [line.split(" ", 1)[1] for line in held.lines.splitlines()]
        assert all(line.split(" ", 1)[0].isdecimal() for line in held.lines.splitlines())
        for said in (f"> EHLO {OUR_NAME}", f"> RCPT TO:<{A}>", "< 550 5.1.1 no such user", "< 354 go ahead"):
            assert said in words
        assert words[-2:] == [f"> ({len(MAIL) + 3} bytes of message)", "< 250 2.0.0 taken"]
        assert "Hello." not in held.lines

    async def test_a_kept_connection_begins_a_new_one(self, sink: Sink) -> None:
        async with handing_to(sink.port) as transport:
            await transport.deliver(attempt(A))
            second = attempt(B)
            await transport.deliver(second)

        (held,) = second.conversations.held
        first_line = held.lines.splitlines()[0]
        assert first_line.endswith("* message 2 of this connection")
        assert A not in held.lines

    async def test_a_login_is_told_without_its_password(self) -> None:
        with Sink.listening(password=("pillarbox", "pässword")) as sink:
            made = attempt(A)
            async with handing_to(
                sink.port, user="pillarbox", password="wrong", password_without_tls=True
            ) as transport:
                await transport.deliver(made)

        (held,) = made.conversations.held
        assert "> AUTH PLAIN (not shown)" in held.lines and "< 535 5.7.8 no such user and password" in held.lines
        assert base64.b64encode(b"\0pillarbox\0wrong").decode() not in held.lines

    async def test_that_nobody_was_there_is_told_too(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            made = attempt(A)
            async with handing_to(closed.getsockname()[1]) as transport:
                await transport.deliver(made)

        (held,) = made.conversations.held
        assert "Connection refused" in held.lines


class TestConnections:
    async def test_a_connection_is_used_again_until_it_has_carried_its_messages(self, sink: Sink) -> None:
        async with handing_to(sink.port, messages_per_connection=3, max_connections=1) as transport:
            for _ in range(7):
                assert (await transport.deliver(attempt(A)))[A] == TAKEN

        assert sink.connections == 3
        assert sink.commands.count("QUIT") == 3

    async def test_one_that_waits_too_long_is_ended(self, sink: Sink) -> None:
        async with handing_to(sink.port, idle_seconds=0.05) as transport:
            await transport.deliver(attempt(A))
            await eventually(lambda: "QUIT" in sink.commands)
            assert (await transport.deliver(attempt(A)))[A] == TAKEN

        assert sink.connections == 2

    async def test_there_are_never_more_than_allowed(self, sink: Sink) -> None:
        async with handing_to(sink.port, max_connections=3) as transport:
            outcomes = await asyncio.gather(*(transport.deliver(attempt(A)) for _ in range(30)))

        assert all(outcome == {A: TAKEN} for outcome in outcomes)
        assert sink.most_at_once == sink.connections == 3

    @pytest.mark.parametrize("farewell", [CLOSE, "421 4.4.2 idle for too long"])
    async def test_one_that_died_while_it_waited_costs_nothing(self, sink: Sink, farewell: str) -> None:
        async with handing_to(sink.port) as transport:
            await asyncio.gather(*(transport.deliver(attempt(A)) for _ in range(4)))
            sink.script.once("MAIL", farewell)
            idle = sink.connections
            assert (await transport.deliver(attempt(A)))[A] == TAKEN

        assert len(sink.received) == 5
        assert sink.connections == idle + 1  # the others that waited are not tried one after the other

    async def test_whoever_is_given_up_leaves_room_for_others(self, sink: Sink) -> None:
        sink.script.once("DATA", STALL)
        async with handing_to(sink.port, max_connections=1) as transport:
            given_up = asyncio.create_task(transport.deliver(attempt(A)))
            await eventually(lambda: "DATA" in sink.commands)
            given_up.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await given_up
            assert (await transport.deliver(attempt(A)))[A] == TAKEN


class TestWhatTheNextHopTakes:
    async def test_8_bit_content_is_announced(self, sink: Sink) -> None:
        data = "Subject: x\r\n\r\nGrüße\r\n".encode()

        assert await outcome_at(sink, data) == TAKEN
        assert sink.received[0].mail.endswith(" BODY=8BITMIME")
        assert sink.received[0].data == data

    async def test_8_bit_content_is_not_offered_to_whoever_does_not_take_it(self) -> None:
        with Sink.listening(extensions=()) as sink:
            outcome = await outcome_at(sink, "Subject: x\r\n\r\nGrüße\r\n".encode())

            assert isinstance(outcome, Refused)
            assert outcome.reply == "554 5.6.3 the message has 8-bit content and the next hop does not offer 8BITMIME"
            assert not any(command.startswith("MAIL") for command in sink.commands)

    async def test_a_message_above_the_limit_is_not_offered(self) -> None:
        with Sink.listening(extensions=("SIZE 30",)) as sink:
            assert await outcome_at(sink, b"Subject: x\n\n" + b"." * 14 + b"\n") == TAKEN  # 30 bytes with its CRs
            outcome = await outcome_at(sink, b"Subject: x\r\n\r\n" + b"." * 15 + b"\r\n")

        assert outcome == Refused("552 5.3.4 the message has 31 bytes and the next hop takes 30", remote_ip="127.0.0.1")

    @pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE lots"])
    async def test_a_limit_that_is_not_told_is_none(self, size: str) -> None:
        with Sink.listening(extensions=(size,)) as sink:
            assert await outcome_at(sink) == TAKEN

    async def test_a_long_message_arrives_whole(self) -> None:
        data = b"Subject: x\r\n\r\n" + b".0123456789\r\n" * 800_000
        with Sink.listening(extensions=()) as sink:
            assert await outcome_at(sink, data) == TAKEN
            assert sink.received[0].data == data

    async def test_a_long_message_that_nobody_reads_is_given_up(self) -> None:
        with Sink.listening(extensions=()) as sink:
            sink.script.once("BODY", STALL)
            outcome = await outcome_at(sink, b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 2_000_000, **IMPATIENT)

        assert isinstance(outcome, Deferred) and outcome.why == "sending the message timed out"

    async def test_a_refusal_before_the_end_of_a_long_message_counts(self) -> None:
        long = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 2_000_000
        with Sink.listening(extensions=()) as sink:
            sink.script.once("BODY", "552 5.3.4 too long")
            async with asyncio.timeout(10), handing_to(sink.port) as transport:
                outcome = (await transport.deliver(attempt(A, data=long)))[A]
                assert (await transport.deliver(attempt(A)))[A] == TAKEN

        assert outcome == Refused("552 5.3.4 too long", remote_ip="127.0.0.1")


class Certified(NamedTuple):
    sink: Sink
    ca_file: str


class TestSecrecy:
    @pytest.fixture
    def certified(self, tmp_path: Path) -> Iterator[Certified]:
        """A sink with STARTTLS and a certificate for `localhost`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(make_certificate("localhost", tmp_path / "ca.pem", tmp_path / "server.pem"))
        with Sink.listening(tls=context, password=("pillarbox", "pässword")) as sink:
            yield Certified(sink, str(tmp_path / "ca.pem"))

    async def test_starttls_comes_before_anything_else(self, certified: Certified) -> None:
        outcome = await outcome_at(certified.sink, host="localhost", tls="starttls-required", ca_file=certified.ca_file)

        assert outcome == TAKEN
        assert certified.sink.received[0].tls
        assert certified.sink.commands[:3] == [f"EHLO {OUR_NAME}", "STARTTLS", f"EHLO {OUR_NAME}"]

    async def test_tls_from_the_first_byte(self, certified: Certified) -> None:
        certified.sink.implicit_tls = True

        assert await outcome_at(certified.sink, host="localhost", tls="tls", ca_file=certified.ca_file) == TAKEN
        assert certified.sink.received[0].tls

    @pytest.mark.parametrize("tls", ["starttls", "starttls-required", "tls"])
    @pytest.mark.parametrize("fault", ["unknown authority", "another name"])
    async def test_mail_waits_when_the_certificate_is_not_valid(
        self, certified: Certified, tls: str, fault: str
    ) -> None:
        certified.sink.implicit_tls = tls == "tls"
        if fault == "another name":
            outcome = await outcome_at(certified.sink, host="127.0.0.1", tls=tls, ca_file=certified.ca_file)
        else:
            outcome = await outcome_at(certified.sink, host="localhost", tls=tls)

        assert isinstance(outcome, Deferred) and "certificate is not valid" in outcome.why
        assert not certified.sink.received

    async def test_a_certificate_need_not_be_valid_if_the_operator_says_so(self, certified: Certified) -> None:
        assert await outcome_at(certified.sink, tls="starttls-required", verify=False) == TAKEN
        assert certified.sink.received[0].tls

    async def test_mail_waits_when_required_tls_is_not_offered(self, sink: Sink) -> None:
        outcome = await outcome_at(sink, tls="starttls-required")

        assert outcome == Deferred("the smarthost does not offer STARTTLS, which is required", remote_ip="127.0.0.1")

    async def test_tls_that_is_refused_after_it_was_offered_is_not_done_without(self, certified: Certified) -> None:
        certified.sink.script.once("STARTTLS", "454 4.7.0 not now")

        outcome = await outcome_at(certified.sink, host="localhost", tls="starttls", ca_file=certified.ca_file)

        assert isinstance(outcome, Deferred) and outcome.reply == "454 4.7.0 not now"
        assert not certified.sink.received

    async def test_where_tls_is_not_offered_it_may_be_done_without(self, sink: Sink) -> None:
        assert await outcome_at(sink, tls="starttls") == TAKEN
        assert not sink.received[0].tls

    async def test_mail_that_needs_tls_is_encrypted_whatever_the_setting_says_or_waits(
        self, certified: Certified, sink: Sink
    ) -> None:
        secret = attempt(A, tls_required=True)
        async with handing_to(
            certified.sink.port, host="localhost", tls="none", ca_file=certified.ca_file
        ) as transport:
            assert (await transport.deliver(attempt(A)))[A] == TAKEN
            assert (await transport.deliver(secret))[A] == TAKEN
        assert [one.tls for one in certified.sink.received] == [False, True]
        async with handing_to(sink.port, tls="none") as transport:
            outcome = (await transport.deliver(secret))[A]
        assert isinstance(outcome, Deferred)
        assert sink.received == []

    async def test_what_is_added_to_the_answer_to_starttls_is_an_attack(self, certified: Certified) -> None:
        certified.sink.script.behind("STARTTLS", "250 2.0.0 from somebody on the way")

        outcome = await outcome_at(certified.sink, host="localhost", tls="starttls", ca_file=certified.ca_file)

        assert isinstance(outcome, Deferred)
        assert not certified.sink.received
        assert not any(command.startswith("MAIL") for command in certified.sink.commands)

    @pytest.mark.parametrize("offer", ["AUTH PLAIN LOGIN", "AUTH LOGIN", "AUTH=LOGIN PLAIN", "AUTH CRAM-MD5"])
    async def test_the_password_is_said_after_starttls(self, certified: Certified, offer: str) -> None:
        certified.sink.auth_offer = offer
        secure: dict[str, Any] = {"host": "localhost", "tls": "starttls-required", "ca_file": certified.ca_file}

        assert await outcome_at(certified.sink, user="pillarbox", password="pässword", **secure) == TAKEN

        (received,) = certified.sink.received
        assert (received.user, received.tls) == ("pillarbox", True)

    async def test_a_wrong_password_is_our_fault_and_bounces_nothing(self, certified: Certified) -> None:
        secure: dict[str, Any] = {"host": "localhost", "tls": "starttls-required", "ca_file": certified.ca_file}
        outcome = await outcome_at(certified.sink, user="pillarbox", password="wrong", **secure)

        assert isinstance(outcome, Deferred) and outcome.ours
        assert outcome.reply == "535 5.7.8 no such user and password"

    async def test_no_way_to_log_in_bounces_nothing(self, certified: Certified) -> None:
        certified.sink.auth_offer = "AUTH GSSAPI"
        secure: dict[str, Any] = {"host": "localhost", "tls": "starttls-required", "ca_file": certified.ca_file}
        outcome = await outcome_at(certified.sink, user="pillarbox", password="pässword", **secure)

        assert isinstance(outcome, Deferred) and outcome.ours and "none of AUTH PLAIN, AUTH LOGIN" in outcome.why

    async def test_the_password_is_never_said_without_tls(self) -> None:
        with Sink.listening(password=("pillarbox", "pässword")) as sink:  # as one from whom STARTTLS was taken away
            outcome = await outcome_at(sink, user="pillarbox", password="pässword", tls="starttls")

        assert isinstance(outcome, Deferred) and outcome.ours and "not sent without" in outcome.why
        assert not any(command.startswith("AUTH") for command in sink.commands)

    async def test_on_loopback_the_operator_may_allow_it(self) -> None:
        with Sink.listening(password=("pillarbox", "pässword")) as sink:
            allowed: dict[str, Any] = {"user": "pillarbox", "password": "pässword", "password_without_tls": True}
            assert await outcome_at(sink, **allowed) == TAKEN
            assert sink.received[0].user == "pillarbox"
