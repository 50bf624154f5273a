"""Sending in v2: what is accepted, and why the rest is not."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from pillarbox.store import events, messages, outgoing
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.set_up import configuration_set_told_to, mail_from_that_is_not_verified

SIMPLE = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "You"}}}
TEMPLATE = {"Subject": "Hello, {{name}}", "Text": "Hi {{name}}"}
RAW = b"From: Jo <jo@example.com>\r\nTo: a@example.net\r\nSubject: Hello\r\n\r\nYou\r\n"


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v2 client of an account that may send from `example.com`."""
    client = server.client("sesv2")
    client.create_email_identity(EmailIdentity="example.com")
    return client


def send(client, **changes: Any) -> str:  # type: ignore[no-untyped-def]
    """Send from jo@example.com to a@example.net; a change to None leaves a parameter out."""
    params: dict[str, Any] = {
        "FromEmailAddress": "jo@example.com",
        "Destination": {"ToAddresses": ["a@example.net"]},
        "Content": {"Simple": SIMPLE},
    }
    params = {name: value for name, value in (params | changes).items() if value is not None}
    return str(client.send_email(**params)["MessageId"])


def row(server: Server, message_id: str) -> messages.MessageRow:
    found = server.read(messages.get, message_id)
    assert found is not None
    return found


def body(server: Server, message_id: str) -> EmailMessage:
    raw = server.running.run(server.running.listening.store.body(row(server, message_id).body))
    found = message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def recipients(server: Server, message_id: str) -> list[str]:
    return [one.address for one in server.read(messages.recipients_of, message_id)]


def send_template(client, **template: Any) -> str:  # type: ignore[no-untyped-def]
    return send(client, Content={"Template": template})


def delivered(server: Server, message_id: str) -> EmailMessage:
    """Return the one copy that was captured of a message."""
    (capture,) = server.read(outgoing.captures_of, message_id)
    found = message_from_bytes(server.running.run(server.running.listening.store.body(capture.body)), policy=default)
    assert isinstance(found, EmailMessage)
    return found


def told(server: Server, message_id: str) -> list[str]:
    return [event.kind for event in server.read(events.of_message, message_id)]


def count(server: Server) -> int:
    return len(server.read(messages.newest, messages.Search(account=server.account), 100))


