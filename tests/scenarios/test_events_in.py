"""Another SES tells what becomes of mail, by posts and through a queue, and it is all in one history here."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pillarbox.settings import EventsSetting, RouteSetting, UpstreamSetting
from pillarbox.store import events, messages, quarantine, upstream_ids
from tests.support.far_pillarbox import far_pillarbox
from tests.support.far_queue import FarQueue
from tests.support.far_sns import FarSns, sample
from tests.support.listening_queue import ListeningQueue
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.signing import send
from tests.support.tls_front import TlsFront

FAR_ACCOUNT = "210000000001"
ACCOUNT = "110000000001"
TOPIC = f"arn:aws:sns:us-east-1:{FAR_ACCOUNT}:ses-events"
_PATIENCE_SECONDS = 30.0


def _upstream(*, ca_file: object = "", endpoint_url: str = "http://127.0.0.1:1", **given: Any) -> UpstreamSetting:
    """Describe the far side. A key of a server in dev mode is the number of its account."""
    return UpstreamSetting(
        name="far", region="us-east-1", account=ACCOUNT, endpoint_url=endpoint_url, suppression=False,
        access_key_id=FAR_ACCOUNT, secret_access_key="y", ca_file=str(ca_file), configuration_set="newsletters",
        events=EventsSetting(**given),
    )  # fmt: skip


def _until(there: Callable[[], bool]) -> None:
    """Wait for what others do in their own time."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def _kinds(server: Server, message_id: str) -> list[str]:
    return [row.kind for row in server.read(events.of_message, message_id)]


@pytest.fixture
def far_side(tmp_path: Path) -> Iterator[tuple[Server, TlsFront]]:
    """A second Pillarbox, reached over HTTPS, whose SNS signs with a certificate of its own."""
    with far_pillarbox(tmp_path / "far", FAR_ACCOUNT) as standing:
        yield standing


def _subscribed(far: Server, server: Server, identity: str) -> None:
    """Set the far side up as its owner does, with our endpoint as the subscriber."""
    sns, ses = far.client("sns"), far.client("sesv2")
    assert sns.create_topic(Name="ses-events")["TopicArn"] == TOPIC
    subscription = sns.subscribe(
        TopicArn=TOPIC, Protocol="http", Endpoint=f"{server.endpoint}/in/sns/far", ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    ses.create_email_identity(EmailIdentity=identity)
    ses.create_configuration_set(ConfigurationSetName="newsletters")
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="newsletters",
        EventDestinationName="here",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT"],
            "SnsDestination": {"TopicArn": TOPIC},
        },
    )
    _until(
        lambda: (
            sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["PendingConfirmation"]
            == "false"
        )
    )


