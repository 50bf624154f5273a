"""Mail that leaves through other programs that speak the API of SES: a second Pillarbox, and moto's server."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.transport.ses_credentials import CredentialSource
from pillarbox.kit.errors import Refusal
from pillarbox.operate.chain import topics
from pillarbox.operate.chain.far import Far
from pillarbox.operate.chain.link import Link, Sought
from pillarbox.operate.chain.links import links
from pillarbox.operate.client import Client
from pillarbox.operate.queue import What
from pillarbox.operate.requests import RetryMail
from pillarbox.operate.upstream_requests import ExamineUpstream, SetUpstreamCredentials
from pillarbox.settings import EventsSetting, RouteSetting, UpstreamSetting
from pillarbox.store import events, outgoing, secrets, upstream_ids
from pillarbox.store.plan import Plan, Rows
from tests.support.far_ses import wait_until
from tests.support.far_sns import sample
from tests.support.lossy import LossyWay
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


async def test_the_doctor_says_when_both_sides_track_or_mail_names_no_set(far: Server) -> None:
    far.client("sesv2", region="eu-west-1").create_configuration_set(ConfigurationSetName="news")
    topic = far.client("sns", region="eu-west-1").create_topic(Name="events")["TopicArn"]

    async def missing(**settings: Any) -> set[str]:
        upstream = upstream_of(through(far, events=EventsSetting(topics=(topic,)), **settings))
        sought = Sought(upstream, "", SENDER)
        found = await links(Far(upstream, CredentialSource("far", upstream.given)), sought, repairing=True)
        return {link.name for link in found if not link.holds}

    assert await missing() == {"configuration set"}
    assert await missing(configuration_set="news") == set()
    assert await missing(configuration_set="news", tracking="ours") == {"tracking of news"}


async def test_a_subscription_that_nobody_confirms_is_told(far: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_CONFIRMATION_LOOKS", 1)
    topic = far.client("sns", region="eu-west-1").create_topic(Name="waiting")["TopicArn"]
    upstream = upstream_of(through(far, events=EventsSetting(topics=(topic,))))
    link = topics.Subscription(
        Far(upstream, CredentialSource("far", upstream.given)), topic, "https://203.0.113.1/in/sns/far"
    )
    nothing = await link.look()
    assert not nothing.link.holds and nothing.repair is not None
    await nothing.repair()

    found = (await link.look()).link
    assert "waits to be confirmed" in found.found and not found.holds


def test_moto_is_set_up_link_by_link_and_what_it_tells_arrives(tmp_path: Path) -> None:
    """It has no GetAccount and no event destinations: what it does have is made, and tells of mail through a queue."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        keys = {"aws_access_key_id": "AKIAMOTO", "aws_secret_access_key": "secret"}
        sns, sqs = (
            boto3.client(name, endpoint_url=f"http://{host}:{port}", region_name="eu-west-1", **keys)
            for name in ("sns", "sqs")
        )
        topic, url = "arn:aws:sns:eu-west-1:123456789012:told", f"http://{host}:{port}/123456789012/told"
        upstream = UpstreamSetting(
            name="moto", region="eu-west-1", endpoint_url=f"http://{host}:{port}", account="110000000003",
            access_key_id="AKIAMOTO", secret_access_key="secret", configuration_set="told", suppression=False,
            events=EventsSetting(topics=(topic,), queue_url=url),
        )  # fmt: skip
        with before(tmp_path, upstream) as near:
            ask = Client(tmp_path / "admin.sock").ask
            # It tells of every set that it is paused, and a domain waits until its owner publishes records.
            never = {"account", "event destinations of told", "configuration set told", "sender"}
            made = {
                one.name for one in ask(ExamineUpstream("moto", "new@else.example", True), list[Link]) if one.repaired
            }
            assert made == {
                "sender", f"topic {topic}", "configuration set told", "queue", f"queue policy for {topic}",
                f"subscription to {topic}",
            }  # fmt: skip
            assert {
                one.name for one in ask(ExamineUpstream("moto", "new@else.example"), list[Link]) if not one.holds
            } == never
            sns.publish(TopicArn=topic, Message=json.dumps(sample("bounce")))
            message_id = sample("bounce")["mail"]["messageId"]
            wait_until(lambda: [row.kind for row in near.read(events.of_message, message_id)] == ["Bounce"])

            breaks: dict[str, Callable[[], object]] = {
                f"queue policy for {topic}": lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""}),
                "queue": lambda: sqs.delete_queue(QueueUrl=url),
                f"topic {topic}": lambda: sns.delete_topic(TopicArn=topic),
            }
            for missing, break_it in breaks.items():
                break_it()
                assert missing in {one.name for one in ask(ExamineUpstream("moto"), list[Link]) if not one.holds}
                repaired = ask(ExamineUpstream("moto", "new@else.example", True), list[Link])
                assert {one.name for one in repaired if not one.holds} == never
    finally:
        moto.stop()


