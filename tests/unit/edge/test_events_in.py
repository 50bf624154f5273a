"""What the door for posts answers: SNS forgets what got 2xx, gives up after 4xx, and posts again after 5xx."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pillarbox.consumer import Verifier
from pillarbox.edge.events_in import EventsIn, Expected
from pillarbox.kit.ids import Scope
from pillarbox.kit.net import Outside
from pillarbox.store import events, waiting_posts
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from pillarbox.upstream import keeping
from pillarbox.upstream.arrival import Source
from pillarbox.upstream.intake import Intake
from pillarbox.wire.faults import Fault
from tests.support.clock import StandingClock
from tests.support.far_sns import TOPIC, URL, FarSns, sample

Answer = Callable[..., Awaitable[int]]


@pytest.fixture(scope="module")
def sns() -> FarSns:
    return FarSns()


@pytest.fixture
def answer(store: Store, sns: FarSns) -> Answer:
    verifier = Verifier()
    verifier.remember(URL, sns.certificate)
    source = Source("far", Scope("111111111111", "us-east-1"))
    door = EventsIn([Expected(source, frozenset({TOPIC}), verifier, Outside())], store, StandingClock())

    async def ask(post: Any, path: str = "/in/sns/far", method: str = "POST", **headers: str) -> int:
        body = post if isinstance(post, bytes) else json.dumps(post).encode()

        async def read() -> bytes:
            return body

        given = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return (await door.answer(method, path, given, read)).status

    return ask


async def test_what_is_genuine_is_taken(answer: Answer, sns: FarSns, store: Store) -> None:
    assert await answer(sns.post(sample("click")), x_amz_sns_message_type="Notification") == 200
    assert await Intake(store, StandingClock()).step()
    told = await store.read(events.of_message, sample("click")["mail"]["messageId"])
    assert [row.kind for row in told] == ["Click"]


async def test_what_was_altered_on_the_way_is_refused(answer: Answer, sns: FarSns, store: Store) -> None:
    post = sns.post(sample("click"))
    assert await answer({**post, "Message": post["Message"].replace("192.0.2.1", "192.0.2.2")}) == 403
    assert (await store.read(waiting_posts.held)).posts == 0


async def test_what_is_old_or_strange_is_refused(answer: Answer, sns: FarSns) -> None:
    old = sns.post(sample("click"), at=datetime.now(UTC) - timedelta(days=1))
    strange = sns.post(sample("click"), TopicArn=TOPIC + "-2")
    for post in (old, strange, sample("click"), [], b"", b"\xff"):
        assert await answer(post) == 403


async def test_the_words_of_ses_about_its_set_up_are_taken(answer: Answer, sns: FarSns) -> None:
    said = "Successfully validated SNS topic for Amazon SES event publishing."
    assert await answer(sns.post(said)) == 200


async def test_posts_that_come_together_are_on_disk_together_when_they_are_answered(
    answer: Answer, sns: FarSns, store: Store
) -> None:
    posts = [sns.post(sample("click")) for _ in range(20)]
    assert await asyncio.gather(*map(answer, posts)) == [200] * 20
    assert (await store.read(waiting_posts.held)).posts == 20
    assert await store.read(_rows) < 20


def _rows() -> Plan[int]:
    return int((yield Rows("SELECT count(*) FROM waiting_posts"))[0][0])


async def test_while_too_many_wait_posts_are_asked_for_again(
    answer: Answer, sns: FarSns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_posts, "MOST_POSTS", 2)
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.0)
    first, second, third = (sns.post(sample(name)) for name in ("send", "open", "click"))
    assert [await answer(post) for post in (first, second, third)] == [200, 200, 503]
    while await Intake(store, StandingClock()).step():
        pass
    assert await answer(third) == 200
    assert await Intake(store, StandingClock()).step()
    told = await store.read(events.of_message, sample("click")["mail"]["messageId"])
    assert [row.kind for row in told] == ["Send", "Open", "Click"]


async def test_many_bytes_are_too_many_as_well(answer: Answer, sns: FarSns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_posts, "MOST_BYTES", 1_000)
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.0)
    assert await answer(sns.post(sample("click"))) == 200
    assert await answer(sns.post(sample("open"))) == 503


async def test_only_posts_of_a_sensible_length_to_a_name_that_is_known_are_read(answer: Answer, sns: FarSns) -> None:
    post = sns.post(sample("click"))
    assert await answer(post, "/in/sns/near") == 404
    assert await answer(post, method="GET") == 405
    for length in ("", "abc", "-1", str(3 * 1024 * 1024)):
        assert await answer(post, content_length=length) == 413


async def test_a_body_for_which_there_is_no_room_is_asked_for_again(store: Store) -> None:
    source = Source("far", Scope("111111111111", "us-east-1"))
    door = EventsIn([Expected(source, frozenset({TOPIC}), Verifier(), Outside())], store, StandingClock())

    async def read() -> bytes:
        raise Fault("ServiceUnavailable", "Too many requests are being read; try again.", 503, sender=False)

    assert (await door.answer("POST", "/in/sns/far", {"content-length": "9"}, read)).status == 503