def test_send_email_simple_with_headers_and_attachments(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    simple = SIMPLE | {
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"}],
        "Attachments": [{"FileName": "a.txt", "RawContent": b"attached", "ContentType": "text/plain"}],
    }
    message_id = send(ses, Content={"Simple": simple}, ReplyToAddresses=["re@example.org"])
    found = body(server, message_id)
    assert found["List-Unsubscribe"] == "<https://example.com/u>"
    assert found["Reply-To"] == "re@example.org"
    (attachment,) = found.iter_attachments()
    assert attachment.get_filename() == "a.txt"
    assert attachment.get_payload(decode=True).strip() == b"attached"


def test_send_email_keeps_tags_set_and_feedback_address(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSetName="news")
    message_id = send(
        ses,
        ConfigurationSetName="news",
        FeedbackForwardingEmailAddress="back@example.com",
        EmailTags=[{"Name": "campaign", "Value": "may"}],
    )
    found = row(server, message_id)
    assert found.configuration_set == "news"
    assert '"campaign":["may"]' in found.mail
    assert '"return_path":"back@example.com"' in found.mail


def test_send_email_raw_takes_recipients_from_the_headers_or_from_the_destination(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    content = {"Raw": {"Data": RAW}}
    from_headers = ses.send_email(Content=content)["MessageId"]
    given = send(
        ses, Content=content, Destination={"ToAddresses": ["y@example.net"], "BccAddresses": ["z@example.net"]}
    )
    assert recipients(server, from_headers) == ["a@example.net"]
    assert recipients(server, given) == ["y@example.net", "z@example.net"]


def test_the_default_configuration_set_of_the_identity_applies(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    for name in ("news", "other"):
        ses.create_configuration_set(ConfigurationSetName=name)
    ses.put_email_identity_configuration_set_attributes(EmailIdentity="example.com", ConfigurationSetName="news")
    assert row(server, send(ses)).configuration_set == "news"
    assert row(server, send(ses, ConfigurationSetName="other")).configuration_set == "other"


def test_the_refusals_of_sending_have_their_own_shapes(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    unverified = (
        "Email address is not verified. The following identities failed the check in region US-EAST-1: jo@b.example"
    )
    with refused("MessageRejected", unverified):
        send(ses, FromEmailAddress="jo@b.example")
    with refused("NotFoundException", "Configuration set <news> does not exist.", 404):
        send(ses, ConfigurationSetName="news")
    ses.create_configuration_set(ConfigurationSetName="news", SendingOptions={"SendingEnabled": False})
    with refused("SendingPausedException"):
        send(ses, ConfigurationSetName="news")
    with refused("BadRequestException", "There are no recipients specified"):
        send(ses, Destination=None)
    with refused("BadRequestException"):
        send(ses, FromEmailAddress=None)
    assert count(server) == 0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({}, "Content must be exactly one of Simple, Raw and Template."),
        ({"Simple": SIMPLE, "Raw": {"Data": RAW}}, "Content must be exactly one of Simple, Raw and Template."),
        (
            {"Template": {"TemplateName": "hello", "TemplateContent": TEMPLATE}},
            "Template must be either a stored one (TemplateName or TemplateArn) or TemplateContent.",
        ),
        (
            {"Template": {"TemplateData": "{}"}},
            "Template must be either a stored one (TemplateName or TemplateArn) or TemplateContent.",
        ),
        ({"Template": {"TemplateContent": {"Text": "Hi"}}}, "The subject must be specified."),
        (
            {"Template": {"TemplateContent": {"Subject": "Hi"}}},
            "The text part or the HTML part must be specified.",
        ),
        ({"Template": {"TemplateContent": {"Subject": "Hi", "Text": "{{#if a}}"}}}, None),
        ({"Template": {"TemplateContent": TEMPLATE, "TemplateData": "[]"}}, None),
        ({"Template": {"TemplateContent": TEMPLATE, "TemplateData": "{"}}, None),
    ],
)
def test_content_is_one_thing_that_a_message_can_be_made_of(  # type: ignore[no-untyped-def]
    server: Server, ses, content: dict[str, Any], text: str | None
) -> None:
    with refused("BadRequestException", text):
        send(ses, Content=content)
    assert count(server) == 0


@pytest.mark.parametrize("opens", ["ENABLED", "DISABLED", None])
@pytest.mark.parametrize("clicks", ["ENABLED", "DISABLED", None])
def test_one_message_may_say_otherwise_than_its_configuration_set_whether_it_is_tracked(  # type: ignore[no-untyped-def]
    server: Server, ses, opens: str | None, clicks: str | None
) -> None:
    topic = server.client("sns").create_topic(Name="news")["TopicArn"]
    configuration_set_told_to(server.client("ses"), topic, "news", ["open"])
    ses.put_configuration_set_tracking_options(ConfigurationSetName="news", HttpsPolicy="REQUIRE")
    chosen = {"OpenTrackingEnabled": opens, "ClickTrackingEnabled": clicks}
    tracking = {name: value for name, value in chosen.items() if value}
    message_id = send(
        ses,
        Content={"Simple": SIMPLE | {"Body": {"Html": {"Data": '<a href="https://example.org/">x</a>'}}}},
        ConfigurationSetName="news",
        ConfigurationOverrides={"Tracking": tracking},
    )
    server.settle()

    html = delivered(server, message_id).get_content()
    assert ("/CI0/" in html) is (opens != "DISABLED")  # the set's destination asks for opens
    assert ("/CL0/" in html) is (clicks == "ENABLED")


def test_an_arn_must_name_an_own_identity_that_covers_the_sender(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:identity/example.com"
    send(
        ses,
        FromEmailAddressIdentityArn=arn,
        FeedbackForwardingEmailAddress="back@example.com",
        FeedbackForwardingEmailAddressIdentityArn=arn,
    )
    with refused("AccessDeniedException", status=403):
        send(ses, FromEmailAddressIdentityArn=arn.replace(server.account, "999999999988"))
    with refused("BadRequestException"):
        send(ses, FromEmailAddressIdentityArn=arn.replace("example.com", "example.net"))
    with refused("NotFoundException", status=404):
        send(ses, FromEmailAddressIdentityArn=arn.replace("example.com", "jo@example.com"))
    assert count(server) == 1


def test_an_identity_of_another_account_or_region_does_not_cover(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999987")):
        with refused("MessageRejected"):
            send(other)


def test_send_email_with_a_stored_template_by_name_arn_or_both(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:template/hello"
    ses.create_email_template(TemplateName="hello", TemplateContent=TEMPLATE)
    for named in ({"TemplateName": "hello"}, {"TemplateArn": arn}, {"TemplateName": "hello", "TemplateArn": arn}):
        message_id = send_template(ses, TemplateData='{"name": "Jo"}', **named)
        server.settle()
        found = delivered(server, message_id)
        assert (found["Subject"], found.get_content().strip()) == ("Hello, Jo", "Hi Jo")
        assert row(server, message_id).operation == "SendEmail"
        assert told(server, message_id) == ["Send", "Delivery"]


def test_send_email_with_a_template_that_comes_with_the_call(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    message_id = send_template(
        ses,
        TemplateContent={"Subject": "Hello, {{name}}", "Html": "<p>{{name}}</p>"},
        TemplateData='{"name": "Jo & Co"}',
    )
    server.settle()
    found = delivered(server, message_id)
    assert (found["Subject"], found.get_content_type()) == ("Hello, Jo & Co", "text/html")
    assert found.get_content().strip() == "<p>Jo & Co</p>"
    assert ses.list_email_templates()["TemplatesMetadata"] == []


def test_send_email_with_a_template_that_needs_no_data(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    message_id = send_template(ses, TemplateContent={"Subject": "Hello", "Text": "{{! nothing }}Hi"})
    server.settle()
    assert delivered(server, message_id).get_content().strip() == "Hi"


def test_send_email_with_a_template_carries_headers_and_attachments(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    message_id = send_template(
        ses,
        TemplateContent=TEMPLATE,
        TemplateData='{"name": "Jo"}',
        Headers=[{"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"}],
        Attachments=[{"FileName": "a.txt", "RawContent": b"attached {{name}}", "ContentType": "text/plain"}],
    )
    server.settle()
    found = delivered(server, message_id)
    assert found["List-Unsubscribe"] == "<https://example.com/u>"
    text, attachment = found.iter_parts()
    assert text.get_content().strip() == "Hi Jo"
    assert attachment.get_filename() == "a.txt"
    assert attachment.get_payload(decode=True).strip() == b"attached {{name}}"


@pytest.mark.parametrize("stored", [True, False])
def test_a_template_that_its_data_does_not_fill_is_told_as_an_event(server: Server, ses, stored: bool) -> None:  # type: ignore[no-untyped-def]
    if stored:
        ses.create_email_template(TemplateName="hello", TemplateContent=TEMPLATE)
    template: dict[str, Any] = {"TemplateName": "hello"} if stored else {"TemplateContent": TEMPLATE}
    message_id = send_template(ses, TemplateData='{"nome": "Jo"}', **template)
    server.settle()
    assert told(server, message_id) == ["Send", "Rendering Failure"]
    fact = server.read(events.of_message, message_id)[1].fact
    assert "Attribute 'name' is not present in the rendering data." in fact
    assert server.read(outgoing.captures_of, message_id) == []


def test_a_template_that_is_not_there_is_named(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:template/hello"
    for template in ({"TemplateName": "hello"}, {"TemplateArn": arn}):
        with refused("NotFoundException", "Template hello does not exist.", 404):
            send_template(ses, TemplateData="{}", **template)
    with refused("BadRequestException"):
        send_template(ses, TemplateArn=arn.replace(server.account, "999999999978"))
    with refused("BadRequestException"):
        send_template(ses, TemplateArn=arn, TemplateName="other")
    assert count(server) == 0


def test_nothing_is_sent_without_the_mail_from_domain_when_the_identity_says_so(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    domain = mail_from_that_is_not_verified(server, "example.com")

    with refused("MailFromDomainNotVerifiedException", f"MAIL FROM domain is not verified: {domain}"):
        send(ses)
    assert count(server) == 0
