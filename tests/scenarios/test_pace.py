"""A provider that throttles, and the operator who looks on: from boto3 to the provider, with the command line."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pillarbox.settings import MxSetting, RouteSetting
from tests.support.name_server import NameServer
from tests.support.server import RunningServer, Server
from tests.support.sink import Received, Sink

SENDER = "shop@somewhere.example"
SLOWER = "421-4.7.28 Our system has detected an unusual rate of mail\n421 4.7.28 from your IP address"


class Arrivals(list[Received]):
    """Mail as it came, with the times at which it came."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def append(self, received: Received) -> None:
        self.at.append(time.monotonic())
        super().append(received)


@pytest.fixture
def provider() -> Iterator[Sink]:
    """One provider, who hosts several domains."""
    with Sink.listening() as listening:
        listening.received = Arrivals()
        yield listening


@asynccontextmanager
async def world_of(*hosted: str) -> AsyncIterator[NameServer]:
    """A name server that leads mail for these domains to the exchanger of one provider."""
    async with NameServer() as zone:
        for domain in hosted:
            zone.add(domain, "MX", "10 mx.provider.example.")
        zone.add("mx.provider.example", "A", "127.0.0.1")
        yield zone


class Play:
    """A server that sends directly, its user and its operator."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._folder = folder
        self._ses = server.client("ses")
        self._ses.verify_email_identity(EmailAddress=SENDER)

    def send(self, *recipients: str) -> list[str]:
        message = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
        return [
            self._ses.send_email(Source=SENDER, Destination={"ToAddresses": [one]}, Message=message)["MessageId"]
            for one in recipients
        ]

    def command(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "pillarbox", *arguments, "--data", str(self._folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def paces(self) -> list[dict[str, Any]]:
        printed = self.command("pace", "--json")
        paces: list[dict[str, Any]] = json.loads(printed)
        return paces

    def wait_until_throttled(self) -> dict[str, Any]:
        until = time.monotonic() + 20
        while not (paces := self.paces()):
            assert time.monotonic() < until
        return paces[0]


async def play(scene: Any, folder: Path, provider: Sink, *domains: str) -> None:
    """Let `scene` run beside the name server."""
    async with world_of(*domains) as zone:

        def begin() -> None:
            with RunningServer.started(
                folder,
                dev=True,
                dev_really_send=True,
                nameservers=(zone.address,),
                routes=(RouteSetting(transport="mx"),),
                mx=MxSetting(port=provider.port, private_addresses=True),
            ) as running:
                scene(Play(running.for_new_account(), folder))

        await asyncio.to_thread(begin)


async def test_a_throttling_provider_is_left_alone_for_all_its_domains_until_told_otherwise(
    tmp_path: Path, provider: Sink
) -> None:
    def scene(it: Play) -> None:
        provider.script.once("MAIL", SLOWER)
        it.send("a@one.example")
        pace = it.wait_until_throttled()
        assert (pace["egress"], pace["provider"]) == ("mx", "provider.example")
        assert "4.7.28" in pace["why"] and pace["not_before"] > time.time() * 1000

        (second,) = it.send("b@two.example")
        it.send("c@elsewhere.example")  # a domain that does not exist: another lane
        shown = it.command("queue")
        assert "mx/provider.example" in shown and "because the provider said: 421" in shown
        assert "IPFailure: 421" in shown
        assert "because the provider said" in it.command("history", second)
        assert not provider.received, "the second domain is the same provider's"

        assert it.command("retry", "--provider", "provider.example") == "1 delivery is tried now\n"
        provider.wait_for_mail(2)
        it.server.settle()
        assert "nothing waits" in it.command("queue")

    await play(scene, tmp_path, provider, "one.example", "two.example")


async def test_a_pace_set_by_hand_is_what_the_provider_sees(tmp_path: Path, provider: Sink) -> None:
    rate = 20.0

    def scene(it: Play) -> None:
        assert "20/s" in it.command("pace", "mx/provider.example", "--rate", str(rate))
        it.send(*(f"{number}@one.example" for number in range(30)))
        provider.wait_for_mail(30)
        it.server.settle()

    await play(scene, tmp_path, provider, "one.example")

    assert isinstance(provider.received, Arrivals)
    at = provider.received.at
    for first, start in enumerate(at):  # the way from our turn to the sink takes some milliseconds more or less
        for last in range(first, len(at)):
            assert last - first + 1 <= rate * (at[last] - start + 0.15) + 1


async def test_what_an_operator_pauses_waits_within_a_second(tmp_path: Path, provider: Sink) -> None:
    def scene(it: Play) -> None:
        assert (
            it.command("pause", "--account", it.server.account, "--why", "unpaid") == "paused; 0 deliveries are held\n"
        )
        (message_id,) = it.send("a@one.example")
        assert "unpaid" in it.command("history", message_id)
        shown = json.loads(it.command("queue", "--json"))
        assert [lane["closed"][-8:] for lane in shown["lanes"]] == [": unpaid"]
        assert not provider.received

        assert it.command("resume", "--account", it.server.account) == "resumed; 1 delivery is going on\n"
        provider.wait_for_mail(1)
        it.server.settle()

    await play(scene, tmp_path, provider, "one.example")
