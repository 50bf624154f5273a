"""What is written to a connection in one turn of the loop leaves in one piece, and none of it is lost."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from pillarbox.edge.connection import Connection, JoinedWrites
from pillarbox.edge.hit_files import HitFiles
from pillarbox.edge.hit_spool import HitSpool
from pillarbox.edge.tracking import Tracker
from pillarbox.kit.tracking_links import TrackingLinks
from tests.support.clock import StandingClock
from tests.support.wire import Wire


def joined(wire: Wire) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_head_and_body_leave_in_one_piece() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"head")
    transport.write(b"body")
    assert wire.calls == []
    await asyncio.sleep(0)
    assert wire.calls == [b"headbody"]


async def test_what_is_written_later_leaves_later() -> None:
    wire = Wire()
    transport = joined(wire)
    for part in (b"one", b"two"):
        transport.write(part)
        await asyncio.sleep(0)
    assert wire.calls == [b"one", b"two"]


async def test_what_is_whole_leaves_at_once_behind_what_was_written_before() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"one")
    transport.write_whole(b"two")
    assert wire.calls == [b"one", b"two"]
    await asyncio.sleep(0)
    assert wire.calls == [b"one", b"two"]


async def test_what_was_written_leaves_before_the_connection_is_closed() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert wire.calls == [b"last words", "closed"]
    assert transport.is_closing()


LINKS = TrackingLinks({7: b"k" * 32})
MESSAGE = "010001a208f8029a-c1cde9f7-c25f-4263-80ec-0e62218f4487-000000"
TARGET = "https://shop.example/?a=1"
LINK, PIXEL = LINKS.of_copy(MESSAGE, 0).link(1, TARGET).encode(), LINKS.of_copy(MESSAGE, 0).pixel().encode()


class Client:
    """Writes octets to a connection and reads what is answered; another application answers 404."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wire = Wire()
        spool = HitSpool(folder, 1 << 20)
        tracker = Tracker(LINKS, spool, None, StandingClock(), region="us-east-1")  # type: ignore[arg-type]
        config = uvicorn.Config(_elsewhere, http=Connection, ws="none", lifespan="off", log_config=None)
        config.load()
        self.connection = Connection(config, ServerState(), {}, tracker=tracker, short_road=None)
        self.connection.connection_made(self.wire)  # type: ignore[arg-type]

    async def ask(self, *requests: bytes) -> bytes:
        self.wire.calls.clear()
        self.connection.data_received(b"".join(requests))
        for _ in range(20):
            await asyncio.sleep(0)
        return b"".join(call for call in self.wire.calls if call != "closed")

    def hits(self) -> int:
        return len(HitFiles(self.folder).read())

    def leave(self) -> None:
        self.connection.connection_lost(None)


async def _elsewhere(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def request(path: bytes, *headers: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path, b"".join(line + b"\r\n" for line in headers))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    made = Client(tmp_path)
    yield made
    made.leave()


async def test_a_link_is_answered_at_once_and_recorded(client: Client) -> None:
    answer = await client.ask(request(LINK))

    assert answer.startswith(b"HTTP/1.1 302 Found\r\nlocation: https://shop.example/?a=1\r\ncontent-length: 0\r\n")
    assert answer.endswith(b"\r\n\r\n") and len(client.wire.calls) == 1
    assert client.hits() == 1


async def test_a_pixel_is_answered_at_once_and_recorded(client: Client) -> None:
    answer = await client.ask(request(PIXEL))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: image/gif\r\ncontent-length: 42\r\n")
    assert answer.partition(b"\r\n\r\n")[2].startswith(b"GIF89a")
    assert client.hits() == 1


async def test_a_connection_is_kept_for_the_next_request_unless_its_client_says_otherwise(client: Client) -> None:
    await client.ask(request(LINK))
    assert not client.wire.is_closing()

    answer = await client.ask(request(LINK, b"Connection: close"))

    assert b"connection: close\r\n" in answer
    assert client.wire.calls[-1] == "closed"


async def test_who_connects_while_the_server_stops_has_a_moment_for_a_first_request(client: Client) -> None:
    client.connection.shutdown()
    assert not client.wire.is_closing()
    assert (await client.ask(request(b"/other"))).startswith(b"HTTP/1.1 404")
    client.connection.shutdown()
    assert client.wire.is_closing()


async def test_requests_one_behind_the_other_are_answered_in_their_order(client: Client) -> None:
    answer = await client.ask(request(LINK), request(b"/other"), request(PIXEL), request(LINK))

    # What comes behind a request of the application's is the application's too.
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"302", b"404", b"404", b"404"]


@pytest.mark.parametrize(
    "asked",
    [
        request(b"/other"),
        request(LINK.replace(b"shop", b"evil")),
        request(LINK, b"X-Forwarded-For: 192.0.2.1"),
        request(LINK, b"Content-Length: 2") + b"ok",
        request(LINK).replace(b"GET", b"POST"),
        request(LINK).replace(b"GET", b"HEAD"),
        request(LINK, b"Cookie: " + b"x" * 9_000),
    ],
)
async def test_what_is_not_plain_goes_to_the_application(client: Client, asked: bytes) -> None:
    assert (await client.ask(asked)).startswith(b"HTTP/1.1 404")
    assert client.hits() == 0

    assert (await client.ask(request(LINK))).startswith(b"HTTP/1.1 302")