def test_a_lost_answer_of_another_pillarbox_sends_once(tmp_path: Path, far: Server) -> None:
    with LossyWay(far.endpoint) as way:
        upstream = msgspec.structs.replace(through(far), endpoint_url=way.endpoint)
        with before(tmp_path, upstream) as near:
            wait_until(lambda: way.requests > 0)  # its quota is read
            way.losing = 1
            message_id = send(near, "once@example.net")
            ask = Client(tmp_path / "admin.sock").ask
            wait_until(lambda: any(row.attempts for row in near.read(outgoing.of_message, message_id)))
            assert not near.read(upstream_ids.theirs, message_id)
            assert ask(RetryMail(What(message_id=message_id)), int) == 1
            near.settle()
            (linked,) = near.read(upstream_ids.theirs, message_id)
    far.settle()
    theirs = far.client("sesv2", region="eu-west-1").get_message_insights(MessageId=linked.their_id)
    assert [one["Destination"] for one in theirs["Insights"]] == ["once@example.net"]
    assert len(far.read(messages_to, far.account)) == 1


def messages_to(account: str) -> Plan[list[str]]:
    rows = yield Rows("SELECT message_id FROM messages WHERE account = ?", (account,))
    return [row[0] for row in rows]


def test_credentials_are_sealed_in_the_store_and_used_at_once(tmp_path: Path, far: Server) -> None:
    nowhere = {"access_key_id": "", "secret_access_key": ""}
    with before(tmp_path, through(far, **nowhere)) as near:

        def credentials(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, "-m", "pillarbox", "upstream", "credentials", *arguments, "far"]
            command += ["--data", str(tmp_path)]
            return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)

        assert "AWS_ACCESS_KEY_ID=" in credentials("set", given="nothing of the kind").stderr
        done = credentials("set", given=f"AWS_ACCESS_KEY_ID={far.key_id}\nAWS_SECRET_ACCESS_KEY={far.secret}\n")
        assert done.returncode == 0 and far.secret not in done.stdout + done.stderr
        message_id = send(near, "a@example.net")
        near.settle()
        assert near.read(upstream_ids.theirs, message_id)
        sealed = near.read(secrets.get, "upstream/far")
        assert sealed and far.secret.encode() not in sealed

    with before(tmp_path, through(far, **nowhere)) as near:
        message_id = send(near, "b@example.net")
        near.settle()
        assert near.read(upstream_ids.theirs, message_id), "they are there after a new start"
        assert credentials("remove").returncode == 0
        assert "has no credentials" in credentials("remove").stderr


def test_what_the_settings_give_goes_before_the_store(tmp_path: Path, far: Server) -> None:
    with before(tmp_path, through(far)):
        ask = Client(tmp_path / "admin.sock").ask
        with pytest.raises(Refusal, match="go before those of the store"):
            ask(SetUpstreamCredentials("far", "AKIAOTHER", "secret"), type(None))
