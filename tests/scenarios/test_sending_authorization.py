"""One account sends in the name of another's identity, as far as its policies allow."""

import json
import smtplib
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.edge.smtp_password import smtp_password
from pillarbox.store import messages
from tests.support.queue_policy import policy_for_topic
from tests.support.refused import refused
from tests.support.server import Server

AUTHOR = "Shop <news@owner.example>"
RAW = b"From: Shop <news@owner.example>\r\nTo: a@example.net\r\nSubject: Hi\r\n\r\nHello\r\n"
SIMPLE = {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}}


class Pair:
    """An owner of `owner.example`, and a sender of another account."""

    def __init__(self, owner: Server, sender: Server) -> None:
        self.owner = owner
        self.sender = sender
        self.arn = f"arn:aws:ses:us-east-1:{owner.account}:identity/owner.example"

    def allow(self, name: str = "p", **members: Any) -> None:
        """Put a policy of one statement, which allows the sender everything but for what `members` say."""
        rule = {
            "Effect": "Allow",
            "Principal": {"AWS": self.sender.account},
            "Action": "ses:Send*",
            "Resource": self.arn,
            **members,
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
        self.owner.client("ses").put_identity_policy(Identity="owner.example", PolicyName=name, Policy=document)

    def send(self, **changes: Any) -> str:
        """Send by v1 from the sender's account."""
        asked = {
            "Source": AUTHOR,
            "SourceArn": self.arn,
            "Destination": {"ToAddresses": ["a@example.net"]},
            "Message": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}},
            **changes,
        }
        message_id: str = self.sender.client("ses").send_email(**asked)["MessageId"]
        return message_id

    def denial(self, action: str = "ses:SendEmail", user: str = "tester") -> str:
        who = f"arn:aws:iam::{self.sender.account}:user/{user}"
        return f"User `{who}' is not authorized to perform `{action}' on resource `{self.arn}'"


@pytest.fixture
def pair(production_server: Any) -> Iterator[Pair]:
    made = Pair(production_server.for_new_key(), production_server.for_new_key())
    made.owner.vouch("owner.example")
    yield made