def _send(far: Server, sender: str, to: str) -> str:
    message_id: str = far.client("sesv2").send_email(
        FromEmailAddress=f"Orders <{sender}>",
        Destination={"ToAddresses": [to]},
        Content={"Simple": {"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "It is on its way."}}}},
        ConfigurationSetName="newsletters",
        EmailTags=[{"Name": "campaign", "Value": "spring"}],
    )["MessageId"]
    return message_id


def test_an_application_that_sends_elsewhere_gets_its_history_here(
    far_side: tuple[Server, TlsFront], tmp_path: Path
) -> None:
    far, front = far_side
    upstream = _upstream(topics=(TOPIC,), certificate_hosts=(front.host,), ca_file=front.authority)
    with RunningServer.started(tmp_path / "here", dev=True, upstreams=(upstream,)) as running:
        server = Server(running, ACCOUNT)
        _subscribed(far, server, "example.com")
        delivered = _send(far, "orders@example.com", "success@simulator.amazonses.com")
        bounced = _send(far, "orders@example.com", "bounce@simulator.amazonses.com")
        complained = _send(far, "orders@example.com", "complaint@simulator.amazonses.com")

        _until(lambda: _kinds(server, delivered) == ["Send", "Delivery"])
        _until(lambda: _kinds(server, bounced) == ["Send", "Bounce"])
        _until(lambda: sorted(_kinds(server, complained)) == ["Complaint", "Delivery", "Send"])  # of one moment

        message = server.read(messages.get, bounced)
        assert message is not None
        assert (message.subject, message.configuration_set) == ("Your order", "newsletters")
        assert [row.state for row in server.read(messages.recipients_of, bounced)] == ["bounced"]
        _its_times_are_those_of_the_far_side(far, server, complained)
        _it_is_shown_and_counted(server, bounced)


def _its_times_are_those_of_the_far_side(far: Server, server: Server, message_id: str) -> None:
    there = {row.kind: row.happened_at for row in far.read(events.of_message, message_id)}
    assert {row.kind: row.happened_at for row in server.read(events.of_message, message_id)} == there


def _it_is_shown_and_counted(server: Server, message_id: str) -> None:
    server.settle()
    page = send(server.endpoint, "GET", f"/ui/messages/{message_id}", {}, b"")
    assert page.status == 200, page.text
    assert "Your order" in page.text and "bounce@simulator.amazonses.com" in page.text
    points = server.client("ses").get_send_statistics()["SendDataPoints"]
    assert sum(point["DeliveryAttempts"] for point in points) == 3
    assert sum(point["Bounces"] for point in points) == 1


def test_mail_that_leaves_through_the_far_side_has_one_history_under_our_id(
    far_side: tuple[Server, TlsFront], tmp_path: Path
) -> None:
    far, front = far_side
    upstream = _upstream(
        topics=(TOPIC,), certificate_hosts=(front.host,), ca_file=front.authority, endpoint_url=far.endpoint
    )
    routes = (RouteSetting("ses", upstream="far"),)
    settings = {"dev": True, "dev_really_send": True, "upstreams": (upstream,), "routes": routes}
    with RunningServer.started(tmp_path / "here", **settings) as running:
        server = Server(running, ACCOUNT)
        _subscribed(far, server, "example.com")
        server.client("sesv2").create_email_identity(EmailIdentity="example.com")
        server.client("sesv2").create_configuration_set(ConfigurationSetName="newsletters")
        ours = _send(server, "orders@example.com", "somebody@example.net")

        _until(lambda: _kinds(server, ours) == ["Send", "Delivery"])
        (link,) = server.read(upstream_ids.theirs, ours)
        assert [row.kind for row in far.read(events.of_message, link.their_id)] == ["Send", "Delivery"]
        assert server.read(messages.get, link.their_id) is None
        assert [row.state for row in server.read(messages.recipients_of, ours)] == ["delivered"]


@pytest.mark.parametrize("republish", [True, False])
def test_what_others_sent_is_told_on_only_when_that_is_wanted(tmp_path: Path, republish: bool) -> None:
    with FarQueue.standing(json.dumps(sample("bounce"))) as queue:
        queue.gives.clear()
        upstream = _upstream(queue_url=queue.url, republish=republish)
        with RunningServer.started(tmp_path, dev=True, upstreams=(upstream,)) as running:
            server = Server(running, ACCOUNT)
            hearing = ListeningQueue(server)
            configuration_set_told_to(server.client("ses"), hearing.topic_arn, "ConfigSet", ["bounce"])
            queue.gives.set()
            message_id = sample("bounce")["mail"]["messageId"]
            _until(lambda: _kinds(server, message_id) == ["Bounce"])
            heard = [json.loads(one["Message"]) for one in hearing.heard() if one["Message"].startswith("{")]
            found = [event for event in heard if "eventType" in event]
    assert [event["eventType"] for event in found] == (["Bounce"] if republish else [])
    if republish:
        assert found[0]["mail"]["messageId"] == message_id
        assert found[0]["bounce"]["timestamp"] == sample("bounce")["bounce"]["timestamp"]
        assert found[0]["mail"]["tags"]["myCustomTag1"] == ["value1"]


def test_who_has_not_signed_what_is_expected_is_not_believed(tmp_path: Path) -> None:
    upstream = _upstream(topics=(TOPIC,))
    with RunningServer.started(tmp_path, dev=True, upstreams=(upstream,)) as running:
        server = Server(running, ACCOUNT)
        post = FarSns().post(sample("bounce"), TopicArn=TOPIC)
        elsewhere = {**post, "SigningCertURL": "https://evil.example/SimpleNotificationService-1.pem"}
        strange = {**post, "TopicArn": TOPIC + "-2"}

        for forged in (elsewhere, strange, sample("bounce"), {}):
            assert _post(server, "/in/sns/far", forged) == 403
        assert _post(server, "/in/sns/another", post) == 404
        assert send(server.endpoint, "GET", "/in/sns/far", {}, b"").status == 405
        assert server.read(messages.get, sample("bounce")["mail"]["messageId"]) is None


def _post(server: Server, path: str, post: dict[str, Any]) -> int:
    body = json.dumps(post).encode()
    return send(server.endpoint, "POST", path, {"Content-Type": "text/plain; charset=UTF-8"}, body).status


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Somebody else's SNS and SQS."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize("raw", ["false", "true"])
def test_events_come_through_a_queue_and_leave_it(moto: str, tmp_path: Path, raw: str) -> None:
    def client(service: str) -> Any:
        return boto3.client(
            service, endpoint_url=moto, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )

    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(Name=f"events-{raw}")["TopicArn"]
    queue_url = sqs.create_queue(QueueName=f"events-{raw}")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": raw})
    for text in (json.dumps(sample("complaint")), json.dumps(sample("send")), "no event at all"):
        sns.publish(TopicArn=topic, Message=text)

    with RunningServer.started(tmp_path, dev=True, upstreams=(_upstream(queue_url=queue_url),)) as running:
        server = Server(running, ACCOUNT)
        message_id = sample("send")["mail"]["messageId"]
        _until(lambda: sorted(_kinds(server, message_id)) == ["Complaint", "Send"])
        _until(lambda: _depth(sqs, queue_url) == 0)
        (kept,) = server.read(quarantine.oldest, "far", 10)
        assert (kept.content, kept.why) == ("no event at all", "it is not JSON")


def _depth(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"].values()))
