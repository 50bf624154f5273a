"""Templates in v1."""

from email import message_from_string
from email.policy import default
from typing import Any

import pytest

from pillarbox.resources import templates
from tests.support.refused import refused
from tests.support.server import Server

HELLO = {
    "TemplateName": "hello",
    "SubjectPart": "Hello, {{name}}",
    "TextPart": "Hi {{name}} & all\r\nBye\n",
    "HtmlPart": "<p>Hi {{name}}</p>",
}
MISSING = "Template missing does not exist."


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v1 client of an account with the template `hello`."""
    client = server.client("ses")
    client.create_template(Template=HELLO)
    return client


def test_get_template_returns_what_create_template_was_given(ses) -> None:  # type: ignore[no-untyped-def]
    assert ses.get_template(TemplateName="hello")["Template"] == HELLO


def test_create_template_refuses_a_second_of_its_name(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    text = f"Template hello already exists for account id {server.account}"
    with refused("AlreadyExists", text, Name="hello"):
        ses.create_template(Template=HELLO)


def test_update_template_replaces_the_whole(ses) -> None:  # type: ignore[no-untyped-def]
    changed = {"TemplateName": "hello", "SubjectPart": "Bye", "HtmlPart": "<p>Bye</p>"}
    ses.update_template(Template=changed)
    assert ses.get_template(TemplateName="hello")["Template"] == changed


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"SubjectPart": ""}, "InvalidParameterValue", "The subject must be specified."),
        (
            {"TextPart": "", "HtmlPart": ""},
            "InvalidParameterValue",
            "The text part or the HTML part must be specified.",
        ),
        ({"HtmlPart": "x" * 500 * 1024}, "InvalidParameterValue", "The template is larger than 500 KB."),
        ({"HtmlPart": "{{#if a}}"}, "InvalidTemplate", None),
        ({"TextPart": "{{a"}, "InvalidTemplate", None),
        ({"HtmlPart": "{{ses:openTracker}}{{ses:openTracker}}"}, "InvalidTemplate", None),
    ],
)
def test_a_template_that_cannot_be_sent_is_refused(ses, changes: dict[str, str], code: str, text: str | None) -> None:  # type: ignore[no-untyped-def]
    members: dict[str, Any] = {"TemplateName": "hello"} if code == "InvalidTemplate" else {}
    for operation in (ses.create_template, ses.update_template):
        with refused(code, text, **members):
            operation(Template=HELLO | changes)
    assert ses.get_template(TemplateName="hello")["Template"] == HELLO


def test_create_template_refuses_a_name_that_cannot_be(ses) -> None:  # type: ignore[no-untyped-def]
    with refused("InvalidParameterValue"):
        ses.create_template(Template=HELLO | {"TemplateName": "two words"})


def test_list_templates_in_pages(ses) -> None:  # type: ignore[no-untyped-def]
    for number in range(10):
        ses.create_template(Template=HELLO | {"TemplateName": f"t{number}"})
    first = ses.list_templates()
    assert [one["Name"] for one in first["TemplatesMetadata"]] == ["hello", *(f"t{number}" for number in range(9))]
    created = ses.list_templates(MaxItems=1)["TemplatesMetadata"][0]["CreatedTimestamp"]
    assert created.tzinfo is not None
    rest = ses.list_templates(NextToken=first["NextToken"])
    assert [one["Name"] for one in rest["TemplatesMetadata"]] == ["t9"]
    assert "NextToken" not in rest
    assert len(ses.list_templates(MaxItems=1_000)["TemplatesMetadata"]) == 11
    with refused("InvalidParameterValue"):
        ses.list_templates(MaxItems=0)
    with refused("InvalidParameterValue"):
        ses.list_templates(NextToken="never given")


def test_delete_template_never_fails(ses) -> None:  # type: ignore[no-untyped-def]
    for _ in range(2):
        ses.delete_template(TemplateName="hello")
    assert ses.list_templates()["TemplatesMetadata"] == []


def test_test_render_template_shows_the_message(ses) -> None:  # type: ignore[no-untyped-def]
    text = ses.test_render_template(TemplateName="hello", TemplateData='{"name": "<Zoë>"}')["RenderedTemplate"]
    assert "\r\n" in text
    message = message_from_string(text, policy=default)
    assert message.keys() == ["Date", "Message-ID", "Subject", "MIME-Version", "Content-Type"]
    assert message["Message-ID"].endswith("@email.pillarbox.localhost>")
    assert message["Subject"] == "Hello, <Zoë>"
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.get_payload()
    assert plain.get_content().splitlines() == ["Hi <Zoë> & all", "Bye"]
    assert html.get_content().strip() == "<p>Hi <Zoë></p>"


def test_test_render_template_says_what_is_wrong_with_the_data(ses) -> None:  # type: ignore[no-untyped-def]
    text = "Attribute 'name' is not present in the rendering data."
    with refused("MissingRenderingAttribute", text, TemplateName="hello"):
        ses.test_render_template(TemplateName="hello", TemplateData='{"nome": "Jo"}')
    for data in ("", "{", "[]", "null"):
        with refused("InvalidRenderingParameter", TemplateName="hello"):
            ses.test_render_template(TemplateName="hello", TemplateData=data)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("get_template", {"TemplateName": "missing"}),
        ("update_template", {"Template": HELLO | {"TemplateName": "missing"}}),
        ("test_render_template", {"TemplateName": "missing", "TemplateData": "{}"}),
    ],
)
def test_a_template_that_is_not_there_is_named(ses, operation: str, params: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    with refused("TemplateDoesNotExist", MISSING, TemplateName="missing"):
        getattr(ses, operation)(**params)


def test_v1_and_v2_see_one_template_of_one_account_in_one_region(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    later = server.client("sesv2")
    assert later.get_email_template(TemplateName="hello")["TemplateContent"]["Text"] == HELLO["TextPart"]
    later.update_email_template(TemplateName="hello", TemplateContent={"Subject": "Later", "Text": "t"})
    assert ses.get_template(TemplateName="hello")["Template"] == {
        "TemplateName": "hello",
        "SubjectPart": "Later",
        "TextPart": "t",
    }
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999981")):
        assert other.list_templates()["TemplatesMetadata"] == []
        with refused("TemplateDoesNotExist"):
            other.get_template(TemplateName="hello")
        other.delete_template(TemplateName="hello")
    assert [one["Name"] for one in ses.list_templates()["TemplatesMetadata"]] == ["hello"]


def test_create_template_stops_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MOST_TEMPLATES", 1)
    ses = server.client("ses")
    ses.create_template(Template={"TemplateName": "first", "SubjectPart": "x", "TextPart": "y"})
    with refused("LimitExceeded", "You have reached the maximum of 1 templates in this region."):
        ses.create_template(Template={"TemplateName": "second", "SubjectPart": "x", "TextPart": "y"})
