"""Templates in v2."""

from email import message_from_string
from email.policy import default
from typing import Any

import pytest

from pillarbox.resources import templates
from tests.support.refused import refused
from tests.support.server import Server

CONTENT = {"Subject": "Hello, {{name}}", "Text": "Hi {{name}}", "Html": "<p>Hi {{name}}</p>"}


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v2 client of an account with the template `hello`."""
    client = server.client("sesv2")
    client.create_email_template(TemplateName="hello", TemplateContent=CONTENT)
    return client


def test_get_email_template_returns_what_create_email_template_was_given(ses) -> None:  # type: ignore[no-untyped-def]
    tagged = [{"Key": "team", "Value": "red"}]
    ses.create_email_template(TemplateName="tagged", TemplateContent=CONTENT, Tags=tagged)
    for name, tags in (("hello", []), ("tagged", tagged)):
        found = ses.get_email_template(TemplateName=name)
        del found["ResponseMetadata"]
        assert found == {"TemplateName": name, "TemplateContent": CONTENT, "Tags": tags}


def test_create_email_template_refuses_a_second_of_its_name(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    with refused("AlreadyExistsException", f"Template hello already exists for account id {server.account}"):
        ses.create_email_template(TemplateName="hello", TemplateContent=CONTENT)


def test_update_email_template_replaces_the_content_and_keeps_the_tags(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:template/hello"
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    changed = {"Subject": "Bye", "Html": "<p>Bye</p>"}
    ses.update_email_template(TemplateName="hello", TemplateContent=changed)
    found = ses.get_email_template(TemplateName="hello")
    assert found["TemplateContent"] == changed
    assert found["Tags"] == [{"Key": "team", "Value": "red"}]


@pytest.mark.parametrize(
    "changes",
    [{"Subject": ""}, {"Text": "", "Html": ""}, {"Html": "x" * 500 * 1024}, {"Text": "{{#each a}}"}],
)
def test_a_template_that_cannot_be_sent_is_refused(ses, changes: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    for operation in (ses.create_email_template, ses.update_email_template):
        with refused("BadRequestException"):
            operation(TemplateName="hello", TemplateContent=CONTENT | changes)
    assert ses.get_email_template(TemplateName="hello")["TemplateContent"] == CONTENT


def test_create_email_template_refuses_names_and_tags_that_cannot_be(ses) -> None:  # type: ignore[no-untyped-def]
    with refused("BadRequestException"):
        ses.create_email_template(TemplateName="two words", TemplateContent=CONTENT)
    with refused("BadRequestException"):
        ses.create_email_template(
            TemplateName="other", TemplateContent=CONTENT, Tags=[{"Key": "aws:mine", "Value": "x"}]
        )
    assert [one["TemplateName"] for one in ses.list_email_templates()["TemplatesMetadata"]] == ["hello"]


def test_list_email_templates_in_pages(ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_email_template(TemplateName="bye", TemplateContent=CONTENT)
    first = ses.list_email_templates(PageSize=1)
    assert [one["TemplateName"] for one in first["TemplatesMetadata"]] == ["bye"]
    assert first["TemplatesMetadata"][0]["CreatedTimestamp"].tzinfo is not None
    rest = ses.list_email_templates(PageSize=1, NextToken=first["NextToken"])
    assert [one["TemplateName"] for one in rest["TemplatesMetadata"]] == ["hello"]
    assert "NextToken" not in rest
    with refused("BadRequestException"):
        ses.list_email_templates(NextToken="never given")


def test_delete_email_template_once(ses) -> None:  # type: ignore[no-untyped-def]
    ses.delete_email_template(TemplateName="hello")
    with refused("NotFoundException", "Template hello does not exist.", 404):
        ses.delete_email_template(TemplateName="hello")


def test_test_render_email_template_shows_the_message(ses) -> None:  # type: ignore[no-untyped-def]
    text = ses.test_render_email_template(TemplateName="hello", TemplateData='{"name": "Jo"}')["RenderedTemplate"]
    message = message_from_string(text, policy=default)
    assert message.keys() == ["Date", "Message-ID", "Subject", "MIME-Version", "Content-Type"]
    assert message["Subject"] == "Hello, Jo"
    assert [part.get_content().strip() for part in message.get_payload()] == ["Hi Jo", "<p>Hi Jo</p>"]


def test_test_render_email_template_says_what_is_wrong_with_the_data(ses) -> None:  # type: ignore[no-untyped-def]
    with refused("BadRequestException", "Attribute 'name' is not present in the rendering data."):
        ses.test_render_email_template(TemplateName="hello", TemplateData="{}")
    for data in ("", "{", "[]"):
        with refused("BadRequestException"):
            ses.test_render_email_template(TemplateName="hello", TemplateData=data)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("get_email_template", {}),
        ("delete_email_template", {}),
        ("update_email_template", {"TemplateContent": CONTENT}),
        ("test_render_email_template", {"TemplateData": "{}"}),
    ],
)
def test_a_template_that_is_not_there_is_named(ses, operation: str, params: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    with refused("NotFoundException", "Template missing does not exist.", 404):
        getattr(ses, operation)(TemplateName="missing", **params)


def test_v1_and_v2_see_one_template_of_one_account_in_one_region(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    earlier = server.client("ses")
    earlier.create_template(Template={"TemplateName": "old", "SubjectPart": "s", "TextPart": "t"})
    found = ses.get_email_template(TemplateName="old")
    assert (found["TemplateContent"], found["Tags"]) == ({"Subject": "s", "Text": "t"}, [])
    earlier.delete_template(TemplateName="hello")
    with refused("NotFoundException", status=404):
        ses.get_email_template(TemplateName="hello")
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999982")):
        assert other.list_email_templates()["TemplatesMetadata"] == []
        with refused("NotFoundException", status=404):
            other.delete_email_template(TemplateName="old")


def test_create_email_template_stops_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MOST_TEMPLATES", 1)
    ses, content = server.client("sesv2"), {"Subject": "x", "Text": "y"}
    ses.create_email_template(TemplateName="first", TemplateContent=content)
    with refused("LimitExceededException", "You have reached the maximum of 1 templates in this region."):
        ses.create_email_template(TemplateName="second", TemplateContent=content)
