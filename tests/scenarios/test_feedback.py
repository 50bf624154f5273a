"""What comes back: reports and complaints by SMTP at the return path, and feedback sent on by mail."""

import email
import json
import smtplib
import socket
import time
from collections.abc import Callable, Iterator
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pillarbox.delivery.reports.read import read
from pillarbox.delivery.reports.report import ComplaintReport, DeliveryReport
from pillarbox.events.types import Bounce, fact_from_json
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import SERVICE_ACCOUNT
from pillarbox.operate import history
from pillarbox.operate.messages import Summary, Wanted, page
from pillarbox.settings import RouteSetting, SmarthostSetting
from pillarbox.store import events
from tests.support.postfix import Postfix
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.sink import Sink

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
SENDER = "news@shop.example"
ADA, BOB = "ada@example.net", "bob@example.net"
DOMAIN = "mail.service.example"


class Post:
    """A server whose mail leaves by a smarthost, an account on it, and a queue that hears of its events."""

    def __init__(self, server: Server, sink: Sink) -> None:
        self.server = server
        self.sink = sink
        self.ses = server.client("ses")
        self.ses.verify_domain_identity(Domain="shop.example")
        self._listen()

    def _listen(self) -> None:
        sqs, sns = self.server.client("sqs"), self.server.client("sns")
        topic = sns.create_topic(Name="feedback")["TopicArn"]
        self.queue = sqs.create_queue(QueueName="feedback")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        configuration_set_told_to(self.ses, topic, "orders", ["bounce", "complaint"])

    def send(self, *to: str) -> tuple[str, str]:
        """Send a message and return its id and the envelope sender that the next hop saw."""
        before = len(self.sink.received)
        message_id: str = self.ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": list(to or (ADA,))},
            Message={"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "Hello."}}},
            ConfigurationSetName="orders",
        )["MessageId"]
        self.server.settle()
        return message_id, _path(self.sink.received[before].mail)

    def comes_back(self, raw: str | bytes, *to: str, sender: str = "") -> None:
        """Bring mail back, as another server does."""
        with self.connected() as client:
            client.sendmail(sender, list(to), raw)
        self.server.running.settle(self.server.account)

    def connected(self) -> smtplib.SMTP:
        return smtplib.SMTP(LOOPBACK, self.server.running.listening.return_path_port, timeout=20)

    def told(self) -> list[dict[str, Any]]:
        """Return the events that the queue has got, and forget them."""
        sqs = self.server.client("sqs")
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found += [json.loads(message["Body"])] if message["Body"].startswith("{") else []
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def kinds(self, message_id: str) -> list[str]:
        store = self.server.running.listening.store
        found = self.server.running.run(history.of(store, message_id, SystemClock().now()))
        return sorted(moment.kind for moment in found.moments)  # a report tells its time in whole seconds

    def mail_to(self, address: str, count: int = 1) -> list[Message]:
        """Return mail of the service to an address, once so much of it has left."""
        return eventually(
            lambda: [
                email.message_from_bytes(one.data)
                for one in self.sink.received
                if _path(one.mail) == "" and [_path(to) for to in one.recipients] == [address]
            ],
            lambda found: len(found) >= count,
        )

    def suppressed(self) -> dict[str, str]:
        found = self.server.client("sesv2").list_suppressed_destinations()["SuppressedDestinationSummaries"]
        return {one["EmailAddress"]: one["Reason"] for one in found}


def eventually(look: Callable[[], T], is_there: Callable[[T], bool], seconds: float = 20.0) -> T:
    ends_at = time.monotonic() + seconds
    while not is_there(found := look()):
        assert time.monotonic() < ends_at, f"not within {seconds} seconds: {found!r}"
        time.sleep(0.01)
    return found


