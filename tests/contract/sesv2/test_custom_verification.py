"""Custom verification mail in v2."""

from typing import Any

import pytest

from tests.support.mailbox import mail_to
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.set_up import mail_from_that_is_not_verified, pool_that_is_gone

WELCOME = {
    "TemplateName": "welcome",
    "FromEmailAddress": "desk@example.com",
    "TemplateSubject": "Welcome",
    "TemplateContent": "<p>Hi</p>",
    "SuccessRedirectionURL": "https://example.com/yes",
    "FailureRedirectionURL": "https://example.com/no",
}


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A client of an account with the template `welcome`, which has a tag."""
    client = server.client("sesv2")
    client.create_email_identity(EmailIdentity="example.com")
    client.create_custom_verification_email_template(**WELCOME, Tags=[{"Key": "team", "Value": "a"}])
    return client


def got(ses: Any) -> dict[str, Any]:
    found = ses.get_custom_verification_email_template(TemplateName="welcome")
    return {member: value for member, value in found.items() if member != "ResponseMetadata"}


def test_get_custom_verification_email_template_returns_what_was_given(server: Server, ses: Any) -> None:
    assert got(ses) == WELCOME | {"Tags": [{"Key": "team", "Value": "a"}]}
    arn = f"arn:aws:ses:us-east-1:{server.account}:custom-verification-email-template/welcome"
    assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]


def test_update_custom_verification_email_template_keeps_the_tags(ses: Any) -> None:
    changed = WELCOME | {"TemplateSubject": "Later", "TemplateContent": "Bye"}
    ses.update_custom_verification_email_template(**changed)
    assert got(ses) == changed | {"Tags": [{"Key": "team", "Value": "a"}]}


def test_create_custom_verification_email_template_refuses_a_second_of_its_name(ses: Any) -> None:
    with refused("AlreadyExistsException", "Custom verification email template welcome already exists."):
        ses.create_custom_verification_email_template(**WELCOME)


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"FromEmailAddress": "desk@other.example"}, "NotFoundException", 404),
        ({"TemplateContent": "<!-- x -->"}, "BadRequestException", 400),
        ({"SuccessRedirectionURL": "ftp://example.com/"}, "BadRequestException", 400),
    ],
)
def test_what_such_a_mail_cannot_have_is_refused(ses: Any, change: dict[str, str], code: str, status: int) -> None:
    with refused(code, status=status):
        ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": "second"} | change)
    with refused(code, status=status):
        ses.update_custom_verification_email_template(**WELCOME | change)


def test_list_custom_verification_email_templates_in_pages(ses: Any) -> None:
    ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": "second"})
    first = ses.list_custom_verification_email_templates(PageSize=1)
    rest = ses.list_custom_verification_email_templates(NextToken=first["NextToken"], PageSize=100)
    pages = first["CustomVerificationEmailTemplates"] + rest["CustomVerificationEmailTemplates"]
    assert [one["TemplateName"] for one in pages] == ["second", "welcome"]
    assert all("TemplateContent" not in one for one in pages)


def test_delete_custom_verification_email_template_minds_that_there_is_none(ses: Any) -> None:
    ses.delete_custom_verification_email_template(TemplateName="welcome")
    with refused("NotFoundException", status=404):
        ses.delete_custom_verification_email_template(TemplateName="welcome")
    with refused("NotFoundException", status=404):
        got(ses)


def test_send_custom_verification_email_goes_by_the_configuration_set(server: Server, ses: Any) -> None:
    address = f"jane@{server.account}.example"
    with refused("NotFoundException", status=404):
        ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome", ConfigurationSetName="missing")
    ses.create_configuration_set(ConfigurationSetName="there")
    ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome", ConfigurationSetName="there")
    assert len(mail_to(server, address)) == 1
    assert ses.get_email_identity(EmailIdentity=address)["IdentityType"] == "EMAIL_ADDRESS"
    ses.put_account_sending_attributes(SendingEnabled=False)
    with refused("SendingPausedException"):
        ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")


def test_create_custom_verification_email_template_stops_at_50(ses: Any) -> None:
    for number in range(49):
        ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": f"t{number}"})
    with refused("LimitExceededException"):
        ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": "one-more"})


def test_send_custom_verification_email_that_nothing_is_sent_for_adds_no_identity(server: Server, ses: Any) -> None:
    asked = {"EmailAddress": f"never@{server.account}.example", "TemplateName": "welcome"}
    pool_that_is_gone(server, "dedicated")
    with refused("MessageRejected", "Sending pool <gone> does not exist."):
        ses.send_custom_verification_email(**asked, ConfigurationSetName="dedicated")
    mail_from_that_is_not_verified(server, "example.com")
    with refused("MailFromDomainNotVerifiedException"):
        ses.send_custom_verification_email(**asked)
    assert [one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]] == ["example.com"]