def test_without_a_policy_nobody_sends_in_anothers_name(pair: Pair) -> None:
    with refused("AccessDenied", pair.denial(), 403):
        pair.send()
    with refused("MessageRejected"):
        pair.sender.client("ses").send_email(
            Source=AUTHOR,
            Destination={"ToAddresses": ["a@example.net"]},
            Message={"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}},
        )


def test_a_policy_lets_an_account_send_and_the_mail_counts_there(pair: Pair) -> None:
    pair.allow()
    message_id = pair.send()
    (row,) = pair.sender.read(messages.get_many, [message_id]).values()
    assert row.account == pair.sender.account
    assert json.loads(row.mail)["source_arn"] == pair.arn
    sent = [one.client("ses").get_send_quota()["SentLast24Hours"] for one in (pair.sender, pair.owner)]
    assert sent == [1.0, 0.0]


def test_a_denial_outweighs_and_a_policy_that_is_deleted_allows_no_more(pair: Pair) -> None:
    pair.allow()
    pair.allow("stop", Effect="Deny")
    with refused("AccessDenied", pair.denial(), 403):
        pair.send()
    owner = pair.owner.client("ses")
    owner.delete_identity_policy(Identity="owner.example", PolicyName="stop")
    pair.send()
    owner.delete_identity_policy(Identity="owner.example", PolicyName="p")
    with refused("AccessDenied", pair.denial(), 403):
        pair.send()


@pytest.mark.parametrize(
    ("operator", "key", "value", "allowed"),
    [
        ("StringEquals", "ses:FromAddress", "news@owner.example", True),
        ("StringEquals", "ses:FromAddress", "boss@owner.example", False),
        ("StringLike", "ses:FromDisplayName", "Sh*", True),
        ("StringEquals", "ses:FromDisplayName", "Bank", False),
        ("StringLike", "ses:FeedbackAddress", "*@owner.example", True),
        ("ForAllValues:StringLike", "ses:Recipients", "*@example.net", True),
        ("ForAllValues:StringLike", "ses:Recipients", "*@example.org", False),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", True),
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24", False),
        ("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", False),
        ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", True),
        ("NumericGreaterThan", "aws:EpochTime", "1500000000", True),
        ("StringEquals", "aws:username", "tester", True),
    ],
)
def test_conditions_are_asked_of_each_message(pair: Pair, operator: str, key: str, value: str, allowed: bool) -> None:
    pair.allow(Condition={operator: {key: value}})
    if allowed:
        pair.send()
    else:
        with refused("AccessDenied", pair.denial(), 403):
            pair.send()


def test_each_operation_is_an_action_of_its_own(pair: Pair) -> None:
    pair.allow(Action="ses:SendEmail")
    pair.send()
    v2 = pair.sender.client("sesv2")
    whose: dict[str, Any] = {"FromEmailAddress": AUTHOR, "FromEmailAddressIdentityArn": pair.arn}
    to = {"Destination": {"ToAddresses": ["a@example.net"]}}
    v2.send_email(**whose, **to, Content=SIMPLE)
    raw = pair.denial("ses:SendRawEmail")
    with refused("AccessDenied", raw, 403):
        pair.sender.client("ses").send_raw_email(RawMessage={"Data": RAW}, SourceArn=pair.arn)
    with refused("AccessDeniedException", raw, 403):
        v2.send_email(**whose, Content={"Raw": {"Data": RAW}})
    template = {"Template": {"TemplateContent": {"Subject": "Hi", "Text": "Hello"}, "TemplateData": "{}"}}
    with refused("AccessDeniedException", pair.denial("ses:SendTemplatedEmail"), 403):
        v2.send_email(**whose, **to, Content=template)


def test_headers_of_raw_mail_claim_too_and_do_not_leave(pair: Pair) -> None:
    pair.allow()
    ses = pair.sender.client("ses")
    claimed = f"X-SES-SOURCE-ARN: {pair.arn}\r\n".encode() + RAW
    with refused("MessageRejected"):
        ses.send_raw_email(RawMessage={"Data": RAW})
    ses.send_raw_email(RawMessage={"Data": claimed})
    every = f"X-SES-FROM-ARN: {pair.arn}\r\nX-SES-RETURN-PATH-ARN: {pair.arn}\r\n".encode() + RAW
    ses.send_raw_email(RawMessage={"Data": every})
    pair.sender.client("sesv2").send_email(Content={"Raw": {"Data": claimed}})


def test_smtp_sends_by_the_headers_of_the_message(pair: Pair) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    claimed = f"X-SES-SOURCE-ARN: {pair.arn}\r\n".encode() + RAW
    with smtplib.SMTP("127.0.0.1", pair.sender.running.listening.smtp_port, timeout=20) as client:
        client.starttls(context=context)
        client.login(pair.sender.key_id, smtp_password(pair.sender.secret, "us-east-1"))
        with pytest.raises(smtplib.SMTPDataError) as told:
            client.sendmail("news@owner.example", ["a@example.net"], claimed)
        assert told.value.smtp_code == 554
        assert told.value.smtp_error.decode() == f"Access denied: {pair.denial('ses:SendRawEmail')}"
        pair.allow()
        client.sendmail("news@owner.example", ["a@example.net"], claimed)


def test_a_return_path_of_ones_own_needs_no_policy(pair: Pair) -> None:
    pair.allow()
    pair.sender.vouch("sender.example")
    pair.send(ReturnPath="back@sender.example")
    with refused("MessageRejected"):
        pair.send(ReturnPath="back@elsewhere.example")


def test_bulk_sends_tell_a_denial_for_each_entry(pair: Pair) -> None:
    pair.allow(Condition={"ForAllValues:StringEquals": {"ses:Recipients": "a@example.net"}})
    ses = pair.sender.client("ses")
    ses.create_template(Template={"TemplateName": "t", "SubjectPart": "Hi", "TextPart": "Hello"})
    told = ses.send_bulk_templated_email(
        Source=AUTHOR,
        SourceArn=pair.arn,
        Template="t",
        DefaultTemplateData="{}",
        Destinations=[{"Destination": {"ToAddresses": [to]}} for to in ("a@example.net", "b@example.net")],
    )["Status"]
    assert [one["Status"] for one in told] == ["Success", "MessageRejected"]
    assert told[1]["Error"] == pair.denial("ses:SendBulkTemplatedEmail")


def test_a_policy_of_ones_own_identity_can_deny(pair: Pair) -> None:
    user = {"AWS": f"arn:aws:iam::{pair.owner.account}:user/tester"}
    own = Pair(pair.owner, pair.owner)
    own.send(SourceArn="")
    pair.allow(Effect="Deny", Principal=user)
    with refused("AccessDenied", own.denial(), 403):
        own.send(SourceArn="")
    with refused("AccessDenied", own.denial(), 403):
        own.send()


def test_an_owner_who_is_not_verified_lends_nothing(pair: Pair) -> None:
    pair.owner.client("ses").verify_domain_identity(Domain="pending.example")
    arn = pair.arn.replace("owner.example", "pending.example")
    rule = {"Effect": "Allow", "Principal": "*", "Action": "ses:*", "Resource": arn}
    pair.owner.client("ses").put_identity_policy(
        Identity="pending.example", PolicyName="p", Policy=json.dumps({"Statement": [rule]})
    )
    with refused("MessageRejected"):
        pair.send(Source="a@pending.example", SourceArn=arn)


def test_an_arn_of_another_region_says_so(pair: Pair) -> None:
    arn = pair.arn.replace("us-east-1", "eu-west-1")
    why = f"{arn} is an identity of region eu-west-1, and the request is for region us-east-1."
    with refused("InvalidParameterValue", f"Invalid value for SourceArn: {why}"):
        pair.send(SourceArn=arn)


def test_the_owners_topic_is_told_of_bounces(pair: Pair) -> None:
    pair.allow()
    sns, sqs = pair.owner.client("sns"), pair.owner.client("sqs")
    topic = sns.create_topic(Name="bounces")["TopicArn"]
    queue = sqs.create_queue(QueueName="bounces")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy_for_topic(topic, arn)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    pair.owner.client("ses").set_identity_notification_topic(
        Identity="owner.example", NotificationType="Bounce", SnsTopic=topic
    )
    message_id = pair.send(Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]})
    pair.sender.settle()
    pair.owner.settle()

    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, MaxNumberOfMessages=10)["Messages"]
    (mail,) = [told["mail"] for one in received if "mail" in (told := json.loads(json.loads(one["Body"])["Message"]))]
    assert (mail["messageId"], mail["sourceArn"]) == (message_id, pair.arn)
    assert mail["sendingAccountId"] == pair.sender.account
