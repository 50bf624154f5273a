"""Sending in v1: what is accepted, and why the rest is not."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from pillarbox.kit.ids import read_message_id
from pillarbox.store import events, messages, outgoing
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.set_up import mail_from_that_is_not_verified, pool_that_is_gone

MESSAGE = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "You"}, "Html": {"Data": "<p>You</p>"}}}
HELLO = {
    "TemplateName": "hello",
    "SubjectPart": "Hello, {{name}}",
    "TextPart": "Hi {{name}}",
    "HtmlPart": "<p>Hi {{name}}</p>",
}
RAW = b"From: Jo <jo@example.com>\r\nTo: a@example.net\r\nSubject: Hello\r\n\r\nYou\r\n"


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v1 client of an account that may send from `example.com`."""
    client = server.client("ses")
    client.verify_domain_identity(Domain="example.com")
    return client


def send(client, **changes: Any) -> str:  # type: ignore[no-untyped-def]
    """Send from jo@example.com to a@example.net; a change to None leaves a parameter out."""
    params = {"Source": "jo@example.com", "Destination": {"ToAddresses": ["a@example.net"]}, "Message": MESSAGE}
    params = {name: value for name, value in (params | changes).items() if value is not None}
    return str(client.send_email(**params)["MessageId"])


def send_templated(client, data: str, **changes: Any) -> str:  # type: ignore[no-untyped-def]
    """Send the template `hello` from jo@example.com to a@example.net."""
    params = {
        "Source": "jo@example.com",
        "Destination": {"ToAddresses": ["a@example.net"]},
        "Template": "hello",
        "TemplateData": data,
    }
    return str(client.send_templated_email(**params | changes)["MessageId"])


def delivered(server: Server, message_id: str) -> EmailMessage:
    """Return the one copy that was captured of a message."""
    (capture,) = server.read(outgoing.captures_of, message_id)
    found = message_from_bytes(server.running.run(server.running.listening.store.body(capture.body)), policy=default)
    assert isinstance(found, EmailMessage)
    return found


def told(server: Server, message_id: str) -> list[str]:
    return [event.kind for event in server.read(events.of_message, message_id)]


def body(server: Server, message_id: str) -> EmailMessage:
    row = server.read(messages.get, message_id)
    assert row is not None
    raw = server.running.run(server.running.listening.store.body(row.body))
    found = message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def count(server: Server) -> int:
    return len(server.read(messages.newest, messages.Search(account=server.account), 100))


