"""Servers are replaced, several one after the other and one by the next, and nobody who sends sees any of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_kill import client, set_up
from tests.faults.test_worker_processes import MESSAGE
from tests.scenarios.test_roles import status
from tests.support.balancer import Balancer
from tests.support.child import Child
from tests.support.postgres import Postgres
from tests.support.server import RunningServer
from tests.support.subscriber import Subscriber

DRAIN_SECONDS = 1.5  # far longer than a sender thinks between two requests
SENDERS = 3


class Senders:
    """Send over connections that they keep, without a second try, until they are told to stop."""

    def __init__(self, endpoint: str) -> None:
        self.sent: list[str] = []
        self.failed: list[Exception] = []
        self._over = threading.Event()
        # Longer than a program takes to start.
        ses = [client("ses", endpoint, read_timeout=60) for _ in range(SENDERS)]
        self._threads = [threading.Thread(target=self._send, args=(one,)) for one in ses]
        for thread in self._threads:
            thread.start()

    def _send(self, ses: Any) -> None:
        mail = {"Source": "a@example.com", "Message": MESSAGE, "ConfigurationSetName": "all"}
        while not self._over.is_set():
            try:
                answer = ses.send_email(Destination={"ToAddresses": ["someone@example.net"]}, **mail)
            except Exception as error:
                self.failed.append(error)
            else:
                self.sent.append(answer["MessageId"])

    def wait_for(self, count: int) -> None:
        """Return when so many more are sent."""
        wanted = len(self.sent) + count
        while len(self.sent) < wanted and not self.failed:
            self._over.wait(0.01)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)


class Fleet:
    """Servers over one PostgreSQL behind a load balancer."""

    def __init__(self, folder: Path, database: str, balancer: Balancer) -> None:
        self._folder = folder
        self._shared = {"database": database, "keyring": str(folder / "keyring.json"), "dev": True}
        self._balancer = balancer
        self._running: dict[str, tuple[RunningServer, ExitStack]] = {}

    def start(self) -> str:
        """Start one more, and return its URL."""
        stack = ExitStack()
        server = stack.enter_context(
            RunningServer.started(
                self._folder / f"server-{len(list(self._folder.iterdir()))}",
                public_url=self._balancer.endpoint,
                drain_seconds=DRAIN_SECONDS,
                **self._shared,
            )
        )
        self._running[server.endpoint] = server, stack
        self._balancer.servers.append(server.endpoint)
        return server.endpoint

    def stop(self, server: str) -> None:
        """Stop one, lead nobody there any more once it asks for that, and wait for its end."""
        running, stack = self._running.pop(server)
        running.stop()
        while (told := status(f"{server}/readyz"))[0] == 200:
            pass
        assert told == (503, "this server is about to stop\n")
        self._balancer.forget(server)
        stack.close()

    def stop_all(self) -> None:
        for server, _ in self._running.values():
            server.stop()
        for _, stack in self._running.values():
            stack.close()


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    with Balancer.standing() as standing:
        yield standing


@pytest.fixture
def fleet(tmp_path: Path, postgres: Postgres, with_schema: str, balancer: Balancer) -> Iterator[Fleet]:
    servers = Fleet(tmp_path, postgres.new_database(with_schema), balancer)
    yield servers
    servers.stop_all()


def test_servers_are_replaced_one_by_one_without_a_refused_request_and_all_is_told(
    fleet: Fleet, balancer: Balancer
) -> None:
    old = [fleet.start(), fleet.start()]
    with Subscriber.listening() as subscriber:
        set_up(balancer.endpoint, subscriber)
        senders = Senders(balancer.endpoint)
        new = []
        for server in old:
            fleet.stop(server)
            new.append(fleet.start())
        senders.stop()
        wanted = {(message_id, kind) for message_id in senders.sent for kind in ("Send", "Delivery")}
        subscriber.wait_for(
            lambda seen: wanted <= {(one["mail"]["messageId"], one["eventType"]) for one in seen.events}, 60
        )
    assert senders.failed == []
    assert {*old, new[0]} <= set(balancer.led), "not all of them answered"


def test_a_server_whose_port_the_service_manager_keeps_is_replaced_without_a_refused_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def child() -> Child:
            return Child(tmp_path, listener=listener, drain_seconds=DRAIN_SECONDS)

        with child() as first:
            assert first.endpoint == endpoint
            ses = client("ses", endpoint)
            ses.verify_email_identity(EmailAddress="a@example.com")
            ses.create_configuration_set(ConfigurationSet={"Name": "all"})
            senders = Senders(endpoint)
            senders.wait_for(SENDERS)
            assert first.stop() == 0
        with child():
            senders.wait_for(SENDERS)
            senders.stop()
            sent_last_day = client("ses", endpoint).get_send_quota()["SentLast24Hours"]
    assert senders.failed == []
    assert sent_last_day == len(senders.sent)
