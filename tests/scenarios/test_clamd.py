"""Mail is looked at by clamd before anybody gets it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.clamd import ClamdScanner, NotScanned
from pillarbox.store import outgoing
from tests.support.clamd import STREAM_MAX_LENGTH, Clamd, real_clamd
from tests.support.server import RunningServer, Server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clamd")


@pytest.fixture(scope="module")
def scanning_server(folder: Path) -> Iterator[RunningServer]:
    with RunningServer.started(folder / "data", dev=True, any_sender=True, clamd=str(folder / "clamd")) as running:
        yield running


@pytest.fixture
def scanning(scanning_server: RunningServer) -> Server:
    return scanning_server.for_new_account()


@pytest.fixture
def clamd(folder: Path) -> Iterator[Clamd]:
    with Clamd.at(folder / "clamd") as found:
        yield found


@pytest.fixture(params=["ours", "ClamAV's"])
def any_clamd(request: pytest.FixtureRequest, folder: Path) -> Iterator[None]:
    """A clamd that finds the word VIRUS: the one of these tests, then the one that it stands for."""
    with (Clamd.at if request.param == "ours" else real_clamd)(folder / "clamd"):
        yield


def send(server: Server, text: str) -> str:
    answer = server.client("sesv2").send_email(
        FromEmailAddress="jo@example.com",
        Destination={"ToAddresses": ["a@example.net"]},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": text}}}},
    )
    return str(answer["MessageId"])


def kinds(server: Server, message_id: str) -> list[str]:
    client = server.client("sesv2")
    (insight,) = client.get_message_insights(MessageId=message_id)["Insights"]
    return [event["Type"] for event in insight["Events"]]


@pytest.mark.usefixtures("any_clamd")
def test_what_clamd_finds_is_rejected_and_the_rest_delivered(scanning: Server) -> None:
    bad, good = send(scanning, "a VIRUS inside"), send(scanning, "nothing")
    scanning.settle()

    assert kinds(scanning, bad) == ["SEND", "REJECT"]
    assert kinds(scanning, good) == ["SEND", "DELIVERY"]


@pytest.mark.usefixtures("any_clamd")
def test_a_message_of_some_megabytes_is_seen_whole(scanning: Server) -> None:
    message_id = send(scanning, "x" * 70 + ("\r\n" + "y" * 70) * 40_000 + "\r\nVIRUS")
    scanning.settle()

    assert kinds(scanning, message_id) == ["SEND", "REJECT"]


def waiting(server: Server, message_id: str) -> Any:
    """Return the row of a message once its first attempt was put off."""

    deadline = time.monotonic() + 20
    while True:
        (row,) = server.read(outgoing.of_message, message_id)
        if row.attempts:
            return row
        assert time.monotonic() < deadline, "the message was not attempted"


def test_nothing_is_delivered_while_clamd_is_down(scanning: Server) -> None:
    row = waiting(scanning, send(scanning, "nothing"))

    assert "the scanner could not look at the message" in row.why and "cannot be asked" in row.why


@pytest.mark.usefixtures("any_clamd")
def test_what_is_too_large_for_clamd_is_not_delivered_and_says_so(scanning: Server) -> None:
    message_id = send(scanning, ("y" * 70 + "\r\n") * (STREAM_MAX_LENGTH // 72 + 10_000))

    assert "INSTREAM size limit exceeded. ERROR" in waiting(scanning, message_id).why


def test_what_clamd_will_not_look_at_is_not_delivered(scanning: Server, clamd: Clamd) -> None:
    clamd.says = "stream: Can't allocate memory ERROR"

    assert "Can't allocate memory ERROR" in waiting(scanning, send(scanning, "nothing")).why


async def test_a_clamd_that_says_nothing_is_waited_for_no_longer_than_told(clamd: Clamd) -> None:
    clamd.silent = True
    scanner = ClamdScanner(str(clamd.path), timeout_seconds=0.2)

    answers = await asyncio.gather(*(scanner.verdict(b"x") for _ in range(20)), return_exceptions=True)

    assert {str(one) for one in answers} == {f"clamd at {clamd.path} gave no answer in 0.2 seconds"}
    assert all(isinstance(one, NotScanned) for one in answers)


async def test_clamd_may_be_asked_over_tcp() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0\0\0\0")
        writer.write(b"stream: Win.Test FOUND\0")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert await ClamdScanner(f"127.0.0.1:{port}").verdict(b"anything") == "Bad content"
