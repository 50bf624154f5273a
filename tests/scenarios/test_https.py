"""All that is asked by HTTP can be asked by HTTPS, with a certificate of the operator's."""

import http.client
import ssl
from pathlib import Path

import boto3
import pytest

from pillarbox.settings import SettingsError, load
from tests.scenarios.test_tracking import TARGET, Shop
from tests.support.https_front import make_certificate
from tests.support.server import RunningServer


@pytest.mark.parametrize("workers", [0, 1])
def test_mail_is_sent_and_its_links_are_followed_by_https(tmp_path: Path, workers: int) -> None:
    authority = tmp_path / "authority.pem"
    certificate = make_certificate("localhost", authority, tmp_path / "own.pem")
    with RunningServer.started(
        tmp_path / "data", dev=True, https_port=-1, tls_certificate=str(certificate), workers=workers
    ) as running:
        port = running.listening.https_port
        shop = Shop(running.for_new_account())
        shop.ses = boto3.client(
            "ses",
            endpoint_url=f"https://localhost:{port}",
            verify=str(authority),
            region_name="us-east-1",
            aws_access_key_id=shop.server.key_id,
            aws_secret_access_key="any",
        )
        link, _ = shop.link_and_pixel(shop.send())
        for target in (link.partition("/CL0/")[2], link.partition("/CL0/")[2].replace("%2F", "/")):
            connection = http.client.HTTPSConnection(
                "localhost", port, timeout=20, context=ssl.create_default_context(cafile=str(authority))
            )
            connection.request("GET", "/CL0/" + target)
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("location")) == (302, TARGET)
            connection.request("GET", "/favicon.ico")
            answer.read()
            assert connection.getresponse().getheader("x-amz-ses-request-protocol") == "https"
            connection.close()
        assert [event["eventType"] for event in shop.told()] == ["Click", "Click"]


def test_https_needs_a_certificate() -> None:
    with pytest.raises(SettingsError, match="`https_port` needs a `tls_certificate`"):
        load(None, {}, {"https_port": 443})
