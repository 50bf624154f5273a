"""Custom verification mail in v1."""

from typing import Any

import pytest

from tests.support.mailbox import link_in, mail_to
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.set_up import pool_that_is_gone

WELCOME = {
    "TemplateName": "welcome",
    "FromEmailAddress": "Desk <desk@example.com>",
    "TemplateSubject": "Welcome",
    "TemplateContent": "<p>Hi</p>",
    "SuccessRedirectionURL": "https://example.com/yes",
    "FailureRedirectionURL": "https://example.com/no",
}
MISSING = "Custom verification email template missing does not exist."


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A client of an account with the template `welcome`."""
    client = server.client("ses")
    client.verify_domain_identity(Domain="example.com")
    client.create_custom_verification_email_template(**WELCOME)
    return client


def got(ses: Any, name: str = "welcome") -> dict[str, Any]:
    found = ses.get_custom_verification_email_template(TemplateName=name)
    return {member: value for member, value in found.items() if member != "ResponseMetadata"}


def test_get_custom_verification_email_template_returns_what_was_given(ses: Any) -> None:
    assert got(ses) == WELCOME


def test_create_custom_verification_email_template_refuses_a_second_of_its_name(ses: Any) -> None:
    text = "Custom verification email template welcome already exists."
    with refused("CustomVerificationEmailTemplateAlreadyExists", text, CustomVerificationEmailTemplateName="welcome"):
        ses.create_custom_verification_email_template(**WELCOME)


def test_update_custom_verification_email_template_changes_what_is_given(ses: Any) -> None:
    ses.update_custom_verification_email_template(TemplateName="welcome", TemplateSubject="Later")
    assert got(ses) == WELCOME | {"TemplateSubject": "Later"}
    changes = {
        "FromEmailAddress": "other@example.com",
        "TemplateContent": "Bye",
        "SuccessRedirectionURL": "http://a.b/",
    }
    ses.update_custom_verification_email_template(TemplateName="welcome", **changes)
    assert got(ses) == WELCOME | {"TemplateSubject": "Later"} | changes


@pytest.mark.parametrize(
    ("change", "code", "members"),
    [
        (
            {"FromEmailAddress": "desk@other.example"},
            "FromEmailAddressNotVerified",
            {"FromEmailAddress": "desk@other.example"},
        ),
        ({"FromEmailAddress": "desk"}, "InvalidParameterValue", {}),
        ({"TemplateContent": "<a href='https://example.com'>x</a>"}, "CustomVerificationEmailInvalidContent", {}),
        ({"TemplateContent": "<!-- x -->"}, "CustomVerificationEmailInvalidContent", {}),
        ({"TemplateSubject": ""}, "InvalidParameterValue", {}),
        ({"SuccessRedirectionURL": "javascript:alert(1)"}, "InvalidParameterValue", {}),
        ({"FailureRedirectionURL": "/no"}, "InvalidParameterValue", {}),
    ],
)
def test_what_such_a_mail_cannot_have_is_refused(
    ses: Any, change: dict[str, str], code: str, members: dict[str, str]
) -> None:
    with refused(code, **members):
        ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": "second"} | change)
    with refused(code, **members):
        ses.update_custom_verification_email_template(TemplateName="welcome", **change)
    assert got(ses) == WELCOME


def test_create_custom_verification_email_template_stops_at_50(ses: Any) -> None:
    for number in range(49):
        ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": f"t{number}"})
    with refused("LimitExceeded"):
        ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": "one-more"})


def test_list_custom_verification_email_templates_in_pages_without_their_content(ses: Any) -> None:
    ses.create_custom_verification_email_template(**WELCOME | {"TemplateName": "second"})
    first = ses.list_custom_verification_email_templates(MaxResults=1)
    rest = ses.list_custom_verification_email_templates(NextToken=first["NextToken"])
    listed = {name: value for name, value in WELCOME.items() if name != "TemplateContent"}
    assert first["CustomVerificationEmailTemplates"] == [listed | {"TemplateName": "second"}]
    assert rest["CustomVerificationEmailTemplates"] == [listed]
    assert "NextToken" not in rest


def test_delete_custom_verification_email_template_never_fails(ses: Any) -> None:
    for _ in range(2):
        ses.delete_custom_verification_email_template(TemplateName="welcome")
    assert ses.list_custom_verification_email_templates()["CustomVerificationEmailTemplates"] == []


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("get_custom_verification_email_template", {}),
        ("update_custom_verification_email_template", {"TemplateSubject": "x"}),
        ("send_custom_verification_email", {"EmailAddress": "jane@example.net"}),
    ],
)
def test_a_template_that_is_not_there_is_named(ses: Any, operation: str, params: dict[str, str]) -> None:
    with refused("CustomVerificationEmailTemplateDoesNotExist", MISSING, CustomVerificationEmailTemplateName="missing"):
        getattr(ses, operation)(TemplateName="missing", **params)


def test_send_custom_verification_email_adds_the_identity_and_sends_the_mail(server: Server, ses: Any) -> None:
    address = f"jane@{server.account}.example"
    ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    assert address in ses.list_identities(IdentityType="EmailAddress")["Identities"]
    (mail,) = mail_to(server, address)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Desk <desk@example.com>", address, "Welcome")
    assert link_in(mail).startswith(f"{server.endpoint}/verification/")


def test_send_custom_verification_email_that_cannot_be_sent_adds_no_identity(server: Server, ses: Any) -> None:
    address = f"never@{server.account}.example"
    with refused("ConfigurationSetDoesNotExist"):
        ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome", ConfigurationSetName="missing")
    ses.update_account_sending_enabled(Enabled=False)
    with refused("AccountSendingPausedException"):
        ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    ses.update_account_sending_enabled(Enabled=True)
    with refused("InvalidParameterValue"):
        ses.send_custom_verification_email(EmailAddress="no address", TemplateName="welcome")
    ses.delete_identity(Identity="example.com")
    with refused("FromEmailAddressNotVerified", FromEmailAddress="Desk <desk@example.com>"):
        ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    assert ses.list_identities()["Identities"] == []
    assert mail_to(server, address) == []


def test_custom_verification_templates_belong_to_one_account_in_one_region(server: Server, ses: Any) -> None:
    assert got(server.client("sesv2"))["TemplateContent"] == WELCOME["TemplateContent"]
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999982")):
        assert other.list_custom_verification_email_templates()["CustomVerificationEmailTemplates"] == []
        with refused("CustomVerificationEmailTemplateDoesNotExist"):
            got(other)


def test_send_custom_verification_email_by_a_pool_that_is_gone_adds_no_identity(server: Server, ses: Any) -> None:
    pool_that_is_gone(server, "dedicated")
    address = f"never@{server.account}.example"
    with refused("MessageRejected", "Sending pool <gone> does not exist."):
        ses.send_custom_verification_email(
            EmailAddress=address, TemplateName="welcome", ConfigurationSetName="dedicated"
        )
    assert ses.list_identities(IdentityType="EmailAddress")["Identities"] == []