def test_send_email_promises_a_message(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    message_id = send(
        ses,
        Source="Jo <jo@example.com>",
        Destination={
            "ToAddresses": ["a@example.net"],
            "CcAddresses": ["b@example.net"],
            "BccAddresses": ["c@example.net"],
        },
        ReplyToAddresses=["re@example.org"],
    )
    parts = read_message_id(message_id)
    assert parts is not None
    assert parts.region == "us-east-1"
    found = body(server, message_id)
    assert (found["From"], found["To"], found["Cc"], found["Bcc"]) == (
        "Jo <jo@example.com>",
        "a@example.net",
        "b@example.net",
        None,
    )
    assert found["Reply-To"] == "re@example.org"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    recipients = server.read(messages.recipients_of, message_id)
    assert [row.address for row in recipients] == ["a@example.net", "b@example.net", "c@example.net"]


def test_send_email_keeps_tags_set_and_return_path(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSet={"Name": "news"})
    message_id = send(
        ses,
        ConfigurationSetName="news",
        ReturnPath="back@example.com",
        Tags=[{"Name": "campaign", "Value": "may"}],
    )
    row = server.read(messages.get, message_id)
    assert row is not None
    assert row.configuration_set == "news"
    assert row.operation == "SendEmail"
    assert '"campaign":["may"]' in row.mail
    assert "back@example.com" in row.mail


def test_send_raw_email_takes_recipients_from_the_headers(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    message_id = ses.send_raw_email(RawMessage={"Data": RAW})["MessageId"]
    assert [row.address for row in server.read(messages.recipients_of, message_id)] == ["a@example.net"]
    assert body(server, message_id)["Subject"] == "Hello"


def test_send_raw_email_destinations_and_source_win_over_the_headers(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    message_id = ses.send_raw_email(
        Source="boss@example.com", Destinations=["z@example.net"], RawMessage={"Data": RAW}
    )["MessageId"]
    assert [row.address for row in server.read(messages.recipients_of, message_id)] == ["z@example.net"]
    row = server.read(messages.get, message_id)
    assert row is not None
    assert row.operation == "SendRawEmail"
    assert row.sender == "boss@example.com"


@pytest.mark.parametrize("domain", ["example.com", "news.example.com"])
def test_a_domain_covers_its_addresses_and_subdomains(ses, domain: str) -> None:  # type: ignore[no-untyped-def]
    send(ses, Source=f"anybody+label@{domain}")


def test_a_sender_that_is_not_verified_is_named(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    text = (
        "Email address is not verified. The following identities failed the check in region US-EAST-1: jo@example.net"
    )
    with refused("MessageRejected", text):
        send(ses, Source="jo@example.net")
    with refused("MessageRejected", text):
        ses.send_raw_email(
            Source="jo@example.net", Destinations=["a@b.example"], RawMessage={"Data": b"Subject: x\r\n\r\n"}
        )
    assert count(server) == 0


def test_an_identity_of_another_account_or_region_does_not_cover(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999994")):
        with refused("MessageRejected"):
            send(other)


def test_a_configuration_set_must_exist_and_send(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    with refused(
        "ConfigurationSetDoesNotExist", "Configuration set <news> does not exist.", ConfigurationSetName="news"
    ):
        send(ses, ConfigurationSetName="news")
    ses.create_configuration_set(ConfigurationSet={"Name": "news"})
    ses.update_configuration_set_sending_enabled(ConfigurationSetName="news", Enabled=False)
    with refused("ConfigurationSetSendingPausedException", ConfigurationSetName="news"):
        send(ses, ConfigurationSetName="news")
    assert count(server) == 0


def test_a_paused_account_does_not_send(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.update_account_sending_enabled(Enabled=False)
    with refused("AccountSendingPausedException"):
        send(ses)
    with refused("AccountSendingPausedException"):
        ses.send_raw_email(RawMessage={"Data": RAW})
    assert count(server) == 0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Destination": {"ToAddresses": []}}, "There are no recipients specified"),
        ({"Destination": {"ToAddresses": ["nobody"]}}, "Missing final '@domain'"),
        ({"Tags": [{"Name": "a b", "Value": "c"}]}, None),
        ({"Source": "jo"}, "Missing final '@domain'"),
        ({"Destination": {"ToAddresses": [f"r{number}@example.net" for number in range(51)]}}, None),
    ],
)
def test_a_value_that_cannot_be_is_refused(server: Server, ses, changes: dict[str, Any], text: str | None) -> None:  # type: ignore[no-untyped-def]
    with refused("InvalidParameterValue", text):
        send(ses, **changes)
    assert count(server) == 0


def test_an_arn_must_name_an_own_identity_that_covers_the_sender(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:identity/example.com"
    send(ses, SourceArn=arn, ReturnPath="back@example.com", ReturnPathArn=arn)
    ses.send_raw_email(RawMessage={"Data": RAW}, SourceArn=arn, FromArn=arn, ReturnPathArn=arn)

    foreign = arn.replace(server.account, "999999999993")
    user = f"arn:aws:iam::{server.account}:user/developer"
    why = f"User `{user}' is not authorized to perform `ses:SendEmail' on resource `{foreign}'"
    with refused("AccessDenied", why, 403):
        send(ses, SourceArn=foreign)
    with refused("InvalidParameterValue"):
        send(ses, SourceArn=arn.replace("example.com", "example.net"))
    with refused("AccessDenied", status=403):
        ses.send_raw_email(RawMessage={"Data": RAW}, FromArn=foreign)
    ses.verify_domain_identity(Domain="example.net")
    with refused("InvalidParameterValue"):
        send(ses, SourceArn=arn, Source="jo@example.net")
    assert count(server) == 2


def test_send_templated_email_delivers_what_the_template_makes_of_the_data(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_template(Template=HELLO)
    message_id = send_templated(
        ses,
        '{"name": "Zoë <3"}',
        Destination={"ToAddresses": ["a@example.net"], "CcAddresses": ["b@example.net"]},
        ReplyToAddresses=["re@example.org"],
        ReturnPath="back@example.com",
        Tags=[{"Name": "campaign", "Value": "may"}],
    )
    server.settle()
    found = delivered(server, message_id)
    assert (found["From"], found["To"], found["Cc"]) == ("jo@example.com", "a@example.net", "b@example.net")
    assert (found["Subject"], found["Reply-To"]) == ("Hello, Zoë <3", "re@example.org")
    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content().strip() for part in found.iter_parts()] == ["Hi Zoë <3", "<p>Hi Zoë <3</p>"]
    row = server.read(messages.get, message_id)
    assert row is not None
    assert (row.operation, row.recipient_count) == ("SendTemplatedEmail", 2)
    assert '"campaign":["may"]' in row.mail
    assert "back@example.com" in row.mail
    assert told(server, message_id) == ["Send", "Delivery"]


def test_send_templated_email_with_data_that_lacks_an_attribute_is_told_as_an_event(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_template(Template=HELLO)
    message_id = send_templated(ses, "{}")
    server.settle()
    assert told(server, message_id) == ["Send", "Rendering Failure"]
    fact = server.read(events.of_message, message_id)[1].fact
    assert "Attribute 'name' is not present in the rendering data." in fact
    assert "hello" in fact
    assert server.read(outgoing.captures_of, message_id) == []


@pytest.mark.parametrize("data", ["", "{", "[]", "null", '"name"'])
def test_template_data_that_is_no_json_object_is_refused_at_once(server: Server, ses, data: str) -> None:  # type: ignore[no-untyped-def]
    ses.create_template(Template=HELLO)
    with refused("InvalidParameterValue"):
        send_templated(ses, data)
    assert count(server) == 0


def test_send_templated_email_names_a_template_that_is_there(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:template/hello"
    for changes in ({}, {"TemplateArn": arn}):
        with refused("TemplateDoesNotExist", "Template hello does not exist.", TemplateName="hello"):
            send_templated(ses, "{}", **changes)
    ses.create_template(Template=HELLO)
    send_templated(ses, "{}", TemplateArn=arn)
    for wrong in (arn + "2", arn.replace(server.account, "999999999980"), "hello"):
        with refused("InvalidParameterValue"):
            send_templated(ses, "{}", TemplateArn=wrong)
    assert count(server) == 1


def test_send_templated_email_is_refused_for_the_reasons_of_every_send(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_template(Template=HELLO)
    for data in ("{}", '{"name": "Jo"}'):
        with refused("MessageRejected"):
            send_templated(ses, data, Source="jo@b.example")
        with refused("ConfigurationSetDoesNotExist"):
            send_templated(ses, data, ConfigurationSetName="news")
        with refused("InvalidParameterValue", "There are no recipients specified"):
            send_templated(ses, data, Destination={"ToAddresses": []})
        with refused("AccessDenied", status=403):
            send_templated(ses, data, SourceArn="arn:aws:ses:us-east-1:999999999979:identity/example.com")
    assert count(server) == 0


def test_nothing_is_sent_without_the_mail_from_domain_when_the_identity_says_so(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_template(Template=HELLO)
    domain = mail_from_that_is_not_verified(server, "example.com")
    text = f"MAIL FROM domain is not verified: {domain}"

    with refused("MailFromDomainNotVerifiedException", text):
        send(ses)
    with refused("MailFromDomainNotVerifiedException", text):
        ses.send_raw_email(RawMessage={"Data": RAW})
    with refused("MailFromDomainNotVerifiedException", text):
        send_templated(ses, "{}")
    assert count(server) == 0
    ses.set_identity_mail_from_domain(Identity="example.com", MailFromDomain="mail.example.com")  # verified at once
    assert send(ses)


def test_the_mail_from_domain_of_the_most_specific_identity_decides(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    mail_from_that_is_not_verified(server, "example.com")
    ses.verify_email_identity(EmailAddress="jo@example.com")
    ses.set_identity_mail_from_domain(Identity="jo@example.com", MailFromDomain="jo.example.com")

    assert send(ses)
    with refused("MailFromDomainNotVerifiedException"):
        send(ses, Source="al@example.com")


def test_mail_is_sent_without_a_mail_from_domain_that_may_be_missing(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    mail_from_that_is_not_verified(server, "example.com", "UseDefaultValue")

    assert send(ses)


def test_a_pool_that_is_gone_stands_against_the_mail_of_its_configuration_set(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    pool_that_is_gone(server, "dedicated")

    with refused("MessageRejected", "Sending pool <gone> does not exist."):
        send(ses, ConfigurationSetName="dedicated")
    assert count(server) == 0
