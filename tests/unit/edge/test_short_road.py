"""Posts that are answered on the connection hear what they would hear from the application, within the same limits."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from pillarbox.consumer import Verifier
from pillarbox.edge.connection import Connection
from pillarbox.edge.events_in import POSTS, EventsIn, Expected
from pillarbox.edge.http import HttpEdge
from pillarbox.edge.limits import BODIES, Bodies
from pillarbox.edge.roles import RoleDoor
from pillarbox.edge.short_road import ShortRoad
from pillarbox.edge.tracking_hosts import TrackingHosts
from pillarbox.kit.ids import Scope
from pillarbox.kit.net import Outside
from pillarbox.store import waiting_posts
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from pillarbox.upstream.arrival import Source
from tests.support.clock import StandingClock
from tests.support.far_sns import TOPIC, URL, FarSns, sample, subscribe_url
from tests.support.wire import Wire

PATH = b"/in/sns/far"
NOWHERE = "localhost:1"
SNS = FarSns()
LONGEST, IN_FLIGHT = 100_000, 150_000


class Door:
    """A connection to the door for posts; `usual` counts what went to the application."""

    def __init__(self, store: Store, *, is_short: bool) -> None:
        verifier = Verifier(hosts=[NOWHERE])
        verifier.remember(URL, SNS.certificate)
        source = Source("far", Scope("111111111111", "us-east-1"))
        self.outside = Outside()
        posts = EventsIn([Expected(source, frozenset({TOPIC}), verifier, self.outside)], store, StandingClock())
        hosts = TrackingHosts(["click.example"], never="")
        self.usual = 0
        self.bodies = Bodies(longest=LONGEST, in_flight=IN_FLIGHT)
        nothing: Any = None
        edge = HttpEdge(
            nothing, nothing, {}, nothing, nothing, _for_links, hosts,  # type: ignore[arg-type]
            events_in=posts, bodies=self.bodies, metrics_token="",
        )  # fmt: skip
        self.roles = RoleDoor(edge, ("events",), store, hosts)
        self.road = ShortRoad(posts.targets(), self.bodies, hosts, lambda: self.roles.sends_away) if is_short else None
        self.connect()

    def connect(self) -> None:
        self.wire, state = Wire(), ServerState()
        state.default_headers = [(b"date", b"Tue, 24 Nov 2026 12:00:00 GMT")]
        config = uvicorn.Config(self, ws="none", lifespan="off", log_config=None)
        config.load()
        self.connection = Connection(config, state, {}, tracker=None, short_road=self.road)
        self.connection.connection_made(self.wire)  # type: ignore[arg-type]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.usual += 1
        await self.roles(scope, receive, send)

    def give(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    async def answers(self, many: int = 1) -> bytes:
        """Wait until so many requests were answered, and return all that was written."""
        async with asyncio.timeout(20):
            while len(re.findall(rb"HTTP/1\.1 [2-5]", self.written)) < many:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0)  # what closes the connection follows
        return self.written

    async def leave(self) -> None:
        self.connection.connection_lost(None)
        await self.outside.close()
        assert self.bodies.held == BODIES._value.get() == 0

    @property
    def written(self) -> bytes:
        return b"".join(call for call in self.wire.calls if call != "closed")


async def _for_links(_scope: Any, _receive: Any, send: Any) -> None:
    """Stand where the application for tracked links is."""
    await send({"type": "http.response.start", "status": 418, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await SqliteStore.open(tmp_path, synchronous=False)
    yield opened
    await opened.close()


@pytest.fixture
async def door(store: Store) -> AsyncIterator[Door]:
    made = Door(store, is_short=True)
    yield made
    await made.leave()


def signed(event: Any = None, **changed: Any) -> bytes:
    return json.dumps(SNS.post(sample("click") if event is None else event, **changed)).encode()


def request(body: bytes, *headers: bytes, target: bytes = PATH, length: bytes | None = None) -> bytes:
    lines = (b"POST %s HTTP/1.1" % target, b"Host: in.example", b"Content-Length: %d" % len(body), *headers)
    if length is not None:
        lines = (*lines[:2], *([length] if length else []), *lines[3:])
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


GOOD = signed()
WRONG = GOOD.replace(b"192.0.2.1", b"192.0.2.2")
OTHER_CERTIFICATE = f"https://{NOWHERE}/SimpleNotificationService-2.pem"

SHORT = {
    "genuine": request(GOOD),
    "genuine, of a type that is told": request(GOOD, b"X-Amz-Sns-Message-Type: Notification"),
    "of another type than is told": request(GOOD, b"x-amz-sns-message-type: SubscriptionConfirmation"),
    "through a proxy": request(GOOD, b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: https"),
    "the last on its connection": request(GOOD, b"Connection: close"),
    "forged, the last on its connection": request(WRONG, b"Connection: close"),
    "altered": request(WRONG),
    "of another topic": request(signed(TopicArn=TOPIC + "-2")),
    "no envelope": request(b'{"Type": "Notification"}'),
    "no JSON": request(b"\xff\xfe"),
    "nothing": request(b""),
    "with half of a surrogate pair": request(signed("\\ud800")),
    "a certificate that cannot be had": request(signed(SigningCertURL=OTHER_CERTIFICATE)),
    "a certificate from elsewhere": request(signed(SigningCertURL="https://evil.example/SimpleNotificationService-1.pem")),
    "a confirmation that cannot be had": request(
        signed("?", kind="SubscriptionConfirmation", SubscribeURL=subscribe_url(NOWHERE))
    ),
    "a confirmation of something else": request(
        signed("?", kind="SubscriptionConfirmation", SubscribeURL=subscribe_url("evil.example"))
    ),
    "too long for the store's patience, nearly": request(signed("x" * 90_000)),
}  # fmt: skip
USUAL = {
    "to nobody": request(GOOD, target=b"/in/sns/near"),
    "to a longer name": request(GOOD, target=PATH + b"/"),
    "with a query": request(GOOD, target=PATH + b"?a=1"),
    "with the path in another form": request(GOOD, target=b"/in/sns/%66ar"),
    "with a whole URL": request(GOOD, target=b"http://in.example" + PATH),
    "read": b"GET %s HTTP/1.1\r\nHost: in.example\r\n\r\n" % PATH,
    "put": request(GOOD).replace(b"POST", b"PUT", 1),
    "by an old client": request(GOOD).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "by a client that asks first": request(GOOD, b"Expect: 100-continue"),
    "in chunks": request(b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD), length=b"Transfer-Encoding: chunked"),
    "of a length that nobody tells": request(b"", length=b""),
    "longer than a body may be": request(b"x" * (LONGEST + 1)),
    "longer than a post may be": request(b"", length=b"Content-Length: 3000000"),
    "with its type told twice": request(GOOD, b"X-Amz-Sns-Message-Type: a", b"X-Amz-Sns-Message-Type: b"),
    "with a head that is too long": request(GOOD, b"Cookie: " + b"x" * 70_000),
    "wanting another protocol": request(GOOD, b"Connection: Upgrade", b"Upgrade: websocket"),
    "to a host of tracked links": request(GOOD).replace(b"in.example", b"click.example", 1),
}


def _counted() -> dict[str, float]:
    return {
        outcome: POSTS.labels("far", outcome)._value.get() for outcome in ("taken", "refused", "again", "confirmed")
    }


async def _told(store: Store, asked: bytes, *, is_short: bool) -> tuple[Any, ...]:
    """Return what a request is answered, whether the connection ends, what is logged, counted and kept."""
    door, before, held = Door(store, is_short=is_short), _counted(), await store.read(waiting_posts.held)
    with capture_logs() as logs:
        door.give(asked)
        answer = await door.answers()
    grown = {outcome: count - before[outcome] for outcome, count in _counted().items()}
    kept = (await store.read(waiting_posts.held)).posts - held.posts
    end = door.wire.is_closing()
    await door.leave()
    return answer, end, logs, grown, kept, door.usual


@pytest.mark.parametrize("asked", [*SHORT.values(), *USUAL.values()], ids=[*SHORT, *USUAL])
async def test_both_roads_answer_and_do_the_same(store: Store, asked: bytes) -> None:
    *short, went_on = await _told(store, asked, is_short=True)
    *usual, _ = await _told(store, asked, is_short=False)

    assert short == usual
    assert went_on == (asked in USUAL.values())


async def test_a_genuine_post_is_answered_when_it_is_kept(door: Door, store: Store) -> None:
    door.give(request(GOOD))
    assert door.written == b""

    answer = await door.answers()

    assert answer == (
        b"HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 12:00:00 GMT\r\n"
        b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\n\r\n"
    )
    assert (await store.read(waiting_posts.held)).posts == 1


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_a_post_may_come_in_pieces(door: Door, size: int) -> None:
    asked = request(GOOD)
    door.give(*(asked[at : at + size] for at in range(0, len(asked), size)))
    assert (await door.answers()).startswith(b"HTTP/1.1 200")
    assert door.usual == 0


async def test_requests_one_behind_the_other_are_answered_in_their_order(door: Door) -> None:
    probe = b"GET /healthz HTTP/1.1\r\nHost: in.example\r\n\r\n"
    door.give(request(GOOD) + probe + request(WRONG) + request(GOOD))

    answer = await door.answers(4)

    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200", b"403", b"200"]
    assert b"ok\n" in answer.split(b"HTTP/1.1")[2]
    door.give(request(GOOD))  # and the next, which nothing waits before, is on the short road again
    await door.answers(5)
    assert door.usual == 3


async def test_what_comes_behind_an_answer_that_is_still_made_waits_for_it(door: Door) -> None:
    asked = request(WRONG)
    door.give(request(GOOD), asked[:100])
    assert door.written == b""
    door.give(asked[100:])

    assert re.findall(rb"HTTP/1\.1 (\d+)", await door.answers(2)) == [b"200", b"403"]


async def test_a_body_for_which_there_is_no_room_is_asked_for_again(door: Door) -> None:
    asked = request(GOOD)
    door.bodies.hold(IN_FLIGHT - len(GOOD) + 50)
    door.give(asked[:-100], asked[-100:])

    answer = await door.answers()

    assert answer.startswith(b"HTTP/1.1 503") and b"Too many requests are being read" in answer
    door.bodies.release(IN_FLIGHT - len(GOOD) + 50)
    door.give(asked)
    assert b"HTTP/1.1 200" in await door.answers(2)


async def test_room_is_taken_as_a_body_comes_and_free_when_it_is_answered_or_its_client_gone(door: Door) -> None:
    door.give(request(GOOD)[:-100])
    assert door.bodies.held == len(GOOD) - 100
    door.connection.connection_lost(None)
    assert door.bodies.held == 0

    door.connect()
    door.give(request(GOOD))
    assert door.bodies.held == len(GOOD)
    await door.answers()
    assert door.bodies.held == 0


async def test_a_post_is_kept_when_its_client_does_not_wait_for_the_answer(door: Door, store: Store) -> None:
    door.give(request(GOOD))
    door.connection.connection_lost(ConnectionResetError())
    async with asyncio.timeout(20):
        while door.bodies.held:
            await asyncio.sleep(0.001)

    assert (await store.read(waiting_posts.held)).posts == 1
    assert door.written == b""
    door.connect()


@pytest.mark.parametrize("given", [len(request(GOOD)), len(request(GOOD)) - 100])
async def test_a_server_that_stops_answers_what_it_has_in_hand_and_ends_the_connection(door: Door, given: int) -> None:
    asked = request(GOOD)
    door.give(asked[:given])
    door.connection.shutdown()
    assert not door.wire.is_closing()
    door.give(asked[given:])

    answer = await door.answers()

    assert answer.startswith(b"HTTP/1.1 200") and b"\r\nconnection: close\r\n" in answer
    assert door.wire.is_closing()


async def test_who_is_sent_away_is_answered_and_asked_to_leave(door: Door) -> None:
    door.roles.send_away()
    door.give(request(GOOD))
    answer = await door.answers()
    assert answer.startswith(b"HTTP/1.1 200") and b"\r\nconnection: close\r\n" in answer


async def test_a_client_that_does_not_fetch_its_answers_waits_for_the_next(door: Door) -> None:
    door.connection.pause_writing()
    door.give(request(GOOD))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert door.written == b""
    door.connection.resume_writing()
    assert (await door.answers()).startswith(b"HTTP/1.1 200")


async def test_what_the_store_cannot_keep_is_posted_again(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.close()
    door = Door(store, is_short=True)
    before = _counted()
    door.give(request(GOOD))
    assert (await door.answers()).endswith(b"\r\n\r\nnot now; post it again\n")
    assert _counted() == {**before, "again": before["again"] + 1}
    await door.leave()


def test_bodies_are_told_to_a_megabyte() -> None:
    bodies, mega = Bodies(longest=1 << 24, in_flight=1 << 25), 1 << 20
    told = []
    for count in (mega - 1, 2, mega, -mega, -2, 1 - mega):
        (bodies.hold if count > 0 else bodies.release)(abs(count))
        told.append(BODIES._value.get() / mega)
    assert told == [0, 1, 2, 1, 0, 0]
    assert bodies.held == 0
