"""Recipients of one message at the same destination share a transaction, and each has an outcome of their own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillarbox.settings import MxSetting, RouteSetting, SmarthostSetting
from pillarbox.store import events
from tests.support.name_server import NameServer
from tests.support.server import RunningServer
from tests.support.sink import Sink

A, B, C = "a@example.net", "b@example.net", "c@example.net"
ELSEWHERE = "d@example.com"
SENDER = "shop@example.org"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink.listening(extensions=("8BITMIME", "SIZE 1000000", "PIPELINING")) as sink:
        yield sink


def way(transport: str, sink: Sink, zone: NameServer) -> dict[str, Any]:
    return {
        "dev": True,
        "dev_really_send": True,
        "nameservers": (zone.address,),
        "routes": (RouteSetting(transport=transport),),
        "mx": MxSetting(port=sink.port, private_addresses=True),
        "smarthost": SmarthostSetting(host="127.0.0.1", port=sink.port, tls="none"),
    }


def send(folder: Path, settings: dict[str, Any], *recipients: str) -> dict[str, str]:
    """Return what became of each recipient of one message."""
    with RunningServer.started(folder, **settings) as running:
        server = running.for_new_account()
        ses = server.client("sesv2")
        ses.create_email_identity(EmailIdentity="example.org")
        message_id = ses.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": list(recipients)},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
        )["MessageId"]
        server.settle()
        facts = [(row.kind, msgspec.json.decode(row.fact)) for row in server.read(events.of_message, message_id)]
    ends = {"Delivery", "Bounce", "DeliveryDelay"}
    return {
        one if isinstance(one, str) else one["address"]: kind
        for kind, fact in facts
        if kind in ends
        for one in fact["recipients"]
    }


def transactions(sink: Sink) -> list[list[str]]:
    """Return who got mail together, but for the sender, who is told of bounces."""
    return [one.recipients for one in sink.received if one.recipients != [SENDER]]


@pytest.mark.parametrize("transport", ["mx", "smtp"])
async def test_one_transaction_for_all_at_a_destination(tmp_path: Path, sink: Sink, transport: str) -> None:
    sink.script.always(f"RCPT {B}", "550 5.1.1 no such user")
    async with NameServer() as zone:
        for domain in ("example.net", "example.com"):
            zone.add(domain, "MX", "10 mail.example.net.")
        zone.add("mail.example.net", "A", "127.0.0.1")
        became = await asyncio.to_thread(send, tmp_path, way(transport, sink, zone), A, B, C, ELSEWHERE)

    assert became == {A: "Delivery", B: "Bounce", C: "Delivery", ELSEWHERE: "Delivery"}
    assert sorted(transactions(sink)) == [[A, C], [ELSEWHERE]]


@pytest.mark.parametrize("transport", ["mx", "smtp"])
async def test_a_server_that_takes_two_at_a_time_gets_as_many_transactions_as_it_needs(
    tmp_path: Path, sink: Sink, transport: str
) -> None:
    sink.most_recipients = 2
    async with NameServer() as zone:
        zone.add("example.net", "MX", "10 mail.example.net.")
        zone.add("mail.example.net", "A", "127.0.0.1")
        became = await asyncio.to_thread(send, tmp_path, way(transport, sink, zone), A, B, C)

    assert became == dict.fromkeys((A, B, C), "Delivery")
    assert transactions(sink) == [[A, B], [C]]
    assert sink.connections == 1
