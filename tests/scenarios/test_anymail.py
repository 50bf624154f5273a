"""A Django site that sends with django-anymail, and takes its events by anymail's tracking view."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.django_peer import send_by, site
from tests.support.peer import Peer
from tests.support.server import Server
from tests.support.signing import send

SENDER = "shop@somewhere.example"
SUCCESS = "success@simulator.amazonses.com"
BOUNCE = "bounce@simulator.amazonses.com"
COMPLAINT = "complaint@simulator.amazonses.com"
SECRET = "them:us"


@pytest.fixture
def topic(server: Server) -> str:
    arn: str = server.client("sns").create_topic(Name="shop")["TopicArn"]
    server.client("ses").verify_email_identity(EmailAddress=SENDER)
    server.client("sesv2").create_configuration_set(ConfigurationSetName="shop")
    return arn


def settings_of(server: Server) -> dict[str, Any]:
    """Return the settings that the documentation of anymail asks for."""
    client = {
        "endpoint_url": server.endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": server.account,
        "aws_secret_access_key": "any",
    }
    return {
        "EMAIL_BACKEND": "anymail.backends.amazon_ses.EmailBackend",
        "ANYMAIL": {
            "AMAZON_SES_CLIENT_PARAMS": client,
            "AMAZON_SES_CONFIGURATION_SET_NAME": "shop",
            "AMAZON_SES_MESSAGE_TAG_NAME": "campaign",
            "WEBHOOK_SECRET": SECRET,
        },
    }


def subscribe(server: Server, topic: str, peer: Peer) -> None:
    """Subscribe the site's view, whose password is in its URL, and then let the configuration set tell the topic."""
    view = f"http://{SECRET}@{urlsplit(peer.url).netloc}/anymail/amazon_ses/tracking/"
    server.client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=view)
    server.settle()
    server.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName="shop",
        EventDestinationName="site",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT"],
            "SnsDestination": {"TopicArn": topic},
        },
    )


def subscription_of(server: Server, topic: str) -> dict[str, str]:
    (one,) = server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes: dict[str, str] = server.client("sns").get_subscription_attributes(
        SubscriptionArn=one["SubscriptionArn"]
    )["Attributes"]
    return attributes


def test_the_view_confirms_by_a_signed_call_after_it_was_shown_the_password(server: Server, topic: str) -> None:
    with site(server, settings_of(server)) as peer:
        subscribe(server, topic, peer)

        attributes = subscription_of(server, topic)
        assert attributes["PendingConfirmation"] == "false"
        assert attributes["ConfirmationWasAuthenticated"] == "true"
        assert "us@" not in attributes["Endpoint"]

        # It asked that nobody unsubscribes it by a link that is not signed.
        link = f"/?Action=Unsubscribe&SubscriptionArn={attributes['SubscriptionArn']}"
        assert send(server.endpoint, "GET", link, {}).status == 403
        assert subscription_of(server, topic)["PendingConfirmation"] == "false"


def test_the_site_sends_and_its_signals_tell_what_became_of_it(server: Server, topic: str) -> None:
    with site(server, settings_of(server)) as peer:
        subscribe(server, topic, peer)
        message_id = send_by(peer, SENDER, BOUNCE, tags=["spring"])
        peer.wait_for(lambda lines: len(lines) == 2)

        told = {line["kind"]: line for line in peer.lines}
        assert set(told) == {"sent", "bounced"}
        for line in told.values():
            assert line["message_id"] == message_id
            assert line["recipient"] == BOUNCE
            assert line["tags"] == ["spring"]
        assert told["bounced"]["reason"] == "bounced"
        assert told["bounced"]["said"] == "smtp; 550 5.1.1 user unknown"


def test_a_complaint_comes_after_its_delivery(server: Server, topic: str) -> None:
    with site(server, settings_of(server)) as peer:
        subscribe(server, topic, peer)
        message_id = send_by(peer, SENDER, COMPLAINT)
        peer.wait_for(lambda lines: len(lines) == 3)

        assert sorted(line["kind"] for line in peer.lines) == ["complained", "delivered", "sent"]
        assert {line["message_id"] for line in peer.lines} == {message_id}
        assert next(line["reason"] for line in peer.lines if line["kind"] == "complained") == "spam"
