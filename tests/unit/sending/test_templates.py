"""What a template is checked for, and what its preview shows."""

import email
import email.policy

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources.templates import Template
from pillarbox.sending.draft import Attachment
from pillarbox.sending.templates import (
    InvalidRendering,
    InvalidTemplate,
    MissingRenderingAttribute,
    check,
    preview,
    templated,
)

HERE = Scope("111111111111", "eu-west-1")
NOW = 1_700_000_000_123
HELLO = Template("hello", "Hello, {{name}}", "Hi {{name}}", "<p>Hi {{name}}</p>")


def _preview(template: Template, data: str) -> email.message.Message:
    text = preview(template, data, HERE, "mail.example", NOW)
    return email.message_from_string(text, policy=email.policy.default)


def test_a_preview_is_a_whole_message_without_addresses() -> None:
    message = _preview(HELLO, '{"name": "Zoë"}')
    assert message.keys() == ["Date", "Message-ID", "Subject", "MIME-Version", "Content-Type"]
    assert message["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert message["Message-ID"].endswith("@eu-west-1.mail.example>")
    assert message["Subject"] == "Hello, Zoë"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.get_payload()
    assert (text.get_content_type(), text.get_content().strip()) == ("text/plain", "Hi Zoë")
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", "<p>Hi Zoë</p>")


@pytest.mark.parametrize(
    ("template", "kind"), [(Template("t", "s", "x", ""), "text/plain"), (Template("t", "s", None, "x"), "text/html")]
)
def test_an_empty_part_is_no_part(template: Template, kind: str) -> None:
    assert _preview(template, "{}").get_content_type() == kind


@pytest.mark.parametrize(
    "template",
    [
        Template("hello", "one\n{{#if x}}", "t", "h"),
        Template("hello", "s", "one\n{{name", "h"),
        Template("hello", "s", "t", "one\n{{> footer}}"),
        Template("hello", "s", "t", "one\n{{shout name}}"),
    ],
)
def test_a_part_that_cannot_be_read_is_refused(template: Template) -> None:
    with pytest.raises(InvalidTemplate, match=r"Template hello is invalid: .*line 2") as refused:
        check(template)
    assert refused.value.members == {"TemplateName": "hello"}


def test_a_template_without_a_body_is_refused_before_it_is_read() -> None:
    with pytest.raises(Invalid, match="text part or the HTML part"):
        check(Template("hello", "{{#if x}}"))


def test_a_template_that_can_be_filled_passes() -> None:
    check(HELLO)


def test_what_the_data_lacks_is_named() -> None:
    text = r"Attribute 'name' is not present in the rendering data\."
    with pytest.raises(MissingRenderingAttribute, match=text) as refused:
        _preview(HELLO, "{}")
    assert refused.value.members == {"TemplateName": "hello"}


@pytest.mark.parametrize("data", ["", "{", "[]", '"name"', "null", '{"name": NaN}'])
def test_data_that_is_no_json_object_is_refused(data: str) -> None:
    with pytest.raises(InvalidRendering) as refused:
        _preview(HELLO, data)
    assert type(refused.value) is InvalidRendering
    assert refused.value.members == {"TemplateName": "hello"}


def test_a_template_without_an_end_is_no_missing_attribute() -> None:
    endless = Template("hello", "s", "{{#*inline 'p'}}{{> p}}{{/inline}}{{> p}}")
    with pytest.raises(InvalidRendering) as refused:
        _preview(endless, "{}")
    assert type(refused.value) is InvalidRendering


def test_a_subject_of_two_lines_is_refused() -> None:
    with pytest.raises(Invalid):
        _preview(HELLO, '{"name": "a\\nBcc: x@example.net"}')


def test_a_send_asks_for_the_template_with_all_that_goes_with_it() -> None:
    attachment = Attachment("a.txt", b"a")
    asked = templated(Template("t", "s", "", "h"), '{"a": 1}', (("X-A", "b"),), (attachment,))
    assert (asked.name, asked.subject, asked.text, asked.html, asked.data) == ("t", "s", None, "h", '{"a": 1}')
    assert (asked.headers, asked.attachments) == ((("X-A", "b"),), (attachment,))
