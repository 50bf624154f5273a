"""PostgreSQL is restarted, crashes and is cut off while programs send: refusals that are worth a try, and no loss."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.faults.test_kill import client, missing, set_up
from tests.faults.test_worker_processes import Load
from tests.support.child import Child
from tests.support.cut_off import Way, way_to
from tests.support.postgres import Postgres
from tests.support.sink import Sink
from tests.support.subscriber import Subscriber

CUT_SECONDS = 5
# https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html: what SDKs try again.
WORTH_A_TRY = {(503, "ServiceUnavailable"), (500, "InternalFailure")}


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One that nobody else needs."""
    with Postgres.started() as server:
        yield server


@pytest.fixture
def way(own_postgres: Postgres) -> Iterator[Way]:
    with way_to(own_postgres.socket()) as opened:
        yield opened


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink.listening() as listening:
        yield listening


@pytest.fixture
def child(tmp_path: Path, own_postgres: Postgres, way: Way, sink: Sink) -> Iterator[Child]:
    """A server of three processes that hands its mail to the sink."""
    settings: dict[str, Any] = {
        "database": way.url(own_postgres.new_database()),
        "workers": 2,
        "dev_really_send": True,
        "routes": [{"transport": "smtp"}],
        "smarthost": {"host": "127.0.0.1", "port": sink.port, "tls": "none"},
    }
    with Child(tmp_path, **settings) as started:
        until_it_answers(started.endpoint)
        yield started


def until_it_answers(endpoint: str) -> None:
    """Let processes that have just started read what their first requests need."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(BotoCoreError, ClientError):
            client("ses", endpoint).list_identities()
            client("sns", endpoint).list_topics()
            return
    raise AssertionError("it never answered")


def test_a_postgresql_that_fails_loses_nothing_and_the_server_goes_on_by_itself(
    child: Child, own_postgres: Postgres, way: Way, sink: Sink
) -> None:
    with Subscriber.listening() as subscriber:
        set_up(child.endpoint, subscriber)
        load = Load(child.endpoint)
        load.wait_for(10)
        processes = child.workers()
        for fail in (
            lambda: own_postgres.restart("fast"),
            lambda: own_postgres.restart("immediate"),
            lambda: cut_off(way),
        ):
            fail()
            load.wait_for(len(load.acknowledged) + 20)
        promised = load.stop()
        wanted = 2 * len(promised)  # a Send and a Delivery of each
        # What was claimed unheard waits for the end of a lease: of the mail, of the log's follower, of the post.
        with suppress(AssertionError):
            subscriber.wait_for(lambda seen: len(seen.events) >= wanted and missing(promised, seen) == set(), 240)
        assert missing(promised, subscriber) == set(), f"of {len(promised)} messages"
    assert child.workers() == processes, "a process of the server ended"
    assert set(load.refused) <= WORTH_A_TRY
    assert load.refused, "nothing ever failed"
    taken = Counter(identifiers(sink))
    assert set(promised) <= set(taken)
    assert [message_id for message_id, times in taken.items() if times > 1] == []


def cut_off(way: Way) -> None:
    way.cut()
    threading.Event().wait(CUT_SECONDS)
    way.mend()


def identifiers(sink: Sink) -> list[str]:
    """Return the message ids of what the sink took, which SES puts before the @ of Message-ID."""
    until = time.monotonic() + 10
    while sink.received == [] and time.monotonic() < until:
        threading.Event().wait(0.05)
    found = []
    for mail in list(sink.received):
        line = next(line for line in mail.data.split(b"\r\n") if line.lower().startswith(b"message-id:"))
        found.append(line.partition(b"<")[2].partition(b"@")[0].decode())
    return found
