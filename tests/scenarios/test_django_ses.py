"""Django sites that send with django-ses, and take its events after their own verification."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.django_peer import send_by, site
from tests.support.https_front import HttpsFront
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.signing import send

# django-ses fetches certificates from names of this form only, by https, without a port.
NAME = "sns.us-east-1.amazonaws.com"
SENDER = "shop@somewhere.example"
BOUNCE = "bounce@simulator.amazonses.com"


@pytest.fixture(scope="module")
def behind_a_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose links and certificate are found under a name of AWS."""
    urls = {"public_url": f"https://{NAME}", "sns_cert_url": f"https://{NAME}"}
    with RunningServer.started(tmp_path_factory.mktemp("named"), dev=True, **urls) as running:
        yield running


@pytest.fixture(scope="module")
def front(behind_a_name: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsFront]:
    with HttpsFront.standing(NAME, behind_a_name.listening.port, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture
def server(behind_a_name: RunningServer) -> Server:
    return behind_a_name.for_new_account()


@pytest.fixture
def topic(server: Server) -> str:
    """The topic that a configuration set tells of everything."""
    ses = server.client("ses")
    arn: str = server.client("sns").create_topic(Name="shop")["TopicArn"]
    ses.verify_email_identity(EmailAddress=SENDER)
    configuration_set_told_to(ses, arn, "shop", ["send", "delivery", "bounce", "complaint"])
    return arn


def settings_of(server: Server, topic: str, **settings: Any) -> dict[str, Any]:
    """Return the settings that the documentation of django-ses asks for."""
    return {
        "EMAIL_BACKEND": "django_ses.SESBackend",
        "AWS_SES_REGION_NAME": "us-east-1",
        "AWS_SES_REGION_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.account,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_SES_CONFIGURATION_SET": "shop",
        "AWS_SNS_EVENT_TRUSTED_TOPIC_ARNS": [topic],
        **settings,
    }


def confirmed(server: Server, topic: str) -> list[str]:
    listed = server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return [one["Endpoint"] for one in listed if one["SubscriptionArn"] != "PendingConfirmation"]


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_the_site_sends_and_its_view_accepts_the_events(
    server: Server, front: HttpsFront, topic: str, api: str
) -> None:
    with site(server, settings_of(server, topic, USE_SES_V2=api == "v2"), front.environment) as peer:
        view = f"{peer.url}/ses/events/"
        server.client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=view)
        server.settle()
        assert confirmed(server, topic) == [view]

        message_id = send_by(peer, SENDER, BOUNCE)
        peer.wait_for(lambda lines: len(lines) == 2)

        told = {line["kind"]: line for line in peer.lines}
        assert set(told) == {"send", "bounce"}
        assert {line["mail"]["messageId"] for line in peer.lines} == {message_id}
        assert told["send"]["mail"]["commonHeaders"]["subject"] == "Your order, Jürgen"
        assert told["bounce"]["detail"]["bounceType"] == "Permanent"
        assert [one["emailAddress"] for one in told["bounce"]["detail"]["bouncedRecipients"]] == [BOUNCE]


def test_the_view_fetches_the_certificate_and_refuses_what_it_does_not_prove(
    server: Server, front: HttpsFront, topic: str
) -> None:
    url = server.client("sqs").create_queue(QueueName="copy")["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{server.account}:copy"
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    before = front.connected
    with site(server, settings_of(server, topic), front.environment) as peer:
        server.client("sns").publish(TopicArn=topic, Message='{"eventType":"Send","mail":{"messageId":"x"},"send":{}}')
        (copy,) = server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        genuine = copy["Body"]
        forged = genuine.replace('\\"x\\"', '\\"y\\"')
        assert forged != genuine

        headers = {"Content-Type": "text/plain; charset=UTF-8"}
        assert send(peer.url, "POST", "/ses/events/", headers, forged.encode()).status == 400
        assert send(peer.url, "POST", "/ses/events/", headers, genuine.encode()).status == 200
        peer.wait_for(lambda lines: len(lines) == 1)
        assert peer.lines[0]["mail"] == {"messageId": "x"}
        assert front.connected == before + 1  # once: it is kept by its URL
