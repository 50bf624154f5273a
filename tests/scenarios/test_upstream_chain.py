"""The doctor finds each missing link between another SES and this server, makes it, and proves the chain."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.transport.ses_credentials import CredentialSource, Pair
from pillarbox.kit.clock import SystemClock
from pillarbox.operate.chain.far import Far
from pillarbox.operate.chain.link import Link, Sought
from pillarbox.operate.chain.links import links
from pillarbox.operate.client import Client
from pillarbox.operate.doctor_requests import Examine
from pillarbox.operate.finding import OK, WRONG, Finding
from pillarbox.operate.upstream_requests import ExamineUpstream
from pillarbox.resources import credentials
from pillarbox.settings import EventsSetting, UpstreamSetting
from tests.support.far_pillarbox import far_pillarbox
from tests.support.server import RunningServer, Server

FAR_ACCOUNT, ACCOUNT = "210000000002", "110000000002"
REGION = "us-east-1"
TOPIC = f"arn:aws:sns:{REGION}:{FAR_ACCOUNT}:chain"
SENDER = "shop@chain.example"
SUBSCRIPTION = f"subscription to {TOPIC}"
DESTINATIONS = "event destinations of chain"
NOBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": FAR_ACCOUNT}, "Action": "sns:Publish", "Resource": TOPIC}
        ],
    }
)


@dataclass
class Chain:
    """Both sides, and the far side's clients."""

    near: Server
    far: Server
    folder: Path

    def __post_init__(self) -> None:
        self.ses, self.sns, self.sqs = (self.far.client(name) for name in ("sesv2", "sns", "sqs"))

    def examine(self, name: str = "far", *, repairing: bool = False) -> dict[str, Link]:
        asked = ExamineUpstream(name, SENDER, repairing)
        found = Client(self.folder / "admin.sock").ask(asked, list[Link])
        return {link.name: link for link in found}

    def wrong(self, name: str = "far") -> dict[str, Finding]:
        """Return what the doctor of the whole server says is wrong with an upstream, by the link."""
        found = Client(self.folder / "admin.sock").ask(Examine("upstreams"), list[Finding])
        start = f"upstream {name}: "
        return {one.about.removeprefix(start): one for one in found if one.about.startswith(start) and one.state != OK}

    def missing(self, name: str = "far") -> set[str]:
        return {link.name for link in self.examine(name).values() if not link.holds}

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pillarbox", "upstream", *arguments, "--data", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=90)

    def subscription(self) -> str:
        (one,) = self.sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
        arn: str = one["SubscriptionArn"]
        return arn

    def destination(self, **changed: Any) -> None:
        answer = self.ses.get_configuration_set_event_destinations(ConfigurationSetName="chain")
        (one,) = answer["EventDestinations"]
        given = {key: one[key] for key in ("Enabled", "MatchingEventTypes", "SnsDestination")} | changed
        self.ses.update_configuration_set_event_destination(
            ConfigurationSetName="chain", EventDestinationName=one["Name"], EventDestination=given
        )


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Two servers, and nothing between them yet."""
    folder = tmp_path_factory.mktemp("chain")
    with far_pillarbox(folder / "far", FAR_ACCOUNT) as (far, front):
        common: dict[str, Any] = {
            "region": REGION,
            "account": ACCOUNT,
            "endpoint_url": far.endpoint,
            "access_key_id": FAR_ACCOUNT,
            "secret_access_key": "y",
            "suppression": False,
            "ca_file": str(front.authority),
            "configuration_set": "chain",
        }
        posts = EventsSetting(topics=(TOPIC,), certificate_hosts=(front.host,))
        url = f"{far.endpoint}/{FAR_ACCOUNT}/chain"
        queued = EventsSetting(topics=(TOPIC + "-queued",), queue_url=url)
        upstreams = (
            UpstreamSetting(name="far", events=posts, **common),
            UpstreamSetting(name="queued", events=queued, **{**common, "configuration_set": "queued"}),
        )
        with RunningServer.started(folder / "near", dev=True, upstreams=upstreams) as running:
            yield Chain(Server(running, ACCOUNT), far, folder / "near")


@pytest.fixture
def chain(standing: Chain) -> Chain:
    """The same with a chain that is whole."""
    assert all(link.holds for link in standing.examine(repairing=True).values())
    return standing


BREAKS: list[tuple[str, Callable[[Chain], object], set[str]]] = [
    ("identity", lambda it: it.ses.delete_email_identity(EmailIdentity="chain.example"), {"sender"}),
    ("topic", lambda it: it.sns.delete_topic(TopicArn=TOPIC), {f"topic {TOPIC}", f"policy of {TOPIC}", SUBSCRIPTION}),
    (
        "topic policy",
        lambda it: it.sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=NOBODY),
        {f"policy of {TOPIC}"},
    ),
    (
        "configuration set",
        lambda it: it.ses.delete_configuration_set(ConfigurationSetName="chain"),
        {"configuration set chain", DESTINATIONS},
    ),
    (
        "event destination",
        lambda it: it.ses.delete_configuration_set_event_destination(
            ConfigurationSetName="chain", EventDestinationName="pillarbox"
        ),
        {DESTINATIONS},
    ),
    ("event destination switched off", lambda it: it.destination(Enabled=False), {DESTINATIONS}),
    ("a kind of event", lambda it: it.destination(MatchingEventTypes=["SEND", "BOUNCE"]), {DESTINATIONS}),
    ("subscription", lambda it: it.sns.unsubscribe(SubscriptionArn=it.subscription()), {SUBSCRIPTION}),
    (
        "events that a filter keeps away",
        lambda it: it.sns.set_subscription_attributes(
            SubscriptionArn=it.subscription(), AttributeName="FilterPolicy", AttributeValue='{"kind": ["x"]}'
        ),
        {SUBSCRIPTION},
    ),
    (
        "signature",
        lambda it: it.sns.set_subscription_attributes(
            SubscriptionArn=it.subscription(), AttributeName="RawMessageDelivery", AttributeValue="true"
        ),
        {SUBSCRIPTION},
    ),
]


@pytest.mark.parametrize("break_it, missing", [one[1:] for one in BREAKS], ids=[one[0] for one in BREAKS])
def test_the_doctor_names_the_link_that_is_missing_and_makes_it(
    chain: Chain, break_it: Callable[[Chain], object], missing: set[str]
) -> None:
    break_it(chain)
    assert chain.missing() == missing
    wrong = chain.wrong()
    assert wrong.keys() == missing - {"sender"}, "of whom mail comes, only who is asked for a sender knows"
    assert all(one.state == WRONG and "pillarbox upstream doctor far --repair" in one.remedy for one in wrong.values())
    found = chain.examine(repairing=True)
    assert all(link.holds for link in found.values()), found
    made = {link.name for link in found.values() if link.repaired}
    assert made and made <= missing, "what is made anew has all that hangs on it"
    assert not any(link.repaired for link in chain.examine(repairing=True).values()), "there was nothing left to do"


def test_the_doctor_of_the_server_finds_nothing_wrong_with_a_whole_chain_and_one_that_nobody_made(chain: Chain) -> None:
    assert not chain.wrong()
    assert {"configuration set queued", "queue"} <= chain.wrong("queued").keys()


def test_the_chain_is_proved_by_a_mail_that_is_followed_to_its_events(chain: Chain) -> None:
    done = chain.command("doctor", "far", "--prove", "--sender", SENDER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arrived  Delivery after" in done.stdout and "the chain is proved" in done.stdout


def test_a_chain_that_is_not_whole_is_not_proved(chain: Chain) -> None:
    chain.sns.delete_topic(TopicArn=TOPIC)
    done = chain.command("doctor", "far", "--prove", "--sender", SENDER)
    assert done.returncode == 1 and f"missing  topic {TOPIC}" in done.stdout
    assert "--repair" in done.stderr and "sent to" not in done.stdout


def test_a_queue_is_made_and_proved_with_one_command(chain: Chain) -> None:
    assert "queue" in chain.missing("queued")
    done = chain.command("doctor", "queued", "--repair", "--prove", "--sender", SENDER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "repaired  queue" in done.stdout and "arrived  Delivery after" in done.stdout
    assert not chain.missing("queued")


async def test_whoever_may_not_ask_is_told_which_permissions_are_missing(production: Server) -> None:
    listening, now = production.running.listening, SystemClock().now()
    arguments = (production.account, "sender", listening.keyring, now, "send-only")
    key = production.running.run(listening.store.write(credentials.create, *arguments))
    setting = UpstreamSetting(
        name="far", region=REGION, endpoint_url=production.endpoint, account=ACCOUNT,
        access_key_id=key.key_id, secret_access_key=key.secret, configuration_set="chain",
        events=EventsSetting(topics=(TOPIC,)),
    )  # fmt: skip
    upstream = upstream_of(setting)
    far = Far(upstream, CredentialSource("far", upstream.given))
    found = {
        one.name: one for one in await links(far, Sought(upstream, "http://here.example/in", SENDER), repairing=True)
    }

    assert {name for name, link in found.items() if link.holds} == {"events", "tracking of chain"}
    named = {link.remedy for link in found.values() if not link.holds}
    assert named == {
        f"allow {action} to these credentials"
        for action in (
            "ses:GetAccount",
            "ses:GetEmailIdentity",
            "ses:GetConfigurationSet",
            "ses:GetConfigurationSetEventDestinations",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
        )
    }


async def test_a_wrong_secret_is_the_only_link_that_is_told(production: Server) -> None:
    setting = UpstreamSetting(name="far", region=REGION, endpoint_url=production.endpoint)
    far = Far(upstream_of(setting), CredentialSource("far", Pair(production.key_id, "wrong")))
    (link,) = await links(far, Sought(far.upstream, "http://here.example/in"), repairing=False)
    assert (link.name, link.holds, link.remedy) == ("account", False, "check endpoint_url, region and credentials")


def test_a_new_upstream_is_made_and_its_settings_are_printed(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", FAR_ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    command = [sys.executable, "-m", "pillarbox", "upstream", "add", "eu", "--region", REGION, "--sender", SENDER]
    command += ["--endpoint-url", chain.far.endpoint, "--queue"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'topics = ["arn:aws:sns:{REGION}:{FAR_ACCOUNT}:pillarbox-eu"]' in done.stdout
    assert f'queue_url = "{chain.far.endpoint}/{FAR_ACCOUNT}/pillarbox-eu"' in done.stdout
    assert chain.ses.get_configuration_set(ConfigurationSetName="pillarbox-eu")
    again = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert again.returncode == 0 and "repaired" not in again.stdout
