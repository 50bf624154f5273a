"""What another SES is asked to send: the message as it is, and what its sender said beside it."""

import base64
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.outcome import Deferred
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.ses import SesTransport, request_of
from pillarbox.delivery.transport.ses_client import SesClient, Upstream
from pillarbox.events.types import MailFacts
from pillarbox.kit.ids import Scope
from pillarbox.settings import UpstreamSetting
from pillarbox.store.upstream_ids import OUR_ID_TAG

NOON = 1_790_000_000_000
MAIL = MailFacts(
    sender="Shop <shop@example.com>",
    sender_address="shop@example.com",
    source_identity=None,
    source_ip="192.0.2.1",
    caller_identity="tester",
    recipients=["a@example.net"],
    headers=[],
    headers_truncated=False,
    tags={
        "campaign": ["spring"],
        "ses:from-domain": ["example.com"],
        "ses:feedback-id-a": ["stream"],
        "pillarbox-key": ["ours"],
    },
    return_path="shop@example.com",
    tenant="acme",
)
ATTEMPT = Attempt(
    "m1", 0, 1, Scope("123456789012", "us-east-1"), "b@example.org", ("a@example.net",), b"Subject: x\r\n\r\ny", NOON,
    upstream="eu", configuration_set="news", mail=MAIL,
)  # fmt: skip


def upstream(**settings: Any) -> Upstream:
    return upstream_of(UpstreamSetting(name="eu", region="eu-west-1", **settings))


def asked(attempt: Attempt = ATTEMPT, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request_of(attempt, attempt.recipients, upstream(**settings)))
    return found


def test_the_bytes_are_those_that_were_prepared_and_the_sender_is_an_address() -> None:
    found = asked()

    assert base64.b64decode(found["Content"]["Raw"]["Data"]) == ATTEMPT.data
    assert (found["FromEmailAddress"], found["TenantName"]) == ("shop@example.com", "acme")
    assert found["Destination"] == {"ToAddresses": ["a@example.net"]}


def test_tags_are_those_of_the_sender_and_one_by_which_we_know_the_message_again() -> None:
    tags = {tag["Name"]: tag["Value"] for tag in asked()["EmailTags"]}

    assert tags == {"campaign": "spring", "ses:feedback-id-a": "stream", OUR_ID_TAG: "m1"}


def test_of_very_many_tags_ours_is_among_those_that_are_told() -> None:
    many = replace(ATTEMPT, mail=msgspec.structs.replace(MAIL, tags={f"t{n}": ["v"] for n in range(60)}))
    tags = asked(many)["EmailTags"]

    assert len(tags) == 50 and tags[-1]["Name"] == OUR_ID_TAG


@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        ({}, None),
        ({"configuration_set": "rest"}, "rest"),
        ({"configuration_set": "rest", "configuration_sets": {"news": "their-news"}}, "their-news"),
        ({"configuration_sets": {"other": "their-other"}}, None),
    ],
)
def test_the_configuration_set_is_the_one_that_ours_is_called_there(settings: dict[str, Any], theirs: str) -> None:
    assert asked(**settings).get("ConfigurationSetName") == theirs


def test_exactly_one_side_tracks() -> None:
    off = {"Tracking": {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}}

    assert "ConfigurationOverrides" not in asked(configuration_set="x")
    assert asked(configuration_set="x", tracking="ours")["ConfigurationOverrides"] == off
    assert "ConfigurationOverrides" not in asked(
        configuration_set="x", tracking="ours", endpoint_url="https://ses.example"
    )


def test_what_was_said_of_one_message_is_told_on_unless_tracking_is_off_there() -> None:
    chosen = replace(ATTEMPT, mail=msgspec.structs.replace(MAIL, opens=False, clicks=True))
    theirs = {"Tracking": {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "ENABLED"}}
    off = {"Tracking": {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}}

    assert asked(chosen)["ConfigurationOverrides"] == theirs
    assert asked(chosen, configuration_set="x", tracking="ours")["ConfigurationOverrides"] == off


def test_without_an_endpoint_it_is_amazon_in_the_region() -> None:
    assert upstream().endpoint_url == "https://email.eu-west-1.amazonaws.com"


async def test_mail_that_leaves_over_tls_or_not_at_all_goes_to_no_plain_endpoint() -> None:
    client = SesClient(upstream(endpoint_url="http://127.0.0.1:9"))
    outcomes = await SesTransport({"eu": client}).deliver(replace(ATTEMPT, tls_required=True))

    (outcome,) = outcomes.values()
    assert isinstance(outcome, Deferred) and "over TLS or not at all" in outcome.why


async def test_an_upstream_that_is_gone_from_the_settings_is_said_to_be() -> None:
    (outcome,) = (await SesTransport({}).deliver(ATTEMPT)).values()

    assert outcome == Deferred("no upstream named 'eu' is configured", ours=True)
