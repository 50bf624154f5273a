"""A door and a client without sockets: who waits for whom, and who is let go."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pillarbox.edge.smtp_door import Limits, SmtpDoor
from tests.support.smtp_client import LIMITS, Client, FakeSender, door_to

LOGIN = b"EHLO me\r\nAUTH PLAIN AGEAYg==\r\n"
BEGIN = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
MESSAGE = b"From: a@b.example\r\n\r\nhello\r\n.\r\n"


@pytest.fixture
async def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def door(sender: FakeSender) -> SmtpDoor:
    return door_to(sender)


@pytest.fixture
async def client(door: SmtpDoor) -> AsyncIterator[Client]:
    client = Client(door)
    yield client
    client.channel.abort()


async def test_what_is_said_while_an_answer_is_waited_for_waits_too_and_is_bounded(
    client: Client, sender: FakeSender
) -> None:
    sender.may_go_on.clear()
    await client.says(LOGIN + BEGIN + MESSAGE)
    before = client.told

    said = 0
    while client.may_speak.is_set():
        await client.says(b"NOOP\r\n" * 1000)
        said += 1000
    assert client.told == before and 64 * 1024 < said * 6 < 80 * 1024

    sender.may_go_on.set()
    await client.may_speak.wait()
    await client.ends()
    assert client.told == before + b"250 Ok message-1\r\n" + b"250 Ok\r\n" * said


async def test_one_who_does_not_fetch_answers_is_not_listened_to(client: Client) -> None:
    client.channel.pause_writing()
    while client.may_speak.is_set():
        await client.says(b"NOOP\r\n" * 1000)
    assert client.told == b"220 ready\r\n"

    client.channel.resume_writing()
    await client.may_speak.wait()
    assert client.told.startswith(b"220 ready\r\n250 Ok\r\n")


async def test_one_who_says_very_much_at_once_leaves_others_their_turn(client: Client) -> None:
    client.channel.data_received(b"NOOP\r\n" * 5000)
    assert client.told.count(b"250 Ok\r\n") < 1000
    await client.ends()
    assert client.told.count(b"250 Ok\r\n") == 5000


async def test_the_end_is_heard_behind_an_answer_that_was_waited_for(client: Client, sender: FakeSender) -> None:
    sender.may_go_on.clear()
    await client.says(LOGIN + BEGIN + MESSAGE + b"NOOP\r\n")
    client.channel.eof_received()
    assert not client.is_closed
    sender.may_go_on.set()
    await client.ends()
    assert client.told.endswith(b"250 Ok message-1\r\n250 Ok\r\n")


async def test_a_login_is_asked_for_step_by_step(client: Client) -> None:
    await client.says(b"EHLO me\r\nAUTH LOGIN\r\nYQ==\r\n*\r\n")
    await client.says(b"AUTH PLAIN\r\n" + b"x" * 20_000 + b"\r\nAUTH LOGIN YQ==\r\nYg==\r\n")
    told = client.told.decode().split("250 Ok\r\n")[1].split("\r\n")
    asked = ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "501 Syntax error in parameters or arguments"]
    asked += ["334 ", "501 Syntax error in parameters or arguments"]
    assert told == [*asked, "334 UGFzc3dvcmQ6", "235 Authentication successful.", ""]


class Faulty(str):
    """A name that cannot be said, and a login that fails."""

    def __format__(self, _spec: str) -> str:
        raise KeyError("a bug")

    async def caller(self, *_: str) -> None:
        raise KeyError("a bug")


async def test_a_fault_in_an_answer_ends_the_connection_with_a_reply(door: SmtpDoor) -> None:
    door.logins = Faulty()  # type: ignore[assignment]
    waited_for, at_once = Client(door), Client(door)
    await waited_for.says(LOGIN)
    door.name = Faulty()
    await at_once.says(b"NOOP\r\nEHLO me\r\nNOOP\r\n")
    assert waited_for.told.endswith(b"250 Ok\r\n451 Temporary service failure\r\n") and waited_for.is_closed
    assert at_once.told == b"220 ready\r\n250 Ok\r\n451 Temporary service failure\r\n" and at_once.is_closed


async def test_what_a_message_holds_is_given_back_when_its_client_leaves(sender: FakeSender) -> None:
    door = door_to(sender, Limits(connections=10, idle_seconds=60.0, in_flight_bytes=100))
    for _ in range(2):
        client = Client(door)
        await client.says(LOGIN + BEGIN + b"x" * 90)
        client.channel.connection_lost(None)
    client = Client(door)
    await client.says(LOGIN + BEGIN + MESSAGE)
    assert client.told.endswith(b"250 Ok message-1\r\n")


async def test_a_message_that_has_no_room_leaves_its_room_to_others(sender: FakeSender) -> None:
    door = door_to(sender, Limits(connections=10, idle_seconds=60.0, in_flight_bytes=100))
    large, small = Client(door), Client(door)
    await large.says(LOGIN + BEGIN + b"x" * 90)
    await large.says(b"x" * 90)
    await small.says(LOGIN + BEGIN + MESSAGE)
    await large.says(b"\r\n.\r\nNOOP\r\n")
    assert small.told.endswith(b"250 Ok message-1\r\n")
    assert large.told.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n451 Temporary service failure\r\n250 Ok\r\n")


async def test_the_silent_are_let_go_but_not_who_waits_for_an_answer(client: Client, sender: FakeSender) -> None:
    sender.may_go_on.clear()
    await client.says(LOGIN + BEGIN + MESSAGE)
    client.channel.let_go_if_silent(-1.0)
    assert not client.is_closed

    sender.may_go_on.set()
    await client.says(b"NOOP\r\n")
    client.channel.let_go_if_silent(60.0)
    assert not client.is_closed
    client.channel.let_go_if_silent(-1.0)
    assert client.is_closed
    assert client.told.endswith(b"250 Ok\r\n451 4.4.2 Timeout waiting for data from client.\r\n")


async def test_who_is_told_to_leave_is_told_nothing_else(client: Client, sender: FakeSender) -> None:
    sender.may_go_on.clear()
    await client.says(LOGIN + BEGIN)
    client.channel.hang_up()
    await client.says(MESSAGE)
    await asyncio.sleep(0)
    assert client.told.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n421 Service closing transmission channel\r\n")
    assert not sender.kept


@pytest.mark.parametrize("connections, seconds", [(0, 60.0), (7, 60.0), (8, 10.0), (10, 10.0)])
def test_the_silent_have_less_time_when_most_connections_are_taken(connections: int, seconds: float) -> None:
    assert LIMITS.patience_seconds(connections) == seconds