def _path(argument: str) -> str:
    """Return the address in `FROM:<a@b> SIZE=1`."""
    return argument.partition("<")[2].partition(">")[0] if "<" in argument else argument


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink.listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def sending(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer.started(
        tmp_path_factory.mktemp("feedback"),
        dev=True,
        dev_really_send=True,
        service_domain=DOMAIN,
        routes=(RouteSetting(transport="smtp"),),
        smarthost=SmarthostSetting(host=LOOPBACK, port=sink.port, tls="none"),
    ) as running:
        yield running


@pytest.fixture
def post(sending: RunningServer, sink: Sink) -> Post:
    sink.received.clear()
    return Post(sending.for_new_account(), sink)


def report(recipient: str = ADA, status: str = "5.1.1", reply: str = "550 5.1.1 no such user") -> str:
    """Return a report as Postfix writes them, made a moment ago."""
    return (
        "From: MAILER-DAEMON@mx.example.net\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        f"Date: {formatdate()}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {reply}\r\n--b--\r\n"
    )


def complaint(return_path: str) -> str:
    return (
        f"From: fbl@provider.example\r\nSubject: Feedback\r\nDate: {formatdate()}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: FBL/1.0\r\n"
        f"Version: 1\r\nOriginal-Mail-From: <{return_path}>\r\nArrival-Date: Mon, 12 Oct 2026 01:00:00 -0500\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: Your order\r\n--b--\r\n"
    )


def test_a_report_becomes_a_bounce_in_the_history_in_the_queue_and_on_the_suppression_list(post: Post) -> None:
    message_id, return_path = post.send()
    assert return_path.endswith(f"@{DOMAIN}")

    post.comes_back(report(), return_path)

    assert post.kinds(message_id) == ["Bounce", "Delivery", "Send"]
    (event,) = post.told()
    bounce = event["bounce"]
    assert (event["mail"]["messageId"], bounce["bounceType"], bounce["bounceSubType"]) == (
        message_id,
        "Permanent",
        "General",
    )
    assert bounce["reportingMTA"] == "dns; mx.example.net"
    assert bounce["bouncedRecipients"] == [
        {"emailAddress": ADA, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}
    ]
    assert post.suppressed() == {ADA: "BOUNCE"}


def test_a_report_that_is_brought_twice_is_told_once(post: Post) -> None:
    message_id, return_path = post.send()
    raw = report()

    post.comes_back(raw, return_path)
    post.comes_back(raw, return_path.upper())

    assert post.kinds(message_id) == ["Bounce", "Delivery", "Send"]
    assert len(post.told()) == 1


def test_each_recipient_has_an_address_of_their_own_unless_they_share_an_envelope(post: Post) -> None:
    _, return_path = post.send(ADA, BOB)

    post.comes_back(report(BOB, "5.2.2", "552 5.2.2 mailbox full"), return_path)

    (event,) = post.told()
    assert [one["emailAddress"] for one in event["bounce"]["bouncedRecipients"]] == [BOB]
    assert (event["bounce"]["bounceType"], event["bounce"]["bounceSubType"]) == ("Transient", "MailboxFull")
    assert post.suppressed() == {}


@pytest.mark.parametrize("comes_to", ["the signed address", "abuse"])
def test_a_complaint_becomes_an_event_wherever_the_provider_sends_it(post: Post, comes_to: str) -> None:
    message_id, return_path = post.send()

    post.comes_back(complaint(return_path), return_path if comes_to != "abuse" else f"abuse@{DOMAIN}")

    assert post.kinds(message_id) == ["Complaint", "Delivery", "Send"]
    (event,) = post.told()
    told = event["complaint"]
    assert told["complainedRecipients"] == [{"emailAddress": ADA}]
    assert (told["complaintFeedbackType"], told["userAgent"]) == ("abuse", "FBL/1.0")
    assert told["arrivalDate"] == "2026-10-12T06:00:00.000Z"
    assert post.suppressed() == {ADA: "COMPLAINT"}


def test_a_forged_address_is_refused_before_any_mail(post: Post) -> None:
    message_id, return_path = post.send()
    local_part, _, domain = return_path.partition("@")
    forged = ("a" if local_part[-1] != "a" else "b").join((local_part[:-1], ""))
    strangers = [
        f"{forged}@{domain}",
        f"{message_id}@{domain}",
        f"{local_part[:-1]}@{domain}",
        f"nobody@{domain}",
        "postmaster@example.net",
        ADA,
        local_part,
    ]

    with post.connected() as client:
        client.ehlo()
        assert client.mail("")[0] == 250
        for address in strangers:
            code, text = client.rcpt(address)
            assert (code, text[:6]) == (550, b"5.1.1 "), address
        assert client.docmd("DATA")[0] == 503

    assert post.kinds(message_id) == ["Delivery", "Send"]


def test_a_complaint_that_names_a_forged_return_path_is_for_the_operator_and_no_event(post: Post) -> None:
    message_id, return_path = post.send()
    forged = return_path.replace(return_path[5], "a" if return_path[5] != "a" else "b", 1)

    post.comes_back(complaint(forged), f"abuse@{DOMAIN}")

    assert post.kinds(message_id) == ["Delivery", "Send"]


def test_who_guesses_addresses_is_sent_away(post: Post) -> None:
    with post.connected() as client:
        client.ehlo()
        client.mail("")
        answers = [client.rcpt(f"guess{number}@{DOMAIN}")[0] for number in range(20)]

    assert answers == [550] * 19 + [421]


def test_a_report_without_a_time_that_can_be_read_is_refused_and_not_dated_now(post: Post) -> None:
    message_id, return_path = post.send()
    lines = [line for line in report().split("\r\n") if not line.startswith("Date:")]

    with pytest.raises(smtplib.SMTPDataError) as refused:
        post.comes_back("\r\n".join(lines), return_path)

    assert refused.value.smtp_code == 554
    assert post.kinds(message_id) == ["Delivery", "Send"]


def test_what_people_write_to_the_postmaster_is_kept_for_the_operator(post: Post) -> None:
    marker = f"Who are you? {post.server.account}"

    post.comes_back(
        f"From: eve@example.org\r\nSubject: {marker}\r\n\r\nHello?\r\n", "postmaster", sender="eve@example.org"
    )

    kept = eventually(lambda: _captured_by_the_service(post, f"postmaster@{DOMAIN}"), lambda found: any(found))
    assert any(marker.encode() in body for body in kept)


def _captured_by_the_service(post: Post, address: str) -> list[bytes]:
    running = post.server.running
    store = running.listening.store
    wanted = Wanted(account=SERVICE_ACCOUNT, recipient=address)
    found: list[Summary] = running.run(page(store, wanted)).messages
    told = [running.run(history.of(store, one.message_id, SystemClock().now())) for one in found]
    return [running.run(store.body(one.body)) for each in told for one in each.captured]


def test_a_bounce_is_sent_on_by_mail_to_the_sender(post: Post) -> None:
    message_id, return_path = post.send()

    post.comes_back(report(), return_path)

    (mail,) = post.mail_to(SENDER)
    assert (mail["From"], mail["To"]) == (f"MAILER-DAEMON@{DOMAIN}", SENDER)
    assert mail["Subject"] == "Delivery Status Notification (Failure)"
    assert mail.get_content_type() == "multipart/report"
    reading = read(mail.as_bytes()).report
    assert isinstance(reading, DeliveryReport)
    assert [(fate.action, fate.addresses, fate.status) for fate in reading.fates] == [("failed", (ADA,), "5.1.1")]
    assert message_id in str(mail.get_payload()[-1])  # type: ignore[index]


def test_a_complaint_is_sent_on_by_mail_to_the_sender(post: Post) -> None:
    _, return_path = post.send()

    post.comes_back(complaint(return_path), return_path)

    (mail,) = post.mail_to(SENDER)
    reading = read(mail.as_bytes()).report
    assert isinstance(reading, ComplaintReport)
    assert (reading.feedback_type, reading.addresses) == ("abuse", (ADA,))


def test_mail_of_the_service_counts_for_nobody_and_is_told_to_nobody(post: Post) -> None:
    _, return_path = post.send()
    before = post.ses.get_send_quota()["SentLast24Hours"]

    post.comes_back(report(), return_path)
    post.mail_to(SENDER)

    assert post.ses.get_send_quota()["SentLast24Hours"] == before
    assert [event["eventType"] for event in post.told()] == ["Bounce"]


def test_who_wants_no_feedback_by_mail_gets_none_as_long_as_something_tells_them(post: Post) -> None:
    post.server.client("sesv2").put_email_identity_feedback_attributes(
        EmailIdentity="shop.example", EmailForwardingEnabled=False
    )
    _, first = post.send()
    post.comes_back(report(), first)
    assert len(post.told()) == 1
    post.ses.delete_configuration_set_event_destination(ConfigurationSetName="orders", EventDestinationName="topic")
    second_id, second = post.send(BOB)

    post.comes_back(report(BOB), second)

    (mail,) = post.mail_to(SENDER)
    assert second_id in mail.as_string(), "of the first nobody had to be told by mail"


def test_an_automatic_reply_is_no_event_and_goes_on_to_the_sender(post: Post) -> None:
    message_id, return_path = post.send()
    reply = (
        f"From: Ada <{ADA}>\r\nSubject: Automatic reply: Your order\r\nAuto-Submitted: auto-replied\r\n\r\nAway.\r\n"
    )

    post.comes_back(reply, return_path)
    post.comes_back(reply, return_path)

    (mail,) = post.mail_to(SENDER)
    assert mail["Subject"] == "Automatic reply: Your order"
    assert "Away." in mail.as_string()
    assert post.kinds(message_id) == ["Delivery", "Send"]
    assert post.told() == []


def test_the_simulators_bounce_and_complaint_come_by_mail_and_so_does_its_reply(post: Post) -> None:
    for address in (
        "bounce@simulator.amazonses.com",
        "complaint+x@simulator.amazonses.com",
        "ooto@simulator.amazonses.com",
    ):
        post.ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [address]},
            Message={"Subject": {"Data": "To you"}, "Body": {"Text": {"Data": "Hello."}}},
            ReturnPath="feedback@shop.example",
        )

    mails = post.mail_to("feedback@shop.example", 3)

    assert sorted(mail["Subject"] for mail in mails) == [
        "Automatic reply: To you",
        "Delivery Status Notification (Failure)",
        "complaint about message: To you",
    ]
    reply = next(mail for mail in mails if mail["Subject"].startswith("Automatic"))
    assert reply["Auto-Submitted"] == "auto-replied"
    assert post.suppressed() == {}


