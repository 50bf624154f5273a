"""Servers with different roles share a database: what one accepts the other delivers and tells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.faults.test_kill import client, set_up
from tests.faults.test_worker_processes import MESSAGE
from tests.support.child import Child
from tests.support.subscriber import Subscriber


@pytest.fixture
def servers(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Child, Child]]:
    """One that answers, and one that works in the background."""
    shared: dict[str, Any] = {"database": postgres_url, "keyring": str(tmp_path / "keyring.json")}
    with Child(tmp_path / "front", roles=["api"], **shared) as front:
        with Child(tmp_path / "back", roles=["delivery", "events"], public_url=front.endpoint, **shared) as back:
            yield front, back


def status(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_what_one_server_accepts_another_delivers_and_tells(servers: tuple[Child, Child]) -> None:
    front = servers[0]
    with Subscriber.listening() as subscriber:
        set_up(front.endpoint, subscriber)
        sent = client("ses", front.endpoint).send_email(
            Source="a@example.com",
            Destination={"ToAddresses": ["someone@example.net"]},
            Message=MESSAGE,
            ConfigurationSetName="all",
        )
        subscriber.wait_for(lambda seen: len(seen.events) >= 2, 60)
        told = {(event["mail"]["messageId"], event["eventType"]) for event in subscriber.events}
    assert told == {(sent["MessageId"], "Send"), (sent["MessageId"], "Delivery")}


def test_each_server_answers_what_its_roles_name_and_its_probes(servers: tuple[Child, Child]) -> None:
    back = servers[1]
    for server in servers:
        assert status(f"{server.endpoint}/healthz")[0] == 200
        assert status(f"{server.endpoint}/readyz") == (200, "ready\n")
        assert status(f"{server.endpoint}/ui/") == (404, "this server has not the role 'dashboard'\n")
        assert (server.smtp_port, server.return_path_port) == (0, 0)
    assert status(f"{back.endpoint}/v2/email/account") == (404, "this server has not the role 'api'\n")
