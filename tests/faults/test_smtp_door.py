"""What SMTP clients are told when something of ours fails, when they leave, and when the server stops."""

import asyncio
import os
import queue
import random
import smtplib
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import boto3
import pytest

from pillarbox.edge.smtp_door import Limits
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.store import credentials, messages
from pillarbox.store.credentials import CredentialRow
from tests.support.child import Child
from tests.support.server import RunningServer
from tests.support.smtp_client import FakeSender, door_to

MESSAGE = b"From: a@b.example\r\n\r\nhello\r\n.\r\n"
PATIENCE_SECONDS = 10
ACCOUNT = "123456789012"
KILLS = 40 if os.environ.get("TEST_CAMPAIGN") else 4


class Client:
    """Logs in and sends, in the clear, as dev mode allows."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def begin(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self.reply()
        assert (await self.says(b"EHLO me\r\n")).endswith("250 Ok")
        assert (await self.says(b"AUTH PLAIN AGEAYg==\r\n")).startswith("235 ")

    async def says(self, text: bytes) -> str:
        self._writer.write(text)
        return await self.reply()

    async def reply(self) -> str:
        """The next reply, of however many lines; empty when the server has closed."""
        told = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := await self._reader.readline():
                told += line
                if line[3:4] != b"-":
                    break
        return told.decode().replace("\r\n", "\n").rstrip("\n")

    async def begin_message(self) -> None:
        for command in (b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n"):
            assert await self.says(command) == "250 Ok"
        assert (await self.says(b"DATA\r\n")).startswith("354 ")

    def give_message(self) -> None:
        self._writer.write(MESSAGE)

    def leave(self) -> None:
        self._writer.transport.abort()


class Door:
    """The door alone, with a sender that can fail."""

    def __init__(self) -> None:
        self.sender = FakeSender()
        self.stop = asyncio.Event()
        self.clients: list[Client] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    async def run(self) -> None:
        door = door_to(self.sender, Limits(connections=10, idle_seconds=1.0, in_flight_bytes=1_000_000))
        async with door.serving(self._listener, None):
            await self.stop.wait()

    async def client(self) -> Client:
        client = Client(self.port)
        self.clients.append(client)
        await client.begin()
        return client


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    opened = Door()
    running = asyncio.create_task(opened.run())
    yield opened
    opened.stop.set()
    await running
    for client in opened.clients:
        client.leave()


@pytest.mark.parametrize("failure", [Unavailable("the disk is full: /var/lib"), KeyError("a bug")])
async def test_a_fault_of_ours_is_told_as_one_and_the_next_message_goes(door: Door, failure: Exception) -> None:
    client = await door.client()
    door.sender.failure = failure
    await client.begin_message()
    assert await client.says(MESSAGE) == "451 Temporary service failure"

    door.sender.failure = None
    await client.begin_message()
    assert await client.says(MESSAGE) == "250 Ok message-1"


async def test_a_message_is_answered_only_when_it_is_kept_however_long_that_takes(door: Door) -> None:
    client = await door.client()
    door.sender.may_go_on.clear()
    await client.begin_message()
    client.give_message()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):  # longer than a silent client is given
            await client.reply()
    door.sender.may_go_on.set()
    assert await client.reply() == "250 Ok message-1"


async def test_a_message_whose_client_leaves_at_the_dot_is_sent_to_its_end(door: Door) -> None:
    client = await door.client()
    door.sender.may_go_on.clear()
    await client.begin_message()
    client.give_message()
    await door.sender.asked.wait()
    client.leave()
    next_client = await door.client()
    door.sender.may_go_on.set()
    await next_client.begin_message()
    assert await next_client.says(MESSAGE) == "250 Ok message-2"


async def test_a_message_in_hand_is_answered_before_the_server_stops(door: Door) -> None:
    client, idle = await door.client(), await door.client()
    door.sender.may_go_on.clear()
    await client.begin_message()
    client.give_message()
    await door.sender.asked.wait()
    door.stop.set()
    assert await idle.reply() == "421 Service closing transmission channel"
    door.sender.may_go_on.set()
    assert await client.reply() == "250 Ok message-1"
    assert await client.reply() == "421 Service closing transmission channel"
    assert await client.reply() == ""


async def test_half_a_message_is_none(door: Door) -> None:
    client = await door.client()
    await client.begin_message()
    client._writer.write(MESSAGE[:-5])
    client._writer.write_eof()
    assert await client.reply() == ""
    assert door.sender.kept == []


class Load(threading.Thread):
    """Sends as fast as answers come, until the server is gone."""

    def __init__(self, port: int, acknowledged: "queue.Queue[str]") -> None:
        super().__init__()
        self._port = port
        self._acknowledged = acknowledged

    def run(self) -> None:
        with suppress(smtplib.SMTPServerDisconnected, ConnectionError):
            with smtplib.SMTP("127.0.0.1", self._port, timeout=PATIENCE_SECONDS) as client:
                client.login(ACCOUNT, "any")
                while True:
                    client.mail("a@b.example")
                    client.rcpt("c@d.example")
                    code, told = client.data(MESSAGE[:-3])
                    assert code == 250, told
                    self._acknowledged.put(told.decode().split()[1])


def test_a_kill_loses_no_message_that_was_answered_250(tmp_path: Path) -> None:
    acknowledged: queue.Queue[str] = queue.Queue()
    known: list[str] = []
    for seed in range(KILLS):
        with Child(tmp_path) as child:
            ses = boto3.client(
                "ses",
                endpoint_url=child.endpoint,
                region_name="us-east-1",
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="any",
            )
            ses.verify_email_identity(EmailAddress="a@b.example")
            loads = [Load(child.smtp_port, acknowledged) for _ in range(4)]
            for load in loads:
                load.start()
            known += [acknowledged.get(timeout=PATIENCE_SECONDS) for _ in range(random.Random(seed).randint(1, 200))]
            child.kill()
            for load in loads:
                load.join()
    known += [acknowledged.get_nowait() for _ in range(acknowledged.qsize())]
    with RunningServer.started(tmp_path, dev=True) as running:
        server = running.for_new_account()
        kept = server.read(messages.get_many, known)
        bodies = {running.run(running.listening.store.body(row.body)) for row in kept.values()}
    assert kept.keys() == set(known) and len(known) == len(kept)
    assert bodies == {MESSAGE[:-3]}


def test_a_secret_that_cannot_be_opened_is_no_wrong_password(production_server: RunningServer) -> None:
    elsewhere = Keyring({"9": bytes(32)})
    row = CredentialRow("AKIASEALEDELSEWHERE", "123456789012", "x", elsewhere.seal(b"s", "AKIA"), "active", 0)
    production_server.run(production_server.listening.store.write(credentials.add, row))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP_SSL("127.0.0.1", production_server.listening.smtps_port, context=context) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as told:
            client.login(row.key_id, "x")
    assert (told.value.smtp_code, told.value.smtp_error) == (454, b"Temporary authentication failure")
