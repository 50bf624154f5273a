"""Our renderer and Handlebars.js say the same of any template; and no text at all makes ours fall over.

One node process answers for Handlebars.js (tests/data/handlebars/oracle.js);
the package is put into the folder `.node` when it is missing there.
"""

import fcntl
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.sending.handlebars.compiler import compile_template
from pillarbox.sending.handlebars.errors import MissingAttribute, RenderingError, TemplateError
from pillarbox.sending.handlebars.parser import parse
from pillarbox.sending.render import template_data
from tests.support.examples import examples

VERSION = "4.7.8"
TABLES = Path(__file__).parents[1] / "data" / "handlebars"
FOLDER = Path(__file__).parents[2] / ".node" / "handlebars"
SLOWEST_ANSWER_SECONDS = 30


class Oracle:
    """Handlebars.js in one process, a line for each case."""

    def __init__(self, module: Path) -> None:
        command = ["node", str(TABLES / "oracle.js"), str(module)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self, template: str, data: str) -> dict[str, str]:
        assert self._process.stdin and self._process.stdout
        watch = Timer(SLOWEST_ANSWER_SECONDS, self._process.kill)
        watch.start()
        self._process.stdin.write(json.dumps({"template": template, "data": data}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        watch.cancel()
        assert line, "the oracle gave no answer"
        answer: dict[str, str] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    module = FOLDER / "node_modules" / "handlebars"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (module / "package.json").exists():
            install = ["npm", "install", "--prefix", str(FOLDER), "--no-audit", "--no-fund", f"handlebars@{VERSION}"]
            subprocess.run(install, check=True, timeout=300)
    oracle = Oracle(module)
    yield oracle
    oracle.close()


def ours(template: str, data: str) -> dict[str, str]:
    try:
        return {"text": compile_template(template).render(template_data(data))}
    except MissingAttribute as missing:
        return {"missing": missing.name}
    except (TemplateError, RenderingError):
        return {"error": ""}


@pytest.mark.parametrize("table", sorted(TABLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_tables_say_what_handlebars_js_says(oracle, table):
    for case in json.loads(table.read_text()):
        assert oracle.answer(case["template"], case["data"]) == case["expected"], case["name"]


# Values that JavaScript's == takes for equal are left out: see is_same in values.py.
NAMES = ["a", "b", "l", "o"]
LEAVES = st.sampled_from([None, True, 2, -3, 2.5, 1e21, 1e-7, 12345678901234567890, "x", "<é>", "\U0001f600", "y\n z"])
ITEMS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "7", "10", "k"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ITEMS | st.sampled_from([False, 0, "", [], {}])
DATA = st.fixed_dictionaries({"s": st.just("str"), **dict.fromkeys(NAMES[1:], FIELDS)}, optional={"a": FIELDS}).map(
    json.dumps
)

SPACES = st.sampled_from(["", "", " ", "\n", "  \n", "\n  ", " \r\n\t", "\n\n", "\u00a0", "\u2028\n"])
TEXTS = st.sampled_from(["t", "<p>", "\\", "\\\\", "\\\\\\", "{", "}", "}}", "é", "else", '"']) | SPACES
LIKELY = [
    "a", "b", "l", "o", "s", "this", ".", "@root.b", "@root.l", "@root.s", "l.length", "[b]", "'b'",
]  # fmt: skip
UNLIKELY = [
    "..", "../b", "../../b", "../this", "this.a", "./b", "a.b", "o.a", "s.length", "l.0.a", "a.[0]", "o.7.b", "x",
    "x.a", "i", "y", "@index", "@key", "@first", "@last", "@root", "@root.a", "@../index", "@../key", "@foo",
]  # fmt: skip
PATHS = st.sampled_from(LIKELY) | st.sampled_from(UNLIKELY)
BOUND = st.sampled_from(["", "", " as |x|", " as |x i|", " as |y x|"])
TILDES = st.sampled_from(["", "", "", "~"])


@st.composite
def tags(draw, inside: str) -> str:
    return f"{{{{{draw(TILDES)}{inside}{draw(TILDES)}}}}}"


@st.composite
def lines(draw, inner: st.SearchStrategy[str]) -> str:
    return draw(SPACES) + draw(inner) + draw(SPACES)


@st.composite
def variables(draw) -> str:
    path = draw(st.sampled_from(LIKELY) if draw(st.integers(0, 3)) else PATHS)
    if draw(st.integers(0, 9)) == 0:
        return draw(tags(f"lookup {path} {draw(PATHS)}"))
    return draw(tags(path) | tags(f"{{{path}}}") | tags("& " + path) | tags(f" {path} "))


@st.composite
def others(draw) -> str:
    named = draw(st.sampled_from(["", " a=b", " x=1 l=@root.l", " this", " l o=a", ' "x"', " (lookup o 'a')"]))
    comments = tags("! note ") | tags("!-- a }} b --")
    return draw(comments | tags(f"> p{named}") | tags(f"> q{named}") | st.just("{{ses:openTracker}}"))


@st.composite
def blocks(draw, inner: st.SearchStrategy[str]) -> str:
    helper = draw(st.sampled_from(["if ", "unless ", "each ", "with ", ""]))
    path = draw(PATHS)
    zero = draw(st.sampled_from(["", " includeZero=true"])) if helper in ("if ", "unless ") else ""
    mark = draw(st.sampled_from("###^"))
    # Where no value is bound to a block parameter, Handlebars.js falls over it.
    bound = draw(BOUND) if helper in ("each ", "with ") and mark == "#" else ""
    whole = draw(tags(f"{mark}{helper}{path}{zero}{bound}")) + draw(inner)
    while mark == "#" and draw(st.booleans()):
        whole += draw(tags(f"else {draw(st.sampled_from(['if', 'each', 'with', 'unless']))} {draw(PATHS)}")) + draw(
            inner
        )
    if draw(st.booleans()):
        whole += draw(tags("else") | tags("^")) + draw(inner)
    return whole + draw(tags(f"/{(helper or path).strip()}"))


def bodies(depth: int) -> st.SearchStrategy[str]:
    pieces = TEXTS | variables() | others()
    if depth:
        pieces |= blocks(bodies(depth - 1))
    return st.lists(lines(pieces), max_size=4).map("".join)


PARTIALS = st.lists(
    SPACES | variables() | st.sampled_from(["t\n", "{{#if a}}u{{/if}}\n", " {{#each l}}\n-\n{{/each}}"]), max_size=4
)


@st.composite
def templates(draw) -> str:
    p, q = ("".join(draw(PARTIALS)) for _ in "pq")
    definitions = f'{{{{#*inline "p"}}}}{p}{{{{> q}}}}{{{{/inline}}}}{{{{#*inline "q"}}}}{q}{{{{/inline}}}}'
    return definitions + draw(bodies(3)) if draw(st.booleans()) else draw(bodies(3)) + definitions


@settings(max_examples=examples(200), deadline=None)
@given(template=templates(), data=DATA)
def test_any_template_renders_as_in_handlebars_js(oracle, template, data):
    expected = oracle.answer(template, data)

    got = ours(template, data)

    assert got.keys() == expected.keys() and ("error" in expected or got == expected)


FRAGMENTS = [
    "{{", "}}", "{{{", "}}}", "{{#", "{{/", "{{^", "{{&", "{{>", "{{!", "{{!--", "--", "{{~", "~}}", "{{else}}",
    "{{else", "{{^}}", "{{#*", "if", "each", "inline", "this", ".", "..", "/", "a", "b", "a.b", "(", ")", "=", "|",
    "as", "@", "[", "]", "[a]", '"', "'", "'a'", "1", "-2.5", "true", "null", "undefined", "\\", "\\\\", ",", "%",
    "é", "{{#if a}}", "{{/if}}", "{{#each", " ", "\n", "\ufeff", "as |x|", "as\n|", "\ud800", "{{#a as |x y|}}",
    "{{/a}}", "{{> p",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)
NOT_SUPPORTED = ("not supported", "Unknown decorator")


@settings(max_examples=examples(200), deadline=None)
@given(SOUP)
def test_what_handlebars_js_cannot_parse_we_cannot_and_the_reverse(oracle, source):
    refusal = ""
    try:
        parse(source)
    except TemplateError as error:
        refusal = str(error)
    if any(reason in refusal for reason in NOT_SUPPORTED):
        return

    assert (oracle.answer(source, "{}").get("error") == "parsing") == bool(refusal), refusal


@settings(max_examples=examples(150), deadline=None)
@given(st.text() | st.tuples(SOUP, st.text(), SOUP).map("".join), DATA)
def test_any_text_renders_or_is_refused(source, data):
    ours(source, data)


@settings(max_examples=examples(150), deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_any_number_prints_as_in_javascript(oracle, number):
    data = json.dumps({"n": number})

    assert ours("{{n}}", data) == oracle.answer("{{n}}", data)
