import pytest

from pillarbox.sending.handlebars.errors import TemplateError
from pillarbox.sending.render import (
    LONGEST_DATA,
    InvalidTemplateData,
    Rendered,
    RenderingFailure,
    TemplateParts,
    render,
    template_data,
)

GREETING = TemplateParts("Greeting", "Hello, {{name}}!", "Dear {{name}}", "<h1>{{name}}</h1>")


def test_every_part_is_rendered_and_nothing_is_escaped():
    assert render(GREETING, '{"name": "<Ana & co>"}') == Rendered(
        subject="Hello, <Ana & co>!", text="Dear <Ana & co>", html="<h1><Ana & co></h1>"
    )


def test_a_part_that_the_template_does_not_have_stays_absent():
    assert render(TemplateParts("t", "s", None, ""), "{}") == Rendered("s", None, "")


def test_a_missing_variable_fails_with_the_name_of_the_template():
    with pytest.raises(RenderingFailure) as failure:
        render(GREETING, '{"Name": "Ana"}')

    assert failure.value.template_name == "Greeting"
    assert failure.value.missing == "name"
    assert failure.value.message == "Attribute 'name' is not present in the rendering data."


def test_a_rendering_over_its_limit_fails_without_a_missing_name():
    endless = TemplateParts("t", '{{#*inline "p"}}{{> p}}{{/inline}}{{> p}}')
    with pytest.raises(RenderingFailure) as failure:
        render(endless, "{}")

    assert failure.value.missing is None


def test_partials_are_not_shared_between_parts():
    with pytest.raises(TemplateError, match="The partial p could not be found"):
        render(TemplateParts("t", "s", '{{#*inline "p"}}x{{/inline}}', "{{> p}}"), "{}")


def test_one_open_tracker_stays_and_two_are_refused():
    assert render(TemplateParts("t", "s", None, "a{{ses:openTracker}}"), "{}").html == "a{{ses:openTracker}}"
    with pytest.raises(TemplateError, match="only once"):
        render(TemplateParts("t", "s", None, "{{ses:openTracker}}{{ses:openTracker}}"), "{}")


@pytest.mark.parametrize(
    "data",
    ["", "{", "null", "[]", '"x"', "1", '{"a": NaN}', '{"a": -Infinity}', "{'a': 1}", '{"a": 1}}', '{"a": ' * 20_000],
)
def test_data_that_is_not_a_json_object_is_refused(data):
    with pytest.raises(InvalidTemplateData):
        render(GREETING, data)


def test_data_is_bounded_in_characters():
    envelope = '{"name": ""}'
    longest = '{"name": "' + "é" * (LONGEST_DATA - len(envelope)) + '"}'

    assert len(longest) == LONGEST_DATA
    assert template_data(longest)
    with pytest.raises(InvalidTemplateData):
        template_data(longest + " ")


def test_a_number_of_many_digits_is_what_javascript_makes_of_it():
    assert template_data('{"n": 123456789012345678}') == {"n": 123456789012345680.0}
    assert template_data('{"n": ' + "9" * 5000 + "}") == {"n": float("inf")}


def test_a_large_template_is_rendered_like_a_small_one():
    assert render(TemplateParts("t", "s", "x" * 100_000 + "{{name}}"), '{"name": "y"}').text == "x" * 100_000 + "y"
