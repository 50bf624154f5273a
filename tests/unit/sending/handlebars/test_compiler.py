"""What Handlebars.js does not tell: refusals, their lines, and the bounds of one rendering."""

import pytest

from pillarbox.sending.handlebars.compiler import LARGEST_SOURCE, compile_template
from pillarbox.sending.handlebars.errors import MissingAttribute, MissingPartial, RenderingLimit, TemplateError
from pillarbox.sending.handlebars.parser import DEEPEST


def rendered(source, **data):
    return compile_template(source).render(data)


def test_a_missing_variable_is_told_in_the_words_of_aws():
    with pytest.raises(MissingAttribute) as missing:
        rendered("Hello {{contact.firstName}}", contact={})

    assert str(missing.value) == "Attribute 'contact.firstName' is not present in the rendering data."


def test_a_variable_in_a_branch_that_does_not_run_may_be_missing():
    assert rendered("{{#if name}}Dear {{name}}{{else}}Hello{{/if}}") == "Hello"


@pytest.mark.parametrize("block", ["if", "unless", "each", "with", ""])
def test_a_block_may_ask_for_what_is_missing(block):
    closing = block or "x"
    assert rendered(f"{{{{#{block} x}}}}{{{{else}}}}{{{{/{closing}}}}}.") == "."


@pytest.mark.parametrize(
    "source, line, message",
    [
        ("a\nb {{foo bar}}", 2, 'Missing helper: "foo"'),
        ("{{foo bar=1}}", 1, 'Missing helper: "foo"'),
        ("\n\n{{#if\n(foo 1)}}{{/if}}", 4, 'Missing helper: "foo"'),
        ("\n{{#foo 1}}{{/foo}}", 2, 'Missing helper: "foo"'),
        ("\n{{log x}}", 2, 'Missing helper: "log"'),
        ("{{#lookup a b}}{{/lookup}}", 1, 'Missing helper: "lookup"'),
        ("{{lookup a}}", 1, "lookup requires exactly two arguments"),
        ("{{if x}}", 1, 'Missing helper: "if"'),
        ("{{each}}", 1, "each is a helper and needs a block"),
        ("{{#if}}{{/if}}", 1, "#if requires exactly one argument"),
        ("{{#if a}}\n\n{{/with}}", 3, "if doesn't match with"),
        ("{{#if a}}\n", 2, "Unexpected end of the template"),
        ("\n{{!-- a }}", 2, "Unclosed comment"),
        ("\n{{a b}", 2, "Unexpected '}'"),
        ("\n{{> p}}", 2, "The partial p could not be found"),
        ('{{#*inline "p"}}{{/inline}}\n{{> q}}', 2, "The partial q could not be found"),
        ("{{#*inline p}}{{/inline}}", 1, 'An inline partial needs a name, as in {{#* inline "name"}}'),
        ('\n{{#*other "p"}}{{/other}}', 2, 'Unknown decorator: "other"'),
        ("\n{{*other}}", 2, 'Unknown decorator: "other"'),
        ("\n{{#> layout}}{{/layout}}", 2, "Partial blocks are not supported"),
        ("\n{{{{raw}}}}{{{{/raw}}}}", 2, "Raw blocks are not supported"),
        ("a\n\0", 2, "A template cannot contain the character NUL"),
    ],
)
def test_a_template_that_cannot_be_read_is_refused_with_its_line(source, line, message):
    with pytest.raises(TemplateError) as refusal:
        compile_template(source)

    assert (refusal.value.line, refusal.value.message) == (line, message)


def test_a_partial_out_of_scope_is_missing_only_where_it_is_called():
    template = compile_template('{{#if a}}{{#*inline "p"}}x{{/inline}}{{/if}}{{#if b}}{{> p}}{{/if}}')

    assert template.render({"a": 1}) == ""
    with pytest.raises(MissingPartial):
        template.render({"a": 1, "b": 1})


def test_a_compiled_template_renders_again_and_again():
    template = compile_template('{{#*inline "p"}}{{x}}{{/inline}}{{#each l}}{{> p}}{{@index}}{{/each}}')

    assert template.render({"l": [{"x": "a"}]}) == "a0"
    with pytest.raises(MissingAttribute):
        template.render({"l": [{"x": 1}, {}]})
    assert template.render({"l": [{"x": "b"}, {"x": "c"}]}) == "b0c1"


def test_the_data_is_not_changed():
    data = {"l": [1, {"a": 2}], "n": None}

    rendered('{{#*inline "p"}}{{x}}{{a}}{{/inline}}{{#each l}}{{> p x=1 a=2}}{{/each}}{{#if n}}{{/if}}', **data)

    assert data == {"l": [1, {"a": 2}], "n": None}