def test_what_a_real_postfix_reports_is_understood(tmp_path: Path) -> None:
    """Postfix takes the mail, hands it to a server that refuses it (our own return path), and brings back why."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    with (
        Postfix.started(port, [ADA]) as postfix,
        RunningServer.started(
            tmp_path,
            dev=True,
            dev_really_send=True,
            service_domain=DOMAIN,
            return_path_port=port,
            routes=(RouteSetting(transport="smtp"),),
            smarthost=SmarthostSetting(host=LOOPBACK, port=postfix.port, tls="none"),
        ) as running,
    ):
        server = running.for_new_account()
        server.vouch(SENDER)
        message_id: str = server.client("ses").send_email(
            Source=SENDER,
            Destination={"ToAddresses": [ADA]},
            Message={"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "Hello."}}},
        )["MessageId"]
        bounces = eventually(lambda: _facts(server, message_id, Bounce), lambda found: len(found) == 1)

    (bounce,) = bounces
    assert (bounce.bounce_type, bounce.bounce_subtype) == ("Permanent", "General")
    assert bounce.reporting_mta == "dns; smarthost.example.org"
    (recipient,) = bounce.recipients
    assert (recipient.address, recipient.action, recipient.status) == (ADA, "failed", "5.1.1")
    assert str(recipient.diagnostic_code).startswith(f"smtp; 550 5.1.1 <{ADA}> no such address here")


def _facts(server: Server, message_id: str, kind: type[T]) -> list[T]:
    facts = (fact_from_json(row.fact) for row in server.read(events.of_message, message_id))
    return [fact for fact in facts if isinstance(fact, kind)]
