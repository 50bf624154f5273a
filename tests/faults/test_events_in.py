"""Between an upstream's queue or posts and our store anything may die: no event is lost, and none counts twice."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillarbox.consumer import Verifier
from pillarbox.delivery.transport.ses_credentials import CredentialSource, Pair
from pillarbox.edge.events_in import EventsIn, Expected
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.kit.net import Outside
from pillarbox.settings import EventsSetting, UpstreamSetting
from pillarbox.store import events
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from pillarbox.upstream.arrival import Source
from pillarbox.upstream.intake import Intake
from pillarbox.upstream.poller import QueuePoller
from pillarbox.upstream.sqs_client import Queue, QueueError, SqsClient
from tests.support.child import Child
from tests.support.far_queue import FarQueue
from tests.support.far_sns import TOPIC, URL, FarSns, sample
from tests.support.power import FragileDisk, FragileVfs

ACCOUNT = "110000000001"
SOURCE = Source("far", Scope(ACCOUNT, "us-east-1"))
MESSAGE = sample("open")["mail"]["messageId"]


async def test_a_kill_between_store_and_delete_repeats_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with FarQueue.standing(json.dumps(sample("open")), json.dumps(sample("click"))) as queue:
        upstream = UpstreamSetting(
            name="far", region="us-east-1", account=ACCOUNT, endpoint_url="http://127.0.0.1:1", suppression=False,
            access_key_id="x", secret_access_key="y", events=EventsSetting(queue_url=queue.url),
        )  # fmt: skip
        queue.refuses = True  # what the dead one has asked for
        queue.holds.clear()
        with Child(tmp_path, upstreams=[msgspec.to_builtins(upstream)]) as child:
            assert queue.asked_to_delete.wait(30)
            child.kill()
        queue.refuses = False
        queue.holds.set()
        assert len(queue.left) == 2

        store = await SqliteStore.open(tmp_path)
        assert [row.kind for row in await store.read(events.of_message, MESSAGE)] == ["Open", "Click"]
        poller, client = await _polling(store, queue)
        await poller.work(0)
        assert queue.left == {}
        assert [row.kind for row in await store.read(events.of_message, MESSAGE)] == ["Open", "Click"]
        await client.close()
        await store.close()


async def _polling(store: Store, queue: FarQueue) -> tuple[QueuePoller, SqsClient]:
    client = SqsClient(Queue(queue.url, "us-east-1"), CredentialSource("far", Pair("x", "y")))
    return QueuePoller(SOURCE, client, (), store, SystemClock()), client


async def test_what_could_not_be_stored_stays_in_the_queue(tmp_path: Path) -> None:
    with FarQueue.standing(json.dumps(sample("open"))) as queue:
        store = await SqliteStore.open(tmp_path)
        await store.close()
        poller, client = await _polling(store, queue)
        with pytest.raises(Unavailable):
            await poller.work(0)
        assert not queue.asked_to_delete.is_set()

        store = await SqliteStore.open(tmp_path)
        poller, again = await _polling(store, queue)
        await poller.work(0)
        assert queue.left == {}
        assert [row.kind for row in await store.read(events.of_message, MESSAGE)] == ["Open"]
        for one in (client, again):
            await one.close()
        await store.close()


async def test_what_could_not_be_deleted_comes_again_and_is_known(store: Store) -> None:
    with FarQueue.standing(json.dumps(sample("open"))) as queue:
        poller, client = await _polling(store, queue)
        queue.refuses = True
        with pytest.raises(QueueError, match="answered 500"):
            await poller.work(0)
        queue.refuses = False
        await poller.work(0)
        await client.close()
    assert queue.left == {}
    assert [row.kind for row in await store.read(events.of_message, MESSAGE)] == ["Open"]


class Poster:
    """Posts what an SNS has signed to the door over a store."""

    def __init__(self) -> None:
        self._sns = FarSns()
        self._verifier = Verifier()
        self._verifier.remember(URL, self._sns.certificate)

    def signed(self, event: Any) -> bytes:
        return json.dumps(self._sns.post(event)).encode()

    async def post(self, store: Store, body: bytes) -> int:
        async def read() -> bytes:
            return body

        door = EventsIn([Expected(SOURCE, frozenset({TOPIC}), self._verifier, Outside())], store, SystemClock())
        return (await door.answer("POST", "/in/sns/far", {"content-length": str(len(body))}, read)).status


async def _take_all(store: Store) -> None:
    intake = Intake(store, SystemClock())
    while await intake.step():
        pass


async def test_a_post_that_cannot_be_stored_is_not_said_to_be_taken(tmp_path: Path) -> None:
    poster = Poster()
    body = poster.signed(sample("open"))
    store = await SqliteStore.open(tmp_path)
    await store.close()
    assert await poster.post(store, body) == 503

    store = await SqliteStore.open(tmp_path)
    for _ in range(2):  # SNS posts it again, and again when our answer was lost
        assert await poster.post(store, body) == 200
    await _take_all(store)
    assert [row.kind for row in await store.read(events.of_message, MESSAGE)] == ["Open"]
    await store.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_power_cut_loses_no_post_that_was_answered_and_doubles_none(tmp_path: Path, seed: int) -> None:
    chance, disk, poster = random.Random(seed), FragileDisk(), Poster()
    vfs = FragileVfs(f"posts-{seed}", disk)
    store: Store = await SqliteStore.open(tmp_path / "running", vfs=f"posts-{seed}", disk=disk)
    answered: list[str] = []

    async def post(number: int) -> None:
        event = sample("open")
        event["mail"]["messageId"] = f"message-{number}"
        assert await poster.post(store, poster.signed(event)) == 200
        answered.append(event["mail"]["messageId"])

    async def take() -> None:
        while True:
            await Intake(store, SystemClock()).step()

    working = [asyncio.create_task(take()), *(asyncio.create_task(post(number)) for number in range(60))]
    enough = chance.randint(1, 40)
    while len(answered) < enough:
        await asyncio.sleep(0)
    survivors = tmp_path / "survivors"
    survivors.mkdir()
    with disk.lock:
        told = list(answered)
        disk.cut(tmp_path / "running", survivors, chance)
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    await store.close()
    del vfs

    store = await SqliteStore.open(survivors)
    await _take_all(store)
    kinds = {one: [row.kind for row in await store.read(events.of_message, one)] for one in told}
    assert kinds == {one: ["Open"] for one in told}
    await store.close()


async def test_a_post_whose_certificate_cannot_be_fetched_is_asked_for_again(store: Store) -> None:
    sns = FarSns()
    verifier = Verifier(hosts=["localhost:1"])
    url = URL.replace("sns.us-east-1.amazonaws.com", "localhost:1")
    body = json.dumps(sns.post(sample("open"), SigningCertURL=url)).encode()

    async def read() -> bytes:
        return body

    outside = Outside(allow_loopback=True)
    door = EventsIn([Expected(SOURCE, frozenset({TOPIC}), verifier, outside)], store, SystemClock())
    answer = await door.answer("POST", "/in/sns/far", {"content-length": str(len(body))}, read)
    assert answer.status == 503
    await outside.close()
