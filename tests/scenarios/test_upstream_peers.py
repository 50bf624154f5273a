"""Mail that leaves through other programs that speak the API of SES: a second Pillarbox, and moto's server."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.transport.ses_client import SesClient
from pillarbox.operate import upstream_doctor
from pillarbox.settings import EventsSetting, RouteSetting, UpstreamSetting
from pillarbox.store import outgoing, upstream_ids
from tests.support.far_ses import wait_until
from tests.support.server import RunningServer, Server

SENDER = "shop@somewhere.example"


@contextmanager
def before(folder: Path, upstream: UpstreamSetting) -> Iterator[Server]:
    """Run a server that hands everything to an upstream."""
    route = RouteSetting(transport="ses", upstream=upstream.name)
    with RunningServer.started(
        folder, dev=True, dev_really_send=True, routes=(route,), upstreams=(upstream,)
    ) as running:
        server = running.for_new_account()
        server.client("sesv2").create_email_identity(EmailIdentity=SENDER)
        yield server


def send(server: Server, *recipients: str) -> str:
    message_id: str = server.client("sesv2").send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": list(recipients)},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
    )["MessageId"]
    return message_id


@pytest.fixture
def far(production: Server) -> Server:
    """A second Pillarbox, which verifies signatures and knows the sender."""
    production.vouch("somewhere.example", "eu-west-1")
    return production


def through(far: Server, **settings: Any) -> UpstreamSetting:
    given = {"access_key_id": far.key_id, "secret_access_key": far.secret, **settings}
    return UpstreamSetting(name="far", region="eu-west-1", endpoint_url=far.endpoint, **given)


def test_a_message_is_one_here_and_there(tmp_path: Path, far: Server) -> None:
    with before(tmp_path, through(far)) as near:
        message_id = send(near, "a@example.net", "b@example.org")
        near.settle()
        (linked,) = near.read(upstream_ids.theirs, message_id)

    far.settle()
    captures = far.read(outgoing.captures_of, linked.their_id)
    assert {address for one in captures for address in json.loads(one.recipients)} == {"a@example.net", "b@example.org"}
    insight = far.read(upstream_ids.theirs, linked.their_id)
    assert not insight, "to the far side it is a message like any other"


def test_a_wrong_secret_is_told_and_the_mail_waits(tmp_path: Path, far: Server) -> None:
    with before(tmp_path, through(far, secret_access_key="wrong")) as near:
        message_id = send(near, "a@example.net")

        def why() -> str:
            return "".join(row.why for row in near.read(outgoing.of_message, message_id))

        wait_until(lambda: "Signature" in why())
        assert near.read(upstream_ids.theirs, message_id) == []


def test_moto_takes_mail_and_tells_its_quota(tmp_path: Path) -> None:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        keys = {"aws_access_key_id": "AKIAMOTO", "aws_secret_access_key": "secret"}
        endpoint = f"http://{host}:{port}"
        theirs = boto3.client("sesv2", endpoint_url=endpoint, region_name="eu-west-1", **keys)
        theirs.create_email_identity(EmailIdentity=SENDER)
        upstream = UpstreamSetting(
            name="moto",
            region="eu-west-1",
            endpoint_url=endpoint,
            access_key_id="AKIAMOTO",
            secret_access_key="secret",
        )
        with before(tmp_path, upstream) as near:
            message_id = send(near, "a@example.net")
            near.settle()
            (linked,) = near.read(upstream_ids.theirs, message_id)
        assert linked.their_id in [one["id"] for one in sent_by_moto(host, port)]
    finally:
        moto.stop()


def sent_by_moto(host: str, port: int) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", "/moto-api/data.json")
    data = json.loads(connection.getresponse().read())
    connection.close()
    found: list[dict[str, Any]] = data["ses"]["RawMessage"]
    return found


def test_the_doctor_says_which_link_of_the_chain_is_missing(tmp_path: Path, far: Server) -> None:
    ses, sns = far.client("sesv2", region="eu-west-1"), far.client("sns", region="eu-west-1")
    topic = sns.create_topic(Name="events")["TopicArn"]
    told_by = EventsSetting(topics=(topic,))

    def examine(**settings: Any) -> tuple[dict[str, bool], str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with before(folder, through(far, events=told_by, **settings)) as near:
            command = ["upstream", "doctor", "far", "--sender", SENDER, "--json", "--data", str(folder)]
            done = subprocess.run([sys.executable, "-m", "pillarbox", *command], capture_output=True, text=True)
            url = f"{near.endpoint}/in/sns/far"
        assert done.stdout, done.stderr
        return {one["name"]: one["holds"] for one in json.loads(done.stdout)}, url

    assert examine(secret_access_key="wrong")[0] == {"account": False}
    links, _ = examine()
    assert links == {
        "account": True,
        "sender": True,
        "configuration set": False,
        f"subscription to {topic}": False,
    }
    assert examine(configuration_set="news")[0]["configuration set news"] is False

    ses.create_configuration_set(ConfigurationSetName="news")
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="news",
        EventDestinationName="pillarbox",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "DELIVERY_DELAY", "OPEN", "CLICK"],
            "SnsDestination": {"TopicArn": topic},
        },
    )
    links, _ = examine(configuration_set="news")
    assert links["configuration set news"] and links["event destinations of news"]
    links, _ = examine(configuration_set="news", tracking="ours")
    assert links["tracking of news"] is False


async def test_a_subscription_that_waits_to_be_confirmed_is_told(far: Server) -> None:
    sns = far.client("sns", region="eu-west-1")
    topic = sns.create_topic(Name="waiting")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://203.0.113.1/in/sns/far")
    client = SesClient(upstream_of(through(far, events=EventsSetting(topics=(topic,)))))
    try:
        found = await upstream_doctor.links(client, "https://203.0.113.1/in/sns/far")
    finally:
        await client.close()

    assert "waits to be confirmed" in found[-1].found and not found[-1].holds