def test_the_open_tracker_is_counted():
    assert compile_template("{{ses:openTracker}}{{#if a}}{{ses:openTracker}}{{/if}}").open_trackers == 2
    assert compile_template("\\{{ses:openTracker}}").open_trackers == 0


def test_nothing_of_python_can_be_reached():
    for path in (
        "__class__",
        "x.__class__",
        "x.append",
        "x.[-1]",
        "o.get",
        "o.keys",
        "s.upper",
        "f.real",
        "@root.__class__",
    ):
        with pytest.raises(MissingAttribute):
            rendered(f"{{{{{path}}}}}", x=[1], o={}, s="s", f=1.5)


def test_halves_of_a_character_become_one_and_a_single_half_is_replaced():
    assert rendered("{{a}}{{b}}", a="\ud83d", b="\ude00") == "\U0001f600"
    assert rendered("{{a}}.", a="\ud83d") == "\ufffd."


def test_a_source_over_the_limit_is_refused():
    assert rendered("é" * (LARGEST_SOURCE // 2))
    with pytest.raises(TemplateError):
        compile_template("é" * (LARGEST_SOURCE // 2 + 1))


def test_nesting_is_bounded():
    assert rendered("{{#if a}}" * DEEPEST + "x" + "{{/if}}" * DEEPEST, a=1) == "x"
    more = DEEPEST + 1
    for source in (
        "{{#if a}}" * more + "{{/if}}" * more,
        "{{#if a}}{{else}}" * more + "{{/if}}" * more,
        "{{#if a}}" + "{{else if a}}" * more + "{{/if}}",
        "{{lookup " + "(lookup " * more,
    ):
        with pytest.raises(TemplateError, match="nested"):
            compile_template(source)


@pytest.mark.parametrize(
    "source",
    [
        '{{#*inline "p"}}{{> p}}{{/inline}}{{> p}}',
        '{{#*inline "p"}}\n  {{> p}}\n{{/inline}}{{> p}}',
        '{{#*inline "p"}}{{#each ten}}{{> p ten=../ten}}{{/each}}{{/inline}}{{> p}}',
        '{{#*inline "p"}}{{> q}}{{/inline}}{{#*inline "q"}}{{> p}}{{/inline}}{{> q}}',
    ],
)
def test_partials_that_never_end_are_stopped(source):
    with pytest.raises(RenderingLimit, match="deep"):
        rendered(source, ten=[1] * 10)


@pytest.mark.parametrize(
    "source",
    [
        "{{#each l}}{{#each @root.l}}{{#each @root.l}}{{/each}}{{/each}}{{/each}}",
        "{{#each l}}{{#each @root.l}}{{#if this}}{{/if}}{{/each}}{{/each}}",
        "{{#each l}}{{^each @root.l}}{{/each}}{{/each}}",
        '{{#*inline "p"}}{{/inline}}{{#each l}}{{> p @root.l x=1}}{{/each}}',
        "".join(f'{{{{#*inline "p{n}"}}}}{{{{/inline}}}}' for n in range(1000))
        + '{{#each l}}{{#if this}}{{#*inline "p"}}{{/inline}}{{/if}}{{/each}}',
    ],
)
def test_loops_in_loops_are_stopped(source):
    with pytest.raises(RenderingLimit, match="steps"):
        rendered(source, l=[1] * 1200)


def test_partials_that_call_each_other_twice_are_stopped():
    doubling = "".join(f'{{{{#*inline "p{n}"}}}}{{{{> p{n + 1}}}}}{{{{> p{n + 1}}}}}{{{{/inline}}}}' for n in range(30))
    with pytest.raises(RenderingLimit, match="steps"):
        rendered(doubling + '{{#*inline "p30"}}{{/inline}}{{> p0}}')


def test_values_that_are_long_to_print_and_print_nothing_are_stopped():
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(RenderingLimit, match="steps"):
        rendered("{{#each l}}{{@root.deep}}{{/each}}", l=[1] * 20_000, deep=deep)


@pytest.mark.parametrize(
    "source",
    [
        "{{#each l}}{{@root.s}}{{/each}}",
        "{{s}}" * 200,
        '  {{> p}}\n{{#*inline "p"}}{{#each l}}\n{{@root.s}}{{/each}}{{/inline}}',
    ],
)
def test_a_text_that_grows_too_long_is_stopped(source):
    with pytest.raises(RenderingLimit, match="longer"):
        rendered(source, l=[1] * 200, s="x" * 100_000)


def test_data_nested_too_deep_to_print_is_a_limit_and_not_a_crash():
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(RenderingLimit):
        rendered("{{deep}}", deep=deep)
