"""Worker processes die, one after the other, while programs send: the server goes on, and nothing promised is lost."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pillarbox.store import events, outgoing
from pillarbox.store.engine import open_store
from pillarbox.store.outgoing import OutgoingRow
from tests.faults.test_kill import client, missing, set_up
from tests.support.child import Child
from tests.support.sink import HOLD, STALL, Sink
from tests.support.subscriber import Subscriber

KILLS = 6
SENDERS = 4
MESSAGE = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber.listening() as listening:
        yield listening


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    return "sqlite:" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def child(database: str, tmp_path: Path) -> Iterator[Child]:
    with Child(tmp_path, database=database, workers=2) as started:
        yield started


class Load:
    """Sends until it is told to stop, past every broken connection; knows what was acknowledged, and refused why."""

    def __init__(self, endpoint: str) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[tuple[int, str]] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(client("ses", endpoint),)) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _send(self, ses: Any) -> None:
        while not self._over.is_set():
            try:
                sent = ses.send_email(
                    Source="a@example.com",
                    Destination={"ToAddresses": ["someone@example.net"]},
                    Message=MESSAGE,
                    ConfigurationSetName="all",
                )
            except ClientError as refusal:
                answer = refusal.response
                self.refused.append((answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]))
                continue
            except BotoCoreError:
                continue
            self.acknowledged.append(sent["MessageId"])

    def wait_for(self, count: int) -> None:
        """Wait until so many were acknowledged."""
        until = time.monotonic() + 30
        while len(self.acknowledged) < count:
            assert time.monotonic() < until, f"{len(self.acknowledged)} of {count} were acknowledged"
            threading.Event().wait(0.01)

    def stop(self) -> list[str]:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        return self.acknowledged


def other_workers(child: Child, gone: int) -> list[int]:
    """Wait until two workers run, of which none is the one that is gone."""
    until = time.monotonic() + 30
    while gone in (there := child.workers()) or len(there) < 2:
        assert time.monotonic() < until, f"workers {there}, without {gone}"
        threading.Event().wait(0.02)
    return there


def test_workers_that_die_are_started_again_and_lose_nothing_that_was_promised(
    child: Child, subscriber: Subscriber
) -> None:
    chance = random.Random(8025)
    set_up(child.endpoint, subscriber)
    load = Load(child.endpoint)
    started = child.workers()
    for _ in range(KILLS):
        victim = chance.choice(child.workers())
        child.kill_worker(victim)
        other_workers(child, victim)
        load.wait_for(len(load.acknowledged) + 1)
    promised = load.stop()
    wanted = 2 * len(promised)  # a Send and a Delivery of each
    subscriber.wait_for(lambda seen: len(seen.events) >= wanted and missing(promised, seen) == set(), 150)
    assert not set(started) & set(child.workers())


def smarthosted(database: str, folder: Path, sink: Sink) -> Child:
    """Return a server with one worker, which hands everything over to the sink."""
    smarthost = {"host": "127.0.0.1", "port": sink.port, "tls": "none"}
    really: dict[str, Any] = {"dev_really_send": True, "routes": [{"transport": "smtp"}], "smarthost": smarthost}
    return Child(folder, database=database, workers=1, **really)


def send_one(child: Child) -> str:
    ses = client("ses", child.endpoint)
    ses.verify_email_identity(EmailAddress="a@example.com")
    to = {"ToAddresses": ["someone@example.net"]}
    message_id: str = ses.send_email(Source="a@example.com", Destination=to, Message=MESSAGE)["MessageId"]
    return message_id


def test_what_a_worker_had_in_hand_when_it_died_is_tried_again_at_once(database: str, tmp_path: Path) -> None:
    with Sink.listening() as sink, smarthosted(database, tmp_path, sink) as child:
        sink.script.once("DOT", STALL)
        send_one(child)
        sink.wait_for_mail(1)
        (worker,) = child.workers()
        child.kill_worker(worker)
        sink.wait_for_mail(2)  # long before a lease ends by itself
    first, second = (message_from_bytes(one.data)["Message-ID"] for one in sink.received)
    assert first == second


def test_a_stop_waits_for_the_attempt_in_hand_and_writes_down_how_it_ended(database: str, tmp_path: Path) -> None:
    with Sink.listening() as sink, smarthosted(database, tmp_path, sink) as child:
        sink.script.once("DOT", HOLD)
        message_id = send_one(child)
        sink.wait_for_mail(1)
        with ThreadPoolExecutor(1) as beside:
            stopping = beside.submit(child.stop)
            with pytest.raises(TimeoutError):
                stopping.result(1.0)
            sink.released.set()
            assert stopping.result() == 0
    assert len(sink.received) == 1
    assert asyncio.run(what_became_of(message_id, database, tmp_path)) == (["Delivery", "Send"], [])


async def what_became_of(message_id: str, database: str, folder: Path) -> tuple[list[str], list[OutgoingRow]]:
    store = await open_store(database, folder)
    told = await store.read(events.of_message, message_id)
    waiting = await store.read(outgoing.of_message, message_id)
    await store.close()
    return sorted(one.kind for one in told), waiting


def test_workers_end_with_the_process_that_started_them(child: Child) -> None:
    workers = child.workers()
    assert len(workers) == 2
    child.kill()
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < until, "workers outlived their server"
        threading.Event().wait(0.02)


def test_a_server_with_workers_ends_when_it_is_asked_to(child: Child, subscriber: Subscriber) -> None:
    set_up(child.endpoint, subscriber)
    assert child.stop() == 0
