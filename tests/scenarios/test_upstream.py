"""Mail that leaves through another SES: from boto3 to the far side, with the command line beside."""

import email
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pillarbox.settings import RouteSetting, UpstreamSetting
from pillarbox.store import upstream_ids
from tests.support.far_ses import DAY_USED_UP, TOO_FAST, FarSes, Said, wait_until
from tests.support.server import RunningServer, Server

SENDER = "shop@somewhere.example"
# What is counted is when mail arrives: one whose way was longer than that of the next one, from its turn over the store
# to a first connection, makes these two look closer than they began. Half of what an unpaced second would be.
ON_THE_WAY_SECONDS = 1.0
KEY: dict[str, Any] = {"access_key_id": "AKIAFAR", "secret_access_key": "far secret"}


@pytest.fixture
def far() -> Iterator[FarSes]:
    with FarSes.listening() as listening:
        yield listening


def upstream(far: FarSes, name: str = "eu", **settings: Any) -> UpstreamSetting:
    return UpstreamSetting(name=name, region="eu-west-1", endpoint_url=far.url, **KEY, **settings)


class Play:
    """A server before another SES, its user and its operator."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._folder = folder
        self.ses = server.client("sesv2")
        self.ses.create_email_identity(EmailIdentity=SENDER)

    def send(self, *recipients: str, **more: Any) -> str:
        message_id: str = self.ses.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": list(recipients)},
            Content={"Simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "y"}}}},
            **more,
        )["MessageId"]
        return message_id

    def command(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "pillarbox", *arguments, "--data", str(self._folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def history(self, message_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("history", message_id, "--json"))
        return found

    def kinds(self, message_id: str) -> list[str]:
        return [moment["kind"] for moment in self.history(message_id)["moments"]]


@contextmanager
def play(folder: Path, *upstreams: UpstreamSetting, **settings: Any) -> Iterator[Play]:
    with RunningServer.started(
        folder,
        dev=True,
        dev_really_send=True,
        routes=(RouteSetting(transport="ses", upstream=upstreams[0].name),),
        upstreams=upstreams,
        **settings,
    ) as running:
        yield Play(running.for_new_account(), folder)


def test_mail_goes_to_the_far_side_as_it_is_with_what_the_sender_said_beside_it(tmp_path: Path, far: FarSes) -> None:
    with play(tmp_path, upstream(far, configuration_sets={"news": "their-news"})) as it:
        it.ses.create_configuration_set(ConfigurationSetName="news")
        message_id = it.send(
            "a@example.net",
            "b@example.org",
            ConfigurationSetName="news",
            EmailTags=[{"Name": "campaign", "Value": "spring"}],
        )
        (taken,) = far.wait_for_mail(1)
        it.server.settle()

        assert taken.recipients == ("a@example.net", "b@example.org")
        assert taken.asked["FromEmailAddress"] == SENDER
        assert taken.asked["ConfigurationSetName"] == "their-news"
        assert {(tag["Name"], tag["Value"]) for tag in taken.asked["EmailTags"]} == {
            ("campaign", "spring"),
            (upstream_ids.OUR_ID_TAG, message_id),
        }
        assert "Credential=AKIAFAR/" in taken.headers["authorization"]
        assert "/eu-west-1/ses/aws4_request" in taken.headers["authorization"]
        mail = email.message_from_bytes(taken.raw)
        assert mail["To"] == "a@example.net, b@example.org" and mail["DKIM-Signature"] is None

        assert it.kinds(message_id) == ["Send"], "what becomes of it is told by the far side"
        linked = it.server.read(upstream_ids.theirs, message_id)
        assert [(one.upstream, one.their_id) for one in linked] == [("eu", taken.their_id)]
        assert f"eu as {taken.their_id}" in it.command("history", message_id)


def test_a_throttled_send_goes_back_to_the_queue_and_out_a_moment_later(tmp_path: Path, far: FarSes) -> None:
    far.script.append(TOO_FAST)
    with play(tmp_path, upstream(far)) as it:
        message_id = it.send("a@example.net")
        wait_until(lambda: far.sends() == 1)
        far.wait_for_mail(1)
        it.server.settle()

        assert it.kinds(message_id) == ["Send"], "nobody is told of a delay that was none"
        assert far.sends() == 2


def test_a_day_that_is_used_up_holds_the_mail_says_so_and_frees_itself(tmp_path: Path, far: FarSes) -> None:
    far.script.append(DAY_USED_UP)
    with play(tmp_path, upstream(far)) as it:
        wait_until(lambda: "/v2/email/account" in far.asked)
        message_id = it.send("a@example.net")
        wait_until(lambda: "Daily message quota exceeded." in it.command("queue"))
        second = it.send("b@example.net")

        assert "Daily message quota exceeded." in it.history(second)["waiting"][0]["why"]
        assert it.history(message_id)["waiting"][0]["attempts"] == 0, "that was no attempt"
        far.quota["SentLast24Hours"] = 50_000.0
        assert "50000 of 50000 recipients" in it.command("upstream", "check", "eu")
        assert "50000 of 50000 recipients in 24 hours" in it.command("queue")
        assert far.sends() == 1, "what cannot go is not tried"

        far.quota["SentLast24Hours"] = 49_000.0
        assert "49000 of 50000" in it.command("upstream", "check", "eu")
        assert {taken.recipients for taken in far.wait_for_mail(2)} == {("a@example.net",), ("b@example.net",)}
        it.server.settle()


def test_one_call_with_many_recipients_leaves_as_many_paced_sends(tmp_path: Path, far: FarSes) -> None:
    rate, recipients = 20.0, [f"r{number}@example.net" for number in range(40)]
    far.quota["MaxSendRate"] = rate
    with play(tmp_path, upstream(far), split_recipients=True) as it:
        wait_until(lambda: "20/s" in it.command("pace"))
        message_id = it.send(*recipients)
        assert message_id, "the caller has a real MessageId at once"
        taken = far.wait_for_mail(40)
        it.server.settle()

    assert sorted(one.recipients[0] for one in taken) == sorted(recipients)
    assert all(len(one.recipients) == 1 for one in taken)
    assert far.fastest(rate, ON_THE_WAY_SECONDS) <= 0
    assert taken[-1].at - taken[0].at < 2 * 39 / rate, "and not much slower than it may"


def test_recipients_are_what_the_pace_counts(tmp_path: Path, far: FarSes) -> None:
    rate = 20.0
    far.quota["MaxSendRate"] = rate
    with play(tmp_path, upstream(far)) as it:
        wait_until(lambda: "20/s" in it.command("pace"))
        for call in range(4):
            it.send(*(f"r{call}-{number}@example.net" for number in range(25)))
        it.send("alone@example.net")
        far.wait_for_mail(5)
        it.server.settle()

    assert far.fastest(rate, ON_THE_WAY_SECONDS) <= 0


@pytest.mark.parametrize(
    "said",
    [
        Said(400, "SendingPausedException", "Sending is paused for this account"),
        Said(403, "AccessDeniedException", "not authorized to perform ses:SendEmail"),
        Said(403, "ExpiredTokenException", "The security token included in the request is expired"),
        Said(400, "MessageRejected", "Email address is not verified."),
        Said(400, "MailFromDomainNotVerifiedException", "The MAIL FROM domain is not verified"),
        Said(503, "ServiceUnavailable", "come again"),
        DAY_USED_UP,
    ],
    ids=lambda said: said.code,
)
def test_what_one_upstream_does_not_take_goes_to_the_next(tmp_path: Path, far: FarSes, said: Said) -> None:
    far.script.append(said)
    with FarSes.listening() as other:
        with play(tmp_path, upstream(far, fallback="us"), upstream(other, "us")) as it:
            message_id = it.send("a@example.net")
            (taken,) = other.wait_for_mail(1)
            it.server.settle()

            assert [one.upstream for one in it.server.read(upstream_ids.theirs, message_id)] == ["us"]
            assert taken.recipients == ("a@example.net",) and not far.taken
            assert it.kinds(message_id) == ["Send"]


def test_an_upstream_that_cannot_be_reached_is_gone_around(tmp_path: Path, far: FarSes) -> None:
    nowhere = UpstreamSetting(name="down", region="eu-west-1", endpoint_url="http://127.0.0.1:9", fallback="eu", **KEY)
    with play(tmp_path, nowhere, upstream(far)) as it:
        it.send("a@example.net")
        far.wait_for_mail(1)
        it.server.settle()
        assert "no connection" in it.command("upstream", "check", "down")


def test_mail_that_the_far_side_refuses_bounces_and_suppresses_nobody(tmp_path: Path, far: FarSes) -> None:
    far.script.append(Said(400, "MessageRejected", "Transaction failed: Illegal header"))
    with play(tmp_path, upstream(far)) as it:
        message_id = it.send("a@example.net")
        it.server.settle()

        told = it.history(message_id)["moments"]
        assert [moment["kind"] for moment in told] == ["Send", "Bounce"]
        assert "Illegal header" in json.dumps(told[1])
        assert not it.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]


@pytest.mark.parametrize("said", [Said(breaks=True), Said(late_seconds=3.0)], ids=["breaks off", "answers late"])
def test_a_lost_answer_may_bring_mail_twice_but_is_the_same_call(tmp_path: Path, far: FarSes, said: Said) -> None:
    far.script.append(said)
    with play(tmp_path, upstream(far, answer_seconds=0.5)) as it:
        message_id = it.send("a@example.net")
        wait_until(lambda: bool(it.history(message_id)["waiting"][0]["attempts"]))
        assert it.command("retry", "--message", message_id)
        first, second = far.wait_for_mail(2)
        it.server.settle()

        assert first.headers["amz-sdk-invocation-id"] == second.headers["amz-sdk-invocation-id"]
        assert (first.headers["amz-sdk-request"][:9], second.headers["amz-sdk-request"][:9]) == (
            "attempt=1",
            "attempt=2",
        )
        assert first.asked == second.asked


def test_their_suppression_list_is_kept_in_step(tmp_path: Path, far: FarSes) -> None:
    far.suppressed = {f"{name}@example.net": "BOUNCE" for name in ("a", "b", "c")} | {"d@example.net": "COMPLAINT"}
    account = "123456789012"
    with play(tmp_path, upstream(far, account=account)) as it:
        theirs = it.server.client("sesv2", region="eu-west-1", account=account)

        def listed() -> dict[str, str]:
            found = theirs.list_suppressed_destinations()["SuppressedDestinationSummaries"]
            return {one["EmailAddress"]: one["Reason"] for one in found}

        wait_until(lambda: listed() == far.suppressed)
        theirs.put_suppressed_destination(EmailAddress="own@example.net", Reason="BOUNCE")
        del far.suppressed["b@example.net"]
        far.suppressed["e@example.net"] = "BOUNCE"
        it.command("upstream", "check", "eu")

        wait_until(lambda: listed() == {**far.suppressed, "own@example.net": "BOUNCE"})


def test_the_operator_sees_quota_rate_and_region(tmp_path: Path, far: FarSes) -> None:
    with play(tmp_path, upstream(far)) as it:
        wait_until(lambda: "1000/s" in it.command("upstream", "list"))
        shown = it.command("upstream", "list")
        assert "eu-west-1" in shown and "0 of 50000" in shown
        (one,) = json.loads(it.command("upstream", "list", "--json"))
        assert (one["name"], one["max_send_rate"], one["held"]) == ("eu", 1000.0, "")
