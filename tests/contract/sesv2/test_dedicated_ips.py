"""Dedicated IP pools in v2: those of the settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.settings import PoolSetting
from tests.support.refused import refused
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def ses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A v2 client of a server with two pools."""
    folder: Path = tmp_path_factory.mktemp("pools")
    pools = {"receipts": PoolSetting("192.0.2.1", "2001:db8::1"), "bulk": PoolSetting("192.0.2.2")}
    with RunningServer.started(folder, dev=True, pools=pools) as running:
        yield running.for_new_account().client("sesv2")


def test_list_dedicated_ip_pools_in_pages(ses) -> None:  # type: ignore[no-untyped-def]
    first = ses.list_dedicated_ip_pools(PageSize=1)
    assert first["DedicatedIpPools"] == ["bulk"]
    rest = ses.list_dedicated_ip_pools(NextToken=first["NextToken"])
    assert rest["DedicatedIpPools"] == ["receipts"]
    assert "NextToken" not in rest


def test_get_dedicated_ip_pool(ses) -> None:  # type: ignore[no-untyped-def]
    found = ses.get_dedicated_ip_pool(PoolName="bulk")["DedicatedIpPool"]
    assert found == {"PoolName": "bulk", "ScalingMode": "STANDARD"}
    with refused("NotFoundException", "Dedicated IP pool <none> does not exist.", status=404):
        ses.get_dedicated_ip_pool(PoolName="none")


def test_get_dedicated_ips_of_one_pool_and_of_all(ses) -> None:  # type: ignore[no-untyped-def]
    told = ses.get_dedicated_ips(PoolName="receipts")["DedicatedIps"]
    assert [one["Ip"] for one in told] == ["192.0.2.1", "2001:db8::1"]
    assert len(ses.get_dedicated_ips()["DedicatedIps"]) == 3
    with refused("NotFoundException", status=404):
        ses.get_dedicated_ips(PoolName="none")


def test_get_dedicated_ip(ses) -> None:  # type: ignore[no-untyped-def]
    told = ses.get_dedicated_ip(Ip="192.0.2.2")["DedicatedIp"]
    assert told == {
        "Ip": "192.0.2.2",
        "WarmupStatus": "NOT_APPLICABLE",
        "WarmupPercentage": 100,
        "PoolName": "bulk",
    }
    with refused("NotFoundException", status=404):
        ses.get_dedicated_ip(Ip="192.0.2.9")


def test_a_configuration_set_may_choose_a_pool_that_there_is(ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSetName="paid", DeliveryOptions={"SendingPoolName": "receipts"})
    found = ses.get_configuration_set(ConfigurationSetName="paid")["DeliveryOptions"]
    assert found == {"TlsPolicy": "OPTIONAL", "SendingPoolName": "receipts"}


def test_pages_are_as_long_as_pages_may_be_and_follow_each_other(ses) -> None:  # type: ignore[no-untyped-def]
    for listing in (ses.list_dedicated_ip_pools, ses.get_dedicated_ips):
        with refused("BadRequestException"):
            listing(NextToken="no token")
        with refused("BadRequestException"):
            listing(PageSize=1_001)
