"""Mail of a configuration set that leaves from addresses of its own, and over TLS or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.settings import MxSetting, PoolSetting, RouteSetting
from pillarbox.store import events
from tests.support.name_server import NameServer
from tests.support.server import RunningServer
from tests.support.sink import Sink

COMMON, OF_POOL = "127.0.0.2", "127.0.0.3"


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    async with NameServer() as zone:
        zone.add("example.net", "MX", "10 mail.example.net.")
        zone.add("mail.example.net", "A", "127.0.0.1")
        yield zone


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink.listening() as sink:
        yield sink


@pytest.fixture
def settings(zone: NameServer, sink: Sink) -> dict[str, Any]:
    return {
        "dev": True,
        "dev_really_send": True,
        "routes": (RouteSetting(transport="mx"),),
        "mx": MxSetting(port=sink.port, private_addresses=True, helo="all.example.org", source_ipv4=COMMON),
        "pools": {"receipts": PoolSetting(OF_POOL, helo="receipts.example.org")},
        "nameservers": (zone.address,),
    }


def send(ses: Any, configuration_set: str, *recipients: str) -> str:
    message_id: str = ses.send_email(
        FromEmailAddress="shop@example.com",
        Destination={"ToAddresses": list(recipients)},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
        ConfigurationSetName=configuration_set,
    )["MessageId"]
    return message_id


async def test_mail_leaves_from_the_pool_of_its_configuration_set(
    tmp_path: Path, settings: dict[str, Any], sink: Sink
) -> None:
    def sent() -> dict[str, str]:
        with RunningServer.started(tmp_path, **settings) as running:
            ses = running.for_new_account().client("sesv2")
            ses.create_email_identity(EmailIdentity="example.com")
            pool = {"SendingPoolName": "receipts"}
            ses.create_configuration_set(ConfigurationSetName="all")
            ses.create_configuration_set(ConfigurationSetName="paid", DeliveryOptions=pool)
            split = [{"Key": "pillarbox:split-recipients", "Value": "true"}]
            ses.create_configuration_set(ConfigurationSetName="split", DeliveryOptions=pool, Tags=split)
            send(ses, "all", "a@example.net")
            send(ses, "paid", "b@example.net")
            send(ses, "split", "c@example.net", "d@example.net")
            sink.wait_for_mail(4)
        return {one.recipients[0]: one.helo for one in sink.received}

    by_recipient = await asyncio.to_thread(sent)

    assert by_recipient == {
        "a@example.net": "all.example.org",
        "b@example.net": "receipts.example.org",
        "c@example.net": "receipts.example.org",
        "d@example.net": "receipts.example.org",
    }
    assert set(sink.came_from) == {COMMON, OF_POOL}


async def test_mail_that_needs_tls_waits_before_a_server_that_has_none(
    tmp_path: Path, settings: dict[str, Any], sink: Sink
) -> None:
    def kinds() -> list[str]:
        with RunningServer.started(tmp_path, **settings) as running:
            server = running.for_new_account()
            ses = server.client("sesv2")
            ses.create_email_identity(EmailIdentity="example.com")
            ses.create_configuration_set(ConfigurationSetName="safe", DeliveryOptions={"TlsPolicy": "REQUIRE"})
            ses.create_configuration_set(ConfigurationSetName="any")
            held = send(ses, "safe", "a@example.net")
            send(ses, "any", "b@example.net")
            sink.wait_for_mail(1)
            until = time.monotonic() + 20
            while len(found := server.read(events.of_message, held)) < 2:
                assert time.monotonic() < until, "nothing became of the mail"
                time.sleep(0.02)
            return [event.kind for event in found]

    assert await asyncio.to_thread(kinds) == ["Send", "DeliveryDelay"]
    assert [one.recipients for one in sink.received] == [["b@example.net"]]
