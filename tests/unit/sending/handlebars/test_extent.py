"""How long a text can become is told before it is rendered, and never too short."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.sending.handlebars.compiler import compile_template
from pillarbox.sending.handlebars.errors import RenderingError
from pillarbox.sending.handlebars.extent import longest

TEXTS = st.text(st.sampled_from('ab é😀\n,"\\'), max_size=6)
PIECES = st.recursive(
    st.one_of(
        st.text(st.sampled_from("ab é😀\n"), max_size=6),
        st.sampled_from(
            ["{{a}}", "{{b.c}}", "{{lookup a 0}}", "{{@key}}", "{{this}}", "{{@root}}", "{{ses:openTracker}}"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.tuples(
            st.sampled_from(["#each a", "#each this", "#a", "^a", "#b", "#with b", "#if a", "#unless c"]), inner
        ).map(lambda made: f"{{{{{made[0]}}}}}{made[1]}{{{{/{made[0].lstrip('#^').split()[0]}}}}}"),
    ),
    max_leaves=12,
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=10,
)


@given(PIECES, st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), st.booleans())
def test_no_text_is_longer_than_was_told(source: str, data: dict[str, object], escaped: bool) -> None:
    template = compile_template(source)
    given_data = json.dumps(data, ensure_ascii=escaped, separators=(",", ":"))
    try:
        rendered = template.render(data)
    except RenderingError:
        return
    assert template.extent is not None
    assert len(rendered.encode()) <= longest(template.extent, given_data)


def test_a_loop_in_a_loop_takes_as_many_turns_as_the_data_have_values_squared() -> None:
    extent = compile_template("{{#each a}}{{#each ../a}}xxxxxxxxxx{{/each}}{{/each}}").extent
    assert extent is not None
    data = json.dumps({"a": [1] * 100})
    assert 10 * 100**2 <= longest(extent, data) < 40 * 100**2


def test_what_a_condition_encloses_is_written_once() -> None:
    extent = compile_template("{{#if a}}xxxxxxxxxx{{/if}}").extent
    assert extent is not None
    assert longest(extent, json.dumps({"a": [1] * 1_000})) < 50_000


@pytest.mark.parametrize("source", ['{{#* inline "p"}}x{{/inline}}{{> p}}', '{{#with "a long text"}}{{this}}{{/with}}'])
def test_of_what_may_call_itself_or_prints_the_template_nothing_is_told(source: str) -> None:
    assert compile_template(source).extent is None
